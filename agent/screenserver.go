package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"accord/agent/display"
	"accord/agent/proc"
	"accord/recordings/rfb"
	"accord/wire"
)

// screenWants is what a visit needs of a VNC server.
type screenWants struct {
	visit, technician, ticket string
	clipboard                 bool // it may be read
	group                     *proc.Group
}

// screenServer is a VNC server that has let us in.
type screenServer struct {
	conn    net.Conn
	process *proc.Process // of one that was started for this, else nil
	folder  string        // of its socket
}

// Times of VNC servers.
const (
	screenReach = 10 * time.Second       // to connect to one and to satisfy it
	screenPoll  = 20 * time.Millisecond  // between looks whether a started one listens
	screenGrace = 300 * time.Millisecond // for one to see that its client has left: it releases keys then
)

// errNoScreen reports that the device has none to show.
var errNoScreen = errors.New("this device has no screen to show")

// close hangs up, and ends the server if it was started for this. All that it
// started is dead when it returns.
func (s *screenServer) close() {
	_ = s.conn.Close()
	if s.process == nil {
		return
	}
	_ = s.process.Signal("TERM")
	select {
	case <-s.process.Gone():
	case <-time.After(screenGrace):
	}
	s.process.Close()
	_ = os.RemoveAll(s.folder)
}

// screenThere reports whether there is a screen to be had, as far as can be told
// without touching it.
func (a *Agent) screenThere() bool {
	s := a.cfg.Screen
	switch s.Server {
	case screenOff:
		return false
	case screenAuto:
		return len(a.screensRunning()) > 0 || a.canStart()
	case screenStart:
		return a.canStart()
	}
	return true
}

// screensRunning are the servers that "auto" may use: one shows all there is.
func (a *Agent) screensRunning() []string {
	if s := a.cfg.Screen; s.Monitor != "" || s.Display != "" || len(s.Start) > 0 {
		return nil
	}
	return display.Servers(a.user.UID, proc.Belongs)
}

func (a *Agent) canStart() bool {
	_, _, err := a.screenCommand(display.Show{})
	return err == nil
}

// reachScreen connects to the device's VNC server, which it may have to start, and
// gets through its security.
func (a *Agent) reachScreen(ctx context.Context, w screenWants) (*screenServer, error) {
	switch a.cfg.Screen.Server {
	case screenOff:
		return nil, errNoScreen
	case screenStart:
		return a.startScreen(ctx, w)
	case screenAuto:
		for _, address := range a.screensRunning() {
			s, err := knock(ctx, address, rfb.Credentials{})
			if err == nil {
				return s, nil
			}
			a.log.Info("a VNC server that runs can't be used", "address", address, "error", err)
		}
		return a.startScreen(ctx, w)
	}
	c, err := a.cfg.Screen.credentials()
	if err != nil {
		return nil, err
	}
	return knock(ctx, a.cfg.Screen.Server, c)
}

// knock connects to host:port, or to a Unix socket by its absolute path, and gets
// through the server's security in time.
func knock(ctx context.Context, address string, c rfb.Credentials) (*screenServer, error) {
	network := "tcp"
	if filepath.IsAbs(address) {
		network = "unix"
	}
	d := net.Dialer{Timeout: screenReach}
	conn, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, fmt.Errorf("the VNC server at %s can't be reached: %w", address, err)
	}
	secured, err := secureScreen(ctx, conn, c)
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return &screenServer{conn: secured}, nil
}

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
	if err != nil || secured == io.ReadWriter(conn) {
		return conn, err
	}
	return securedConn{conn, secured}, nil
}

// securedConn is a connection whose bytes go through TLS.
type securedConn struct {
	net.Conn
	rw io.ReadWriter
}

func (c securedConn) Read(p []byte) (int, error)  { return c.rw.Read(p) }
func (c securedConn) Write(p []byte) (int, error) { return c.rw.Write(p) }

