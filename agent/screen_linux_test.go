package agent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"accord/agent/display"
	"accord/recordings/rfb"
	"accord/wire"
)

// desktop is a display of its own, with nothing on it. It ends with the test.
func desktop(t *testing.T) (display string) {
	t.Helper()
	number := 1000 + rand.IntN(40000) // no other test's
	start(t, exec.Command("Xvfb", fmt.Sprintf(":%d", number), "-screen", "0", "640x480x24", "-nolisten", "tcp", "-noreset"))
	eventually(t, "Xvfb listens", func() bool {
		conn, err := net.Dial("unix", fmt.Sprintf("/tmp/.X11-unix/X%d", number))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	return fmt.Sprintf(":%d", number)
}

// start starts a program that ends with the test.
func start(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM) // an X server takes its lock file with it
		gone := time.AfterFunc(2*time.Second, func() { _ = c.Process.Kill() })
		_ = c.Wait()
		gone.Stop()
	})
}

// picture is what a gateway's client sees on a screen's channel.
type picture struct {
	client *rfb.Client
	screen *rfb.Screen
	ended  chan struct{}
}

// look connects the real client to the device's screen and waits for a picture.
func (l *evilLink) look(visit string) *picture {
	l.t.Helper()
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelScreen, wire.MarshalSession(visit))
	if err != nil {
		l.t.Fatal(err)
	}
	go func() {
		for r := range reqs {
			_ = r.Reply(false, nil)
		}
	}()
	p := &picture{screen: rfb.NewScreen(), ended: make(chan struct{})}
	seen := make(chan struct{})
	first := sync.OnceFunc(func() { close(seen) })
	p.client, err = rfb.NewClient(ch, rfb.ClientOptions{
		Commit: func(f *rfb.Frame, d rfb.Damage) error {
			p.screen.Commit(f, d)
			first()
			return nil
		},
		Change: p.screen.Change,
	})
	if err != nil {
		l.t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		defer close(p.ended)
		_ = p.client.Run()
		_ = ch.Close()
	})
	l.t.Cleanup(func() { _ = ch.Close(); all.Wait() })
	select {
	case <-seen:
	case <-p.ended:
		l.t.Fatal("the screen ended before its first picture")
	case <-time.After(patience):
		l.t.Fatal("no picture comes")
	}
	return p
}

// pointerAt asks the X server where the mouse is.
func pointerAt(t *testing.T, display string) string {
	t.Helper()
	c := exec.Command("xdotool", "getmouselocation")
	c.Env = append(os.Environ(), "DISPLAY="+display)
	out, err := c.Output()
	if err != nil {
		t.Fatal(err)
	}
	where, _, _ := strings.Cut(string(out), " screen")
	return where
}

// TestStartedScreens shows a display by the stock servers that it is started with,
// the first that is installed (x0vncserver) among them, moves the mouse, and ends:
// nothing is left.
func TestStartedScreens(t *testing.T) {
	for _, recipe := range []string{"x11vnc", ""} {
		t.Run(recipe, func(t *testing.T) {
			on := desktop(t)
			e := newEvil(t, func(o *Options) {
				o.Config.Screen.Server, o.Config.Screen.Display = screenStart, on
				if recipe != "" {
					o.Config.Screen.Start = []string{recipe}
				}
			})
			l, p := e.link(), e.sit()
			v := l.openFor(p, wire.ScreenView, wire.ScreenControl)
			seen := l.look(v.req.Visit)
			if w, h := seen.screen.Size(); w != 640 || h != 480 {
				t.Errorf("the screen is %d by %d", w, h)
			}
			if err := seen.client.Pointer(123, 45, 0); err != nil {
				t.Fatal(err)
			}
			eventually(t, "the mouse moves", func() bool { return pointerAt(t, on) == "x:123 y:45" })
			folders := screenFolders(t)
			if len(folders) != 1 {
				t.Errorf("sockets lie in %v", folders)
			}
			if list := display.Servers(os.Getuid(), func(int) bool { return false }); len(list) > 0 {
				t.Errorf("the screen is on the network: %v", list)
			}
			p.say(fromClient{Op: opStop, ID: v.req.Visit})
			<-seen.ended
			p.ended(v.req.Visit)
			eventually(t, "its server is dead and its folder gone", func() bool {
				return len(processes(t, "accord-screen-")) == 0 && len(screenFolders(t)) == 0
			})
		})
	}
}

