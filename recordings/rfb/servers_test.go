package rfb

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"math"
	mrand "math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The servers of the world, as Debian has them. A program that is missing fails
// the test: it is named in .ci/run.

// started runs a program until the end of the test.
func started(t *testing.T, environment []string, extra []*os.File, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Env = append(os.Environ(), environment...)
	cmd.ExtraFiles = extra
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM)
		gone := time.AfterFunc(2*time.Second, func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		cmd.Wait() //nolint:errcheck // it was told to end
		gone.Stop()
		if t.Failed() {
			t.Logf("%s said: %s", name, said.String())
		}
	})
}

// startX starts an X server that chooses its number itself, and returns its name.
func startX(t *testing.T, name string, args ...string) string {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	started(t, nil, []*os.File{w}, name, append([]string{"-displayfd", "3"}, args...)...)
	w.Close()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		t.Fatalf("%s did not start: %v", name, err)
	}
	return ":" + strings.TrimSpace(line)
}

// freePort is a port on which nobody listens. It is below those that the system
// gives to who asks for any: such a one could be a client's before the server has it.
func freePort(t *testing.T) string {
	t.Helper()
	for {
		port := strconv.Itoa(10_000 + mrand.IntN(20_000))
		l, err := net.Listen("tcp", "127.0.0.1:"+port)
		if err == nil {
			l.Close()
			return port
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			t.Fatal(err)
		}
	}
}

// freeDisplay is for servers that can't choose one.
func freeDisplay(t *testing.T) string {
	t.Helper()
	for n := 200 + os.Getpid()%1000; ; n++ {
		if _, err := os.Stat(fmt.Sprintf("/tmp/.X%d-lock", n)); os.IsNotExist(err) {
			return fmt.Sprintf(":%d", n)
		}
	}
}

// waitFor waits for something that comes about outside of this process.
func waitFor(t *testing.T, what string, is func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(patience)
	for !is() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("%s: not after %v", what, patience)
		}
	}
}

const realWidth, realHeight = 800, 600

// realServers start each kind, and return its display and its port.
func realServers() map[string]func(*testing.T) (display, port string) {
	geometry := fmt.Sprintf("%dx%d", realWidth, realHeight)
	xvfb := func(t *testing.T) string {
		return startX(t, "Xvfb", "-screen", "0", geometry+"x24", "-nolisten", "tcp", "-nocursor")
	}
	return map[string]func(*testing.T) (string, string){
		"Xtigervnc": func(t *testing.T) (string, string) {
			port := freePort(t)
			return startX(t, "Xtigervnc", "-geometry", geometry, "-depth", "24", "-SecurityTypes", "None", "-localhost",
				"-rfbport", port, "-AlwaysShared"), port
		},
		"x0vncserver": func(t *testing.T) (string, string) {
			display, port := xvfb(t), freePort(t)
			started(t, nil, nil, "x0vncserver", "-display", display, "-SecurityTypes", "None", "-localhost", "-rfbport", port, "-AlwaysShared")
			return display, port
		},
		"x11vnc": func(t *testing.T) (string, string) {
			display, port := xvfb(t), freePort(t)
			started(t, nil, nil, "x11vnc", "-display", display, "-rfbport", port, "-localhost", "-nopw", "-shared", "-forever", "-quiet", "-norc", "-nolookup",
				"-speeds", "1000,1000,1", "-wait", "10", "-defer", "5")
			return display, port
		},
		"Xtightvnc": func(t *testing.T) (string, string) {
			display, port := freeDisplay(t), freePort(t)
			started(t, nil, nil, "Xtightvnc", display, "-geometry", geometry, "-depth", "24", "-localhost", "-rfbport", port, "-alwaysshared",
				"-fp", "/usr/share/fonts/X11/misc")
			return display, port
		},
	}
}

// dialServer connects to one that has just been started.
func dialServer(t *testing.T, port string) net.Conn {
	t.Helper()
	var conn net.Conn
	waitFor(t, "a server answers on its port", func() bool {
		var err error
		conn, err = net.Dial("tcp", net.JoinHostPort("127.0.0.1", port))
		return err == nil
	})
	t.Cleanup(func() { conn.Close() })
	return conn
}

