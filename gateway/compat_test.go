package gateway

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	gossh "golang.org/x/crypto/ssh"
)

// lockedBuffer is a log that several goroutines write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// TestCompat: clients that know only plain HMAC or NIST's curves are admitted by
// the switch that says so, and else turned away with a line in the log that names
// it; RSA with SHA-1 and finite fields never are.
func TestCompat(t *testing.T) {
	old := func(change func(*gossh.Config)) gossh.Config {
		c := gossh.Config{Ciphers: []string{gossh.CipherAES256CTR}}
		change(&c)
		return c
	}
	for _, compat := range []bool{false, true} {
		t.Run(fmt.Sprint(compat), func(t *testing.T) {
			var log lockedBuffer
			h := newHouse(t, func(o *Options) {
				o.Config.Compat = compat
				o.Log = slog.New(slog.NewTextHandler(&log, nil))
			})
			for _, c := range []struct {
				config gossh.Config
				ever   bool
			}{
				{old(func(c *gossh.Config) { c.MACs = []string{gossh.HMACSHA256} }), true},
				{old(func(c *gossh.Config) { c.KeyExchanges = []string{gossh.KeyExchangeECDHP256} }), true},
				{old(func(c *gossh.Config) { c.MACs = []string{gossh.HMACSHA1} }), false},
				{old(func(c *gossh.Config) { c.KeyExchanges = []string{gossh.KeyExchangeDH14SHA256} }), false},
			} {
				conn, _, _, err := gossh.NewClientConn(h.dialFrom("127.0.0.1", h.technicians), "gateway", &gossh.ClientConfig{
					Config: c.config, User: "list", Auth: []gossh.AuthMethod{gossh.PublicKeys(h.alice)}, HostKeyCallback: gossh.FixedHostKey(h.Key()),
				})
				if err == nil {
					_ = conn.Close()
				}
				if want := compat && c.ever; (err == nil) != want {
					t.Errorf("%+v: %v", c.config, err)
				}
			}
			eventually(t, "the log says what to do", func() bool { return strings.Contains(log.String(), "gateway.compat = true") })
		})
	}
}