// TestScreenWithPassword shows a real server that asks for a password, which the
// gateway never learns.
func TestScreenWithPassword(t *testing.T) {
	dir := shortDir(t)
	socket, secret, hidden := filepath.Join(dir, "vnc"), filepath.Join(dir, "password"), filepath.Join(dir, "passwd")
	if err := os.WriteFile(secret, []byte("kitten42\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := exec.Command("tigervncpasswd", "-f")
	c.Stdin = strings.NewReader("kitten42\n")
	text, err := c.Output()
	if err == nil {
		err = os.WriteFile(hidden, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	start(t, exec.Command("Xtigervnc", fmt.Sprintf(":%d", 1000+rand.IntN(40000)), "-rfbport", "-1", "-rfbunixpath", socket,
		"-rfbauth", hidden, "-geometry", "320x200", "-nolisten", "tcp"))
	eventually(t, "Xtigervnc listens", func() bool { return exists(socket) })
	e := newEvil(t, func(o *Options) { o.Config.Screen.Server, o.Config.Screen.Password = socket, secret })
	l, p := e.link(), e.sit()
	v := l.openFor(p, wire.ScreenView)
	if w, h := l.look(v.req.Visit).screen.Size(); w != 320 || h != 200 {
		t.Errorf("the screen is %d by %d", w, h)
	}
	_ = v.ch.Close()
	p.ended(v.req.Visit)
	if err := os.WriteFile(secret, []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	v = l.openFor(p, wire.ScreenView)
	if _, err := l.screen(v.req.Visit); err == nil || !strings.Contains(err.Error(), "does not let us in") || strings.Contains(err.Error(), "wrong") {
		t.Errorf("with a wrong password: %v", err)
	}
	_ = v.ch.Close()
	p.ended(v.req.Visit)
}

func screenFolders(t *testing.T) []string {
	t.Helper()
	list, err := filepath.Glob(filepath.Join(os.TempDir(), "accord-screen-*"))
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestScreenOfTheUser finds the display that the user's programs are on, and says
// so in the hello; without one there is no screen.
func TestScreenOfTheUser(t *testing.T) {
	on := desktop(t)
	e := newEvil(t, func(o *Options) { o.Config.Screen.Server = screenAuto })
	hello := func() (*evilLink, string) {
		l, err := e.accept(e.key)
		if err != nil {
			t.Fatal(err)
		}
		h, err := l.hello(&wire.Welcome{Gateway: "evil", Organisation: "Evil", Device: "laptop-7"})
		if err != nil {
			t.Fatal(err)
		}
		return l, fmt.Sprint(h.Capabilities)
	}
	if _, got := hello(); strings.Contains(got, "screen") {
		t.Errorf("without a screen the device offers %s", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	program := exec.CommandContext(ctx, "sleep", "300")
	program.Env = []string{"DISPLAY=" + on + ".0"}
	start(t, program)
	l, got := hello() // it calls anew
	if !strings.Contains(got, "screen.view screen.control") {
		t.Errorf("with a screen the device offers %s", got)
	}
	p := e.sit()
	v := l.openFor(p, wire.ScreenView)
	seen := l.look(v.req.Visit)
	if w, h := seen.screen.Size(); w != 640 || h != 480 {
		t.Errorf("the screen is %d by %d", w, h)
	}
	_ = seen.client.Pointer(300, 200, 0)
	cancel()
	p.say(fromClient{Op: opPause, ID: v.req.Visit})
	<-seen.ended
	if at := pointerAt(t, on); at == "x:300 y:200" {
		t.Error("the mouse moved without screen.control")
	}
	l.noScreen(v.req.Visit, "paused")
	eventually(t, "its server is dead", func() bool { return len(processes(t, "accord-screen-")) == 0 })
	p.say(fromClient{Op: opStop, ID: v.req.Visit})
	p.ended(v.req.Visit)
}
