package wire

import (
	"context"
	"time"

	"golang.org/x/crypto/ssh"
)

// KeepAlive sends a global request every [PingEvery] and waits for its answer;
// a refusal is an answer too. When [PingMisses] intervals pass without one it
// calls dead, once. It returns when ctx or the connection ends.
func KeepAlive(ctx context.Context, conn ssh.Conn, request string, dead func()) {
	tick := time.NewTicker(PingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		late := time.AfterFunc(PingMisses*PingEvery, dead)
		_, _, err := conn.SendRequest(request, true, nil)
		late.Stop()
		if err != nil {
			return // the connection is over, which its owner knows by itself
		}
	}
}
