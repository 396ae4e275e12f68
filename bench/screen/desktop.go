//go:build unix

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"accord/recordings/rfb"
)

// desktop is somebody's work at a screen, made of programs that Debian has.
type desktop struct {
	name  string
	start func(*stage) error
}

const deskWidth, deskHeight = 1280, 800

func desktops() []desktop {
	return []desktop{
		{"terminal", (*stage).terminal},
		{"scroll", (*stage).scroll},
		{"browser", func(s *stage) error { return s.browser("1000x700", "+100+40") }},
		{"mixed", (*stage).mixed},
		{"video", (*stage).video},
	}
}

// stage is an X server with its programs.
type stage struct {
	ctx     context.Context //nolint:containedctx // its programs live as long as it
	display string
	port    string
	folder  string
	running []*exec.Cmd
}

func newStage(ctx context.Context) (s *stage, err error) {
	s = &stage{ctx: ctx}
	if s.folder, err = os.MkdirTemp("", "bench-screen"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	_, s.port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	x := exec.CommandContext(ctx, "Xtigervnc", "-displayfd", "3", "-geometry", fmt.Sprintf("%dx%d", deskWidth, deskHeight),
		"-depth", "24", "-SecurityTypes", "None", "-localhost", "-AlwaysShared", "-rfbport", s.port)
	x.ExtraFiles = []*os.File{w}
	err = s.run(x)
	w.Close()
	if err != nil {
		return nil, err
	}
	number, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		return nil, fmt.Errorf("the X server did not start: %w", err)
	}
	s.display = ":" + strings.TrimSpace(number)
	return s, nil
}

func (s *stage) close() {
	for i := len(s.running) - 1; i >= 0; i-- {
		c := s.running[i]
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM) // it may have ended
		gone := time.AfterFunc(3*time.Second, func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
		_ = c.Wait() // it was told to end
		gone.Stop()
	}
	if err := os.RemoveAll(s.folder); err != nil {
		fmt.Fprintln(os.Stderr, "bench-screen:", err)
	}
}

func (s *stage) run(c *exec.Cmd) error {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := c.Start(); err != nil {
		return err
	}
	s.running = append(s.running, c)
	return nil
}

// program starts one on the display.
func (s *stage) program(name string, args ...string) error {
	c := exec.CommandContext(s.ctx, name, args...)
	c.Env = append(os.Environ(), "DISPLAY="+s.display, "LC_ALL=C.UTF-8", "SDL_VIDEODRIVER=x11", "SDL_AUDIODRIVER=dummy")
	return s.run(c)
}

// xterm runs a script in one.
func (s *stage) xterm(geometry, script string) error {
	return s.program("xterm", "-fn", "8x13", "-geometry", geometry, "-e", "sh", "-c", script)
}

// terminal is somebody who types, and reads what comes.
func (s *stage) terminal() error {
	return s.xterm("100x40+60+40", `
		type() { for c in $(echo "$1" | sed 's/ /_/g;s/./& /g'); do printf %s "$c" | tr _ ' '; sleep 0.12; done; echo; }
		while :; do
			printf '\033[32mroot@device\033[0m:~# '; type "ls -l /etc"; ls -l --color=always /etc | tail -25; sleep 3
			printf '\033[32mroot@device\033[0m:~# '; type "ps aux"; ps aux | cut -c1-95 | tail -20; sleep 3
			printf '\033[32mroot@device\033[0m:~# '; type "tail /var/log/dpkg.log"; seq -f 'line %g of a log that somebody reads' 12; sleep 4
		done`)
}

// scroll is a terminal that scrolls without a pause.
func (s *stage) scroll() error {
	return s.xterm("140x55+40+30", `while :; do ls -lR --color=always /usr/share/doc /etc /usr/lib; done`)
}

// browser is a long page of text and pictures that is scrolled smoothly: all of
// the window changes at once, as in browsers of today.
func (s *stage) browser(size, at string) error {
	page := filepath.Join(s.folder, "page.png")
	text := filepath.Join(s.folder, "text")
	if err := os.WriteFile(text, []byte(words(rand.New(rand.NewPCG(3, 4)), 1600)), 0o600); err != nil {
		return err
	}
	make := exec.CommandContext(s.ctx, "ffmpeg", "-loglevel", "error", "-f", "lavfi", "-i",
		"color=white:s=1000x1700,format=rgb24,drawtext=textfile="+text+":fontsize=16:line_spacing=4:x=20:y=20[a];"+
			"mandelbrot=size=1000x500,format=rgb24[b];[a][b]vstack", "-frames:v", "1", page)
	if out, err := make.CombinedOutput(); err != nil {
		return fmt.Errorf("draw a page: %w: %s", err, out)
	}
	xy := strings.Split(strings.TrimPrefix(at, "+"), "+")
	wh := strings.Split(size, "x")
	return s.program("ffplay", "-loglevel", "quiet", "-noborder", "-an", "-left", xy[0], "-top", xy[1],
		"-f", "lavfi", fmt.Sprintf("movie=%s,loop=-1:1,fps=25,scroll=v=0.002,crop=%s:%s:0:0", page, wh[0], wh[1]))
}

