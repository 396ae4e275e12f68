package rfb

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
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

// String says how it is, for a person.
func (p *program) String() string {
	if p == nil {
		return ""
	}
	select {
	case <-p.gone:
		return fmt.Sprintf("it has ended (%v) and said: %s", p.cmd.ProcessState, p.out)
	default:
		return fmt.Sprintf("it runs and says: %s", p.out)
	}
}

func (p *program) stop() {
	p.cmd.Process.Kill()
	<-p.gone
}

// anyDisplay is the number of an X display that is not in use: by chance, because
// tests that run elsewhere at the same time look for one too.
func anyDisplay(t testing.TB) string {
	t.Helper()
	for {
		n := 1000 + rand.IntN(50000)
		if _, err := os.Lstat(fmt.Sprintf("/tmp/.X11-unix/X%d", n)); err != nil {
			return fmt.Sprint(":", n)
		}
	}
}

// xServer starts one, waits until it serves, and returns its display.
func xServer(t testing.TB, name string, args ...string) (display string) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	// Without -noreset it begins anew when a screenshot was its only client, and
	// turns away who comes then.
	p := start(t, "", []*os.File{w}, name, append([]string{anyDisplay(t), "-displayfd", "3", "-noreset"}, args...)...)
	w.Close()
	r.SetReadDeadline(time.Now().Add(patience))
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
	ctx, cancel := context.WithTimeout(context.Background(), patience)
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
		for x := range f.Width {
			copy(row[x*pixel:x*pixel+3], from[x*size:])
		}
	}
	return f, nil
}

// pointerMost is the size of a mouse pointer that a viewer draws into its window,
// at most.
const pointerMost = 32

// find is where a picture is within another one: exactly, but for a mouse pointer
// at one place, which isn't in the first row.
func find(within, what *Frame) (image.Point, bool) {
	first := what.Row(0, 0, what.Width)
	for y := 0; y+what.Height <= within.Height; y++ {
		row := within.Row(0, y, within.Width)
		for from := 0; ; {
			at := bytes.Index(row[from:], first)
			if at < 0 {
				break
			}
			from += at
			if p := image.Pt(from/pixel, y); from%pixel == 0 {
				if d := difference(within, what, p); d.Dx() <= pointerMost && d.Dy() <= pointerMost {
					return p, true
				}
			}
			from++
		}
	}
	return image.Point{}, false
}

// difference covers the pixels of what that are others at a place within; once that
// is larger than a pointer, it is not all of them.
func difference(within, what *Frame, at image.Point) (d image.Rectangle) {
	for y := range what.Height {
		a, b := within.Row(at.X, at.Y+y, what.Width), what.Row(0, y, what.Width)
		if bytes.Equal(a, b) {
			continue
		}
		for x := range what.Width {
			if !bytes.Equal(a[x*pixel:x*pixel+pixel], b[x*pixel:x*pixel+pixel]) {
				if d = d.Union(image.Rect(x, y, x+1, y+1)); d.Dx() > pointerMost || d.Dy() > pointerMost {
					return d
				}
			}
		}
	}
	return d
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
// ended, if there is one; then it calls otherwise.
func within(t testing.TB, most time.Duration, p *program, is func() bool, otherwise func()) {
	t.Helper()
	var gone <-chan struct{}
	if p != nil {
		gone = p.gone
	}
	deadline := time.After(most)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-deadline:
			otherwise()
			return
		case <-gone:
			otherwise()
			return
		case <-tick.C:
		}
	}
}

// keep writes a picture where a person can look at it, if there is such a place.
func keep(t testing.TB, name string, f *Frame) {
	folder := os.Getenv("ACCORD_TEST_PICTURES")
	if folder == "" {
		return
	}
	file := filepath.Join(folder, strings.NewReplacer("/", "-", " ", "_").Replace(t.Name())+"-"+name+".ppm")
	b := fmt.Appendf(nil, "P6 %d %d 255\n", f.Width, f.Height)
	for i := 0; i < len(f.Pix); i += pixel {
		b = append(b, f.Pix[i+2], f.Pix[i+1], f.Pix[i])
	}
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Error(err)
	}
}