// truth is what xwd, which asks the X server itself, sees on a display.
func truth(t *testing.T, display string) *Frame {
	t.Helper()
	b, err := exec.Command("xwd", "-root", "-silent", "-display", display).Output()
	if err != nil {
		t.Fatal(err)
	}
	field := func(i int) int { return int(binary.BigEndian.Uint32(b[4*i:])) }
	if field(1) != 7 || field(7) != 0 || field(11) != 32 || field(14) != 0xff0000 {
		t.Fatalf("xwd has pixels of another form: % x", b[:100])
	}
	f, err := NewFrame(field(4), field(5))
	if err != nil {
		t.Fatal(err)
	}
	rows := b[field(0)+12*field(19):]
	for y := range f.Height {
		row := f.Row(0, y, f.Width)
		copy(row, rows[y*field(12):])
		clearLast(row)
	}
	return f
}

// xwd is a picture as xwud takes it, the twin of xwd.
func xwd(f *Frame) []byte {
	var b []byte
	for _, v := range []int{
		101, 7, 2, 24, f.Width, f.Height, 0, 0, 32, 0, 32, 32, f.Width * pixel, 4, // 4: TrueColor
		0xff0000, 0xff00, 0xff, 8, 256, 0, f.Width, f.Height, 0, 0, 0,
	} {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return append(append(b, 0), f.Pix...)
}

// counted counts what is read.
type counted struct {
	net.Conn
	mu sync.Mutex
	n  int
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
	return n, err
}

func (c *counted) bytes() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

// watcher is a client of a real server, running until the end of the test.
type watcher struct {
	*Client
	conn   *counted
	screen *Screen
}

func watch(t *testing.T, port string, encodings ...int32) watcher {
	t.Helper()
	w := watcher{conn: &counted{Conn: dialServer(t, port)}, screen: NewScreen()}
	var err error
	if w.Client, err = NewClient(w.conn, into(w.screen)); err != nil {
		t.Fatal(err)
	}
	if len(encodings) > 0 {
		if err := w.ask(encodings); err != nil {
			t.Fatal(err)
		}
	}
	ran := make(chan error, 1)
	go func() { ran <- w.Run() }()
	t.Cleanup(func() {
		w.conn.Close()
		<-ran
	})
	return w
}

// shows reports whether the screen shows f but for what lies in apart, with at
// most so much of a difference a colour, of 255.
func (w watcher) shows(f *Frame, apart image.Rectangle, within float64) bool {
	v := w.screen.View()
	defer v.Close()
	same := false
	v.Take(func(c Changes) {
		if len(c.Frame.Pix) != len(f.Pix) || c.Frame.Width != f.Width {
			return
		}
		shown := &Frame{c.Frame.Width, c.Frame.Height, bytes.Clone(c.Frame.Pix)}
		shown.Fill(apart, 0, 0, 0)
		f.Fill(apart, 0, 0, 0)
		if same = bytes.Equal(shown.Pix, f.Pix); same || within == 0 {
			return
		}
		off := 0
		for i, b := range f.Pix {
			off += max(int(b), int(shown.Pix[i])) - min(int(b), int(shown.Pix[i]))
		}
		same = float64(off)/float64(f.Width*f.Height*cpixel) <= within
	})
	return same
}

// scene shows a picture with smooth, with sharp and with wild parts on a display,
// and scrolls coloured text over it.
func scene(t *testing.T, display string) {
	t.Helper()
	f, err := NewFrame(realWidth, realHeight)
	if err != nil {
		t.Fatal(err)
	}
	for y := range realHeight {
		for x := range realWidth {
			p := f.Row(x, y, 1)
			p[0], p[1], p[2] = uint8(128+100*math.Sin(float64(x*y)/5000)), uint8(y/3), uint8(x/3)
			switch {
			case x > 400 && y < 200:
				p[0], p[1], p[2] = uint8(y/16*16), uint8(x/16*16), 200
			case x > 400 && y < 300:
				p[0], p[1], p[2] = uint8(x*y), uint8(y*104729), uint8(x*7919)
			}
		}
	}
	name := filepath.Join(t.TempDir(), "scene.xwd")
	if err := os.WriteFile(name, xwd(f), 0o600); err != nil {
		t.Fatal(err)
	}
	started(t, nil, nil, "xwud", "-display", display, "-in", name, "-geometry", "+0+0", "-noclick")
	waitFor(t, "the picture is shown", func() bool { return bytes.Equal(truth(t, display).Row(0, 0, realWidth), f.Row(0, 0, realWidth)) })
	done := filepath.Join(t.TempDir(), "done")
	started(t, []string{"LC_ALL=C"}, nil, "xterm", "-display", display, "-geometry", "60x20+30+250", "-fn", "fixed", "-e", "sh", "-c",
		fmt.Sprintf(`for i in $(seq 1 120); do printf '\033[3%%dm line %%d of many\033[0m\n' $((i %% 8)) $i; done; touch %s; exec sleep 600`, done))
	waitFor(t, "the text is written", func() bool {
		_, err := os.Stat(done)
		return err == nil
	})
}

func TestRealServersShowTheSameInEachEncoding(t *testing.T) {
	encodings := map[string]int32{"raw": encRaw, "Hextile": encHextile, "zlib": encZlib, "Tight": encTight, "ZRLE": encZRLE}
	missing := map[string]bool{"Xtightvnc ZRLE": true, "Xtigervnc zlib": true, "x0vncserver zlib": true} // they send raw
	for name, start := range realServers() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			display, port := start(t)
			watchers := map[string]watcher{"the default": watch(t, port)}
			for what, e := range encodings {
				watchers[what] = watch(t, port, e, encCopyRect, encLastRect, encCursor)
			}
			watchers["JPEG"] = watch(t, port, encTight, encCopyRect, encLastRect, encCursor, encJPEGQuality0+9)
			scene(t, display)
			var apart image.Rectangle
			if name == "x0vncserver" { // it reads the pointer of Xvfb as pixels, if it looks while it is there
				apart = image.Rect(realWidth/2-16, realHeight/2-16, realWidth/2+16, realHeight/2+16)
			}
			for what, w := range watchers {
				within := 0.0
				if what == "JPEG" {
					within = 3
				}
				waitFor(t, what+" shows what is there", func() bool { return w.shows(truth(t, display), apart, within) })
			}
			plain := watchers["raw"].conn.bytes()
			for what, w := range watchers {
				// Who takes longer gets fewer pictures, so this only tells an encoding from none.
				if got := w.conn.bytes(); what != "raw" && !missing[name+" "+what] && got > plain*9/10 {
					t.Errorf("%s took %d bytes, raw ones %d", what, got, plain)
				}
			}
		})
	}
}

