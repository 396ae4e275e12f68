package rfb

import (
	"bytes"
	"fmt"
	"image"
	"image/png"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// realServer is a program that serves a screen of 640 by 400 or so.
type realServer struct {
	name  string
	start func(t *testing.T) serving
}

// serving is one that runs.
type serving struct {
	network, address string
	program          *program
	truth            func(t testing.TB) *Frame // what its screen shows, not by RFB
	paint            func(t testing.TB)        // has something happen on it
	colours          int                       // that it has at least, then
	scroll           func(t testing.TB)        // has something more happen, until the test ends
}

const serverSize = "640x400"

func matrixServers() []realServer {
	return []realServer{
		{"Xtigervnc", func(t *testing.T) serving {
			port := freePort(t)
			display := xServer(t, "Xtigervnc", "-geometry", serverSize, "-depth", "24", "-SecurityTypes", "None", "-localhost", "-rfbport", port)
			return ofX(display, port, nil)
		}},
		{"Xtightvnc", func(t *testing.T) serving {
			port := freePort(t)
			display := anyDisplay(t)
			p := start(t, "", nil, "Xtightvnc", display, "-geometry", serverSize, "-depth", "24", "-localhost", "-rfbport", port)
			return ofX(display, port, p)
		}},
		{"x0vncserver", func(t *testing.T) serving {
			display, port := xServer(t, "Xvfb", "-screen", "0", serverSize+"x24"), freePort(t)
			// Of Debian's, x0vncserver itself only starts this one, and leaves.
			return ofX(display, port, start(t, display, nil, "X0tigervnc", "-rfbport", port, "-localhost", "-SecurityTypes", "None"))
		}},
		{"x11vnc", func(t *testing.T) serving {
			display, port := xServer(t, "Xvfb", "-screen", "0", serverSize+"x24"), freePort(t)
			return ofX(display, port, start(t, display, nil, "x11vnc", "-rfbport", port, "-localhost", "-forever", "-shared", "-nopw", "-noipv6", "-noxdamage", "-wait", "10", "-defer", "10"))
		}},
		{"QEMU", startQEMU},
	}
}

// ofX is a server whose screen is an X display.
func ofX(display, port string, p *program) serving {
	return serving{network: "tcp", address: "127.0.0.1:" + port, program: p,
		truth: func(t testing.TB) *Frame { return screenshot(t, display) },
		paint: func(t testing.TB) { paintX(t, display) }, colours: 5000,
		scroll: func(t testing.TB) { scrollX(t, display, "40x8+300+210") },
	}
}

// paintX puts a picture on a display, and a terminal that scrolls a lot.
func paintX(t testing.TB, display string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "desk.png")
	f := desk(t, 640, 400)
	var b bytes.Buffer
	if err := png.Encode(&b, asImage(f)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	p := start(t, display, nil, "display", "-window", "root", file)
	<-p.gone
	scrollX(t, display, "70x15+60+90")
}

// scrollX puts a terminal on a display that scrolls a lot.
func scrollX(t testing.TB, display, geometry string) {
	t.Helper()
	done := filepath.Join(t.TempDir(), "done")
	script := `i=0; while [ $i -lt 200 ]; do echo "$i The quick brown fox jumps over the lazy dog"; i=$((i+1)); done; touch "$1"; exec cat`
	start(t, display, nil, "xterm", "-geometry", geometry, "-e", "sh", "-c", script, "sh", done)
	until(t, "a terminal has written its lines", func() bool { _, err := os.Stat(done); return err == nil })
}

func asImage(f *Frame) image.Image {
	m := image.NewRGBA(f.Bounds())
	for i := 0; i < len(f.Pix); i += pixel {
		m.Pix[i], m.Pix[i+1], m.Pix[i+2], m.Pix[i+3] = f.Pix[i+2], f.Pix[i+1], f.Pix[i], 255
	}
	return m
}

// startQEMU is a machine without a disk: its screen says so.
func startQEMU(t *testing.T) serving {
	folder := t.TempDir()
	vnc, monitor := filepath.Join(folder, "vnc"), filepath.Join(folder, "monitor")
	p := start(t, "", nil, "qemu-system-x86_64", "-accel", "tcg", "-m", "64", "-display", "none", "-nodefaults", "-vga", "std",
		"-vnc", "unix:"+vnc, "-monitor", "unix:"+monitor+",server,nowait")
	until(t, "QEMU listens", func() bool { _, err := os.Stat(monitor); return err == nil })
	command := func(t testing.TB, line string) {
		t.Helper()
		conn, err := net.Dial("unix", monitor)
		if err != nil {
			t.Fatalf("%v: %s", err, p.out)
		}
		defer conn.Close()
		conn.SetDeadline(time.Now().Add(patience))
		prompt := func() {
			for said := ""; !strings.HasSuffix(said, "(qemu) "); {
				b := make([]byte, 1024)
				n, err := conn.Read(b)
				if err != nil {
					t.Fatalf("QEMU's monitor: %v after %q", err, said)
				}
				said += string(b[:n])
			}
		}
		prompt()
		fmt.Fprintln(conn, line)
		prompt()
	}
	return serving{network: "unix", address: vnc, program: p,
		truth: func(t testing.TB) *Frame {
			file := filepath.Join(folder, "dump.ppm")
			command(t, "screendump "+file)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			return parsePPM(t, b)
		},
		paint: func(t testing.TB) { command(t, "sendkey ret") }, colours: 2,
		scroll: func(testing.TB) {},
	}
}

func parsePPM(t testing.TB, b []byte) *Frame {
	t.Helper()
	var w, h, most int
	if _, err := fmt.Sscanf(string(b[:min(len(b), 40)]), "P6\n%d %d\n%d\n", &w, &h, &most); err != nil {
		t.Fatal(err)
	}
	f, err := NewFrame(w, h)
	if err != nil {
		t.Fatal(err)
	}
	b = b[len(b)-3*w*h:]
	for i := range w * h {
		f.Pix[4*i], f.Pix[4*i+1], f.Pix[4*i+2] = b[3*i+2], b[3*i+1], b[3*i]
	}
	return f
}

// colours is how many a picture has.
func colours(f *Frame) int {
	seen := make(map[[pixel]byte]bool)
	for i := 0; i < len(f.Pix); i += pixel {
		seen[[pixel]byte(f.Pix[i:])] = true
	}
	return len(seen)
}

// watched reads a real server into a screen until the test ends.
func (s serving) watched(t testing.TB) *Screen {
	t.Helper()
	var conn net.Conn
	until(t, "the server listens", func() (ok bool) {
		var err error
		conn, err = net.Dial(s.network, s.address)
		return err == nil
	})
	screen := NewScreen()
	c, err := NewClient(conn, into(screen))
	if err != nil {
		t.Fatal(err)
	}
	c.Pace(10 * time.Millisecond)
	ended := make(chan error, 1)
	go func() { ended <- c.Run() }()
	t.Cleanup(func() {
		select {
		case err := <-ended:
			t.Errorf("the client ended: %v", err)
		default:
			conn.Close()
			<-ended
		}
	})
	return screen
}