// words are n of no meaning, in lines.
func words(random *rand.Rand, n int) string {
	var b strings.Builder
	for i := range n {
		for range 2 + random.IntN(7) {
			b.WriteByte("eeeetttaaaooiinnsshhrrdlucmfwypvbgk"[random.IntN(35)])
		}
		b.WriteByte(" \n"[(i+1)/20-i/20])
	}
	return b.String()
}

// video is one that fills most of the screen.
func (s *stage) video() error {
	return s.program("ffplay", "-loglevel", "quiet", "-noborder", "-an", "-left", "100", "-top", "40",
		"-f", "lavfi", "mandelbrot=size=1024x640:rate=25")
}

// mixed is a terminal, a clock, windows that are moved, and a page now and then.
func (s *stage) mixed() error {
	if err := s.terminal(); err != nil {
		return err
	}
	if err := s.program("xclock", "-update", "1", "-geometry", "160x160+1080+20"); err != nil {
		return err
	}
	if err := s.xterm("60x20+700+450", `while :; do date; sleep 2; done`); err != nil {
		return err
	}
	return s.program("sh", "-c", `while :; do
		for x in 700 650 600 640 690 740; do
			xdotool search --class xterm windowmove $x 450 2>/dev/null; xdotool mousemove $((x + 60)) 470; sleep 0.3
		done
		sleep 4
		xdotool mousemove 300 200 click 1; sleep 3
		timeout 4 ffplay -loglevel quiet -noborder -an -left 400 -top 100 -f lavfi testsrc2=size=480x320:rate=10; sleep 5
	done`)
}

// film records a desktop as a client receives it with ZRLE.
func (d desktop) film(ctx context.Context, length time.Duration) (*film, error) {
	s, err := newStage(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if err := d.start(s); err != nil {
		return nil, err
	}
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", s.port))
	if err != nil {
		return nil, err
	}
	k := &camera{Conn: conn}
	c, err := rfb.NewClient(k, rfb.ClientOptions{
		Commit: func(*rfb.Frame, rfb.Damage) error { return nil },
		Change: func(func(rfb.State) rfb.State) {},
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	ran := make(chan error, 1)
	go func() { ran <- c.Run() }()
	select {
	case <-time.After(length):
	case <-ctx.Done():
	case err = <-ran:
		return nil, fmt.Errorf("the server ended: %w", err)
	}
	conn.Close()
	if err := <-ran; errors.Is(err, rfb.ErrServer) {
		return nil, err
	}
	return &film{name: d.name, width: deskWidth, height: deskHeight, pieces: k.pieces, length: length}, context.Cause(ctx)
}

// camera is a connection that keeps what comes after the handshake, and asks for
// ZRLE where the client asks for Tight.
type camera struct {
	net.Conn
	mu     sync.Mutex
	began  time.Time // when the encodings were asked for; zero before
	pieces []piece
}

func (k *camera) Write(b []byte) (int, error) {
	const setPixelFormat, setEncodings, size = 0, 2, 20
	k.mu.Lock()
	if k.began.IsZero() && len(b) > size && b[0] == setPixelFormat && b[size] == setEncodings {
		tight, zrle := binary.BigEndian.AppendUint32(nil, 7), binary.BigEndian.AppendUint32(nil, 16)
		b = append(bytes.Clone(b[:size+4]), bytes.Replace(b[size+4:], tight, zrle, 1)...)
		k.began = time.Now()
	}
	k.mu.Unlock()
	return k.Conn.Write(b)
}

func (k *camera) Read(b []byte) (int, error) {
	n, err := k.Conn.Read(b)
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.began.IsZero() && n > 0 {
		k.pieces = append(k.pieces, piece{time.Since(k.began), bytes.Clone(b[:n])})
	}
	if errors.Is(err, net.ErrClosed) && n > 0 {
		err = nil
	}
	return n, err
}