func TestARealServerIsUsed(t *testing.T) {
	t.Parallel()
	display, port := realServers()["Xtigervnc"](t)
	w := watch(t, port)
	typed := filepath.Join(t.TempDir(), "typed")
	started(t, []string{"LC_ALL=C"}, nil, "xterm", "-display", display, "-geometry", "60x20+0+0", "-fn", "fixed", "-e", "sh", "-c",
		"echo ready >"+typed+"; read line; echo \"$line\" >"+typed+"; exec sleep 600")
	wrote := func(want string) func() bool {
		return func() bool {
			b, err := os.ReadFile(typed)
			return err == nil && string(b) == want+"\n"
		}
	}
	waitFor(t, "a terminal is there", wrote("ready"))
	waitFor(t, "it is shown", func() bool { return w.shows(truth(t, display), image.Rectangle{}, 0) })
	if err := w.Pointer(100, 100, 0); err != nil { // whose window has the keyboard
		t.Fatal(err)
	}
	for _, keysym := range []uint32{'h', 'i', 0xff0d} {
		if err := errors.Join(w.Key(true, keysym), w.Key(false, keysym)); err != nil {
			t.Fatal(err)
		}
	}
	waitFor(t, "the terminal has what was typed", wrote("hi"))
	if err := w.Resize(640, 480); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the screen has its new size", func() bool {
		width, height := w.screen.Size()
		return width == 640 && height == 480 && w.shows(truth(t, display), image.Rectangle{}, 0)
	})
	if got := w.screen.State().Monitors; len(got) != 1 || got[0].Bounds != image.Rect(0, 0, 640, 480) {
		t.Errorf("the monitors are %+v", got)
	}
	if w.screen.State().Cursor == nil {
		t.Error("the pointer has no shape")
	}
}