// screenCommand is how to start a server for the user's display. The one that the
// configuration names wins over what is found.
func (a *Agent) screenCommand(s display.Show) (command []string, on display.Display, err error) {
	cfg := a.cfg.Screen
	found := display.Find(a.user.UID, proc.Belongs)
	err = fmt.Errorf("%w: nothing of %s is shown on a screen of this device", errNoScreen, a.user.Name)
	if cfg.Display != "" {
		named := display.Named(cfg.Display, fmt.Sprintf("/run/user/%d", a.user.UID))
		for _, d := range found {
			if d.Name() == cfg.Display {
				named = d // with its cookie and folder
			}
		}
		found = []display.Display{named}
	}
	for _, d := range found {
		s.Display, s.Monitor = d, cfg.Monitor
		if command, err = display.Command(cfg.Start, s); err == nil {
			return command, d, nil
		}
	}
	return nil, on, err
}

// startScreen starts a VNC server as the device's user, whose socket nobody else
// can reach. It dies with what it is for.
func (a *Agent) startScreen(ctx context.Context, w screenWants) (*screenServer, error) {
	folder, err := os.MkdirTemp("", "accord-screen-") // only its owner's
	if err != nil {
		return nil, fmt.Errorf("make a folder for the VNC server's socket: %w", err)
	}
	s, err := a.startIn(ctx, folder, w)
	if err != nil {
		_ = os.RemoveAll(folder)
	}
	return s, err
}

func (a *Agent) startIn(ctx context.Context, folder string, w screenWants) (*screenServer, error) {
	socket := filepath.Join(folder, "vnc")
	command, on, err := a.screenCommand(display.Show{Socket: socket, Clipboard: w.clipboard})
	if err != nil {
		return nil, err
	}
	if proc.Me().Root() {
		if err := os.Chown(folder, a.user.UID, a.user.GID); err != nil {
			return nil, fmt.Errorf("hand the folder of the VNC server's socket over: %w", err)
		}
	}
	env := proc.Environment(a.user, w.visit, w.technician, w.ticket, "", "", nil)
	env = proc.WithDevice(append(env, on.Environment()...))
	p, err := proc.Start(proc.Spec{Visit: w.visit, Account: a.user, Args: command, Env: env, Group: w.group})
	if err != nil {
		return nil, err
	}
	said := listen(p)
	s, err := a.awaitScreen(ctx, p, socket)
	if err != nil {
		p.Close()
		if words := said(); words != "" {
			err = fmt.Errorf("%w; %s said: %s", err, filepath.Base(command[0]), words)
		}
		return nil, err
	}
	s.process, s.folder = p, folder
	return s, nil
}

// awaitScreen waits until a started server listens, and connects.
func (a *Agent) awaitScreen(ctx context.Context, p *proc.Process, socket string) (*screenServer, error) {
	ctx, cancel := context.WithTimeout(ctx, screenReach)
	defer cancel()
	tick := time.NewTicker(screenPoll)
	defer tick.Stop()
	for {
		if _, err := os.Stat(socket); err == nil {
			s, err := knock(ctx, socket, rfb.Credentials{})
			if err == nil {
				return s, a.ours(s)
			}
			if errors.Is(err, rfb.ErrSecurity) {
				return nil, err
			}
		}
		select {
		case <-tick.C:
		case <-p.Done():
			return nil, errors.New("the VNC server that was to show the screen ended at once")
		case <-ctx.Done():
			return nil, fmt.Errorf("the VNC server that was to show the screen does not listen: %w", context.Cause(ctx))
		}
	}
}

// ours sees that it is the user who listens on the socket.
func (a *Agent) ours(s *screenServer) error {
	owner, err := display.PeerOf(s.conn)
	if err == nil && owner != a.user.UID {
		err = fmt.Errorf("account %d listens where the VNC server of %s should", owner, a.user.Name)
	}
	if err != nil {
		_ = s.conn.Close()
	}
	return err
}

// listen takes what a started server writes, and keeps its last words.
func listen(p *proc.Process) (words func() string) {
	_ = p.Stdin().Close()
	heard := make(chan string, 1)
	go func() { _, _ = io.Copy(io.Discard, p.Stdout()) }() // both end with the process
	go func() {
		var kept []byte
		buf := make([]byte, 4<<10)
		for {
			n, err := p.Stderr().Read(buf)
			kept = append(kept, buf[:n]...)
			kept = kept[max(len(kept)-wire.MaxReason, 0):]
			if err != nil {
				heard <- wire.Clean(strings.Join(strings.Fields(string(kept)), " "), wire.MaxReason)
				return
			}
		}
	}()
	return func() string { return <-heard }
}
