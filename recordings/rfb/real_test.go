package rfb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// What follows runs programs that others wrote, on X displays of their own. One
// that is missing is a failure: see the list of packages in .ci/run.

// program is one that runs until the test ends.
type program struct {
	cmd  *exec.Cmd
	out  *output
	gone chan struct{}
}

// output keeps what a program said.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

// start runs a program, with a home of its own, on a display ("" for none).
func start(t testing.TB, display string, extra []*os.File, name string, args ...string) *program {
	t.Helper()
	p := &program{cmd: exec.Command(name, args...), out: new(output), gone: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.ExtraFiles = p.out, p.out, extra
	home := t.TempDir()
	p.cmd.Dir = home
	p.cmd.Env = append(os.Environ(), "HOME="+home, "DISPLAY="+display, "XAUTHORITY="+filepath.Join(home, "none"), "GDK_BACKEND=x11", "NO_AT_BRIDGE=1", "LC_ALL=C.UTF-8")
	p.cmd.WaitDelay = time.Second // a grandchild may hold its output open
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("%v (is its package in the list of .ci/run?)", err)
	}
	go func() { p.cmd.Wait(); close(p.gone) }()
	t.Cleanup(func() { p.stop() })
	return p
}

func (p *program) stop() {
	p.cmd.Process.Kill()
	<-p.gone
}

// xServer starts one that chooses its number itself, and is its display.
func xServer(t testing.TB, name string, args ...string) (display string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	p := start(t, "", []*os.File{w}, name, append(args, "-displayfd", "3")...)
	w.Close()
	r.SetReadDeadline(time.Now().Add(20 * time.Second))
	number, err := io.ReadAll(r)
	if err != nil || len(number) == 0 {
		t.Fatalf("%s says no display (%v): %s", name, err, p.out)
	}
	return ":" + strings.TrimSpace(string(number))
}

// xvfb is a display of a size that shows nothing.
func xvfb(t testing.TB, width, height int) string {
	t.Helper()
	return xServer(t, "Xvfb", "-screen", "0", fmt.Sprintf("%dx%dx24", width, height), "-nolisten", "tcp")
}

// screenshot is what an X display shows, without its mouse pointer.
func screenshot(t testing.TB, display string) *Frame {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, "xwd", "-silent", "-root", "-display", display)
	var said bytes.Buffer
	cmd.Stderr = &said
	dump, err := cmd.Output()
	if err != nil {
		t.Fatalf("xwd: %v: %s", err, &said)
	}
	f, err := parseXWD(dump)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// parseXWD reads a dump of 4 bytes a pixel, or of 3 as xwd writes it where windows
// have different visuals.
func parseXWD(b []byte) (*Frame, error) {
	word := func(i int) int { return int(binary.BigEndian.Uint32(b[4*i:])) }
	if len(b) < 100 || word(1) != 7 || word(7) != 0 || word(11) != 32 && word(11) != 24 {
		return nil, fmt.Errorf("not a dump of 24 or 32 bits a pixel, the lowest byte first: %x", b[:min(len(b), 100)])
	}
	f, err := NewFrame(word(4), word(5))
	if err != nil {
		return nil, err
	}
	size, stride, pixels := word(11)/8, word(12), b[word(0)+12*word(19):]
	for y := range f.Height {
		row, from := f.Row(0, y, f.Width), pixels[y*stride:]
		for i, j := 0, 0; i < len(row); i, j = i+pixel, j+size {
			row[i], row[i+1], row[i+2] = from[j], from[j+1], from[j+2]
		}
	}
	return f, nil
}

// find is where a picture is within another one, exactly.
func find(within, what *Frame) (image.Point, bool) {
	for y := 0; y+what.Height <= within.Height; y++ {
		row := within.Row(0, y, within.Width)
		first := what.Row(0, 0, what.Width)
		for x := 0; ; {
			at := bytes.Index(row[x*pixel:], first)
			if at < 0 {
				break
			}
			if at%pixel == 0 {
				if p := image.Pt(x+at/pixel, y); equalAt(within, what, p) {
					return p, true
				}
			}
			x += at/pixel + 1
		}
	}
	return image.Point{}, false
}

func equalAt(within, what *Frame, at image.Point) bool {
	for y := range what.Height {
		if !bytes.Equal(within.Row(at.X, at.Y+y, what.Width), what.Row(0, y, what.Width)) {
			return false
		}
	}
	return true
}

// door lets viewers in to a screen, one after the other, until the test ends.
type door struct {
	port int
	mu   sync.Mutex
	said []error
}

func openDoor(t testing.TB, s *Screen, o ViewerOptions) *door {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &door{port: l.Addr().(*net.TCPAddr).Port}
	var running sync.WaitGroup
	var conns sync.Map
	running.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Store(conn, true)
			running.Go(func() {
				defer conn.Close()
				v, err := NewViewer(conn, s, o)
				if err == nil {
					err = v.Run()
				}
				d.mu.Lock()
				d.said = append(d.said, err)
				d.mu.Unlock()
			})
		}
	})
	t.Cleanup(func() {
		l.Close()
		conns.Range(func(c, _ any) bool { c.(net.Conn).Close(); return true })
		running.Wait()
	})
	return d
}

// problems is what was wrong with viewers so far.
func (d *door) problems() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return errors.Join(d.said...)
}

// display is how programs call the port that add 5900 to a number.
func (d *door) display() string { return fmt.Sprintf("127.0.0.1:%d", d.port-5900) }

// double is how programs call a port that take two colons for one.
func (d *door) double() string { return fmt.Sprintf("127.0.0.1::%d", d.port) }

// within waits until something is so, at most for a while, or until a program has
// ended; then it calls otherwise.
func within(t testing.TB, most time.Duration, p *program, is func() bool, otherwise func()) {
	t.Helper()
	deadline := time.After(most)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline:
			otherwise()
			return
		case <-p.gone:
			otherwise()
			return
		case <-tick.C:
		}
	}
}

// keep writes a picture where a person can look at it, if there is such a place.
func keep(t testing.TB, f *Frame) {
	folder := os.Getenv("ACCORD_TEST_PICTURES")
	if folder == "" {
		return
	}
	name := filepath.Join(folder, strings.NewReplacer("/", "-", " ", "_").Replace(t.Name())+".ppm")
	b := fmt.Appendf(nil, "P6 %d %d 255\n", f.Width, f.Height)
	for i := 0; i < len(f.Pix); i += pixel {
		b = append(b, f.Pix[i+2], f.Pix[i+1], f.Pix[i])
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Error(err)
	}
}
