package main

import (
	"context"
	"errors"
	"io"
	"net"

	"accord/wire/ws"
)

func connectVerb() verb {
	return verb{
		name:  "connect",
		usage: "[--ca FILE] wss://HOST[:PORT]",
		line:  "carry an ssh to a gateway through HTTPS (ProxyCommand)",
		help: `Connects its standard input and output with the technicians' port of a gateway,
by a WebSocket over TLS: for networks that let out nothing but HTTPS. It is not
for the hand but for ssh's ProxyCommand; 'ssh GATEWAY config --web' prints the
lines for all devices. The proxy is the one in HTTPS_PROXY, with a name and a
password where it wants them (http://NAME:PASSWORD@HOST:PORT), but not for the
hosts in NO_PROXY.

The TLS certificate must be right, and still it is only a way through: ssh
checks the gateway's own key as everywhere else.

Options:
  -a, --ca FILE   the authority that signs the gateway's TLS certificate, in
                  PEM; else those that the system trusts

Examples:
  accord connect wss://gw.example.org
  ssh -o ProxyCommand='accord connect wss://gw.example.org' gw.example.org
  HTTPS_PROXY=http://proxy.example.org:3128 ssh laptop-7`,
		run: runConnect,
	}
}

func runConnect(ctx context.Context, c *call, args []string) error {
	fs := flags("connect")
	file := stringFlag(fs, "ca", "a", "")
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usage("connect", "name the gateway, as wss://HOST")
	}
	if err := ws.CheckURL(rest[0]); err != nil {
		return usage("connect", "%s", err)
	}
	authorities, err := ws.Authorities(*file)
	if err != nil {
		return err
	}
	conn, err := ws.Dialer{Authorities: authorities}.Dial(ctx, rest[0], ws.PathTechnicians)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	return c.bridge(conn)
}

// bridge carries bytes both ways until one side ends. The read from standard
// input ends with the program.
func (c *call) bridge(conn net.Conn) error {
	defer func() { _ = conn.Close() }()
	over := make(chan error, 2)
	go func() {
		_, err := io.Copy(conn, c.stdin)
		over <- err
	}()
	go func() {
		_, err := io.Copy(c.stdout, conn)
		over <- err
	}()
	if err := <-over; err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
