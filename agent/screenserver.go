package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"time"

	"accord/recordings/rfb"
)

// screenWants is what a visit needs of a VNC server.
type screenWants struct {
	visit, technician, ticket string
	control, get, put         bool // input, and the clipboard in both directions
}

// screenServer is a VNC server that has let us in.
type screenServer struct {
	conn net.Conn
}

// screenReach bounds the time to connect to a VNC server and to satisfy it.
const screenReach = 10 * time.Second

// errNoScreen reports that the device has none to show.
var errNoScreen = errors.New("this device shows no screen")

func (s *screenServer) close() {
	_ = s.conn.Close()
}

// reachScreen connects to the device's VNC server and gets through its security.
func (a *Agent) reachScreen(ctx context.Context, _ screenWants) (*screenServer, error) {
	switch server := a.cfg.Screen.Server; server {
	case screenOff:
		return nil, errNoScreen
	default:
		conn, err := dialScreen(ctx, server)
		if err != nil {
			return nil, err
		}
		secured, err := secureScreen(ctx, conn, rfb.Credentials{})
		if err != nil {
			_ = conn.Close()
			return nil, err
		}
		return &screenServer{conn: secured}, nil
	}
}

// dialScreen connects to host:port, or to a Unix socket by its absolute path.
func dialScreen(ctx context.Context, address string) (net.Conn, error) {
	network := "tcp"
	if filepath.IsAbs(address) {
		network = "unix"
	}
	d := net.Dialer{Timeout: screenReach}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("the VNC server at %s can't be reached: %w", address, err)
	}
	return conn, nil
}

// secureScreen gets through a server's security in time.
func secureScreen(ctx context.Context, conn net.Conn, c rfb.Credentials) (net.Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(screenReach)); err != nil {
		return nil, fmt.Errorf("speak with the VNC server: %w", err)
	}
	secured, err := rfb.Secure(conn, c)
	if err == nil {
		err = conn.SetDeadline(time.Time{})
	}
	if err != nil {
		return nil, err
	}
	if secured == io.ReadWriter(conn) {
		return conn, nil
	}
	return &securedConn{Conn: conn, rw: secured}, nil
}

// securedConn is a connection whose bytes go through TLS.
type securedConn struct {
	net.Conn
	rw io.ReadWriter
}

func (c *securedConn) Read(p []byte) (int, error)  { return c.rw.Read(p) }
func (c *securedConn) Write(p []byte) (int, error) { return c.rw.Write(p) }
