package agent

import (
	"context"
	"fmt"
	"net"
	"time"

	"accord/wire"
	"accord/wire/ws"
)

// dial opens the way to the gateway at an address: TCP, or, where it is a URL, a
// WebSocket. Whether that is the gateway is found out above it.
func (a *Agent) dial(ctx context.Context, address string) (net.Conn, error) {
	return dial(ctx, address, a.cfg.GatewayCA)
}

// dial trusts the authority in a file, for TLS, or without one the system's.
func dial(ctx context.Context, address, authority string) (net.Conn, error) {
	if ws.IsURL(address) {
		authorities, err := ws.Authorities(authority) // each time: it may be renewed
		if err != nil {
			return nil, fmt.Errorf("agent.gateway_ca: %w", err)
		}
		return ws.Dialer{Authorities: authorities}.Dial(ctx, address, ws.PathAgents)
	}
	d := net.Dialer{Timeout: 15 * time.Second, KeepAlive: wire.PingEvery}
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("the gateway at %s can't be reached: %w", address, err)
	}
	return conn, nil
}
