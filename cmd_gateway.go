package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"

	"golang.org/x/crypto/ssh"

	"accord/gateway"
)

func gatewayVerb() verb {
	return verb{
		name:  "gateway",
		usage: "[--config FILE]",
		line:  "run the gateway: technicians and agents meet here",
		help: `Runs the gateway until it is told to stop (Ctrl-C, SIGTERM). Technicians log in
with ssh on one port (gateway.listen), agents call home on another
(gateway.agents). Then every visit is ended and its recording sealed.

It reads people and rules anew when the configuration file changes or it gets a
SIGHUP. A bad file is refused, and what was in force stays. Visits that the new
rules don't allow end at once. Other keys take a restart; the log names them.

It needs people to let in: [[people]] in the configuration. Devices join with
the line that 'ssh GATEWAY enroll' prints for an admin.

Options:
  -c, --config FILE   the configuration; else /etc/accord/gateway.toml, and
                      without that the defaults, see config.toml

Examples:
  accord gateway --config ./gateway.toml`,
		run:    runGateway,
		serves: true,
	}
}

// errGatewayUnix is what `accord gateway` says where there is none.
var errGatewayUnix = errors.New("the gateway runs on Unix systems; on Windows this program is a technician's or a device's")

func runGateway(ctx context.Context, c *call, args []string) error {
	if runtime.GOOS == "windows" {
		return errGatewayUnix
	}
	fs := flags("gateway")
	path := stringFlag(fs, "config", "c", "")
	if _, err := parse(c, fs, args, 0); err != nil {
		return err
	}
	*path = installed(*path, "gateway.toml")
	f, err := readConfig(*path, true)
	if err != nil {
		return err
	}
	ctx, again, stop := c.onHangup(ctx)
	defer stop()
	g, err := openGateway(ctx, f, gateway.Source{File: *path, Again: again, Read: func() (gateway.Options, error) {
		f, err := readConfig(*path, true)
		return gatewayOptions(f), err
	}}, c.logger(c.stderr))
	if err != nil {
		return err
	}
	ports, err := listen(f.Gateway)
	if err != nil {
		return errors.Join(err, g.Close())
	}
	fmt.Fprintf(c.stderr, "The gateway %s listens for technicians on %s and for agents on %s.\n",
		ssh.FingerprintSHA256(g.Key()), ports.Technicians.Addr(), ports.Agents.Addr())
	if ports.WebSocket != nil {
		fmt.Fprintf(c.stderr, "Both may also come by WebSocket, on %s.\n", ports.WebSocket.Addr())
	}
	return g.Serve(ctx, ports)
}
