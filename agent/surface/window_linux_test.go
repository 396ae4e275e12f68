package surface

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// stand puts a program of the test's own where terminal programs are looked for.
func (p *person) stand(name, script string) {
	p.t.Helper()
	path := filepath.Join(p.dir, name)
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o755); err != nil { //nolint:gosec // a program
		p.t.Fatal(err)
	}
}

// windows are opened by the stand-ins, without patience.
func (p *person) windows() *Windows {
	w := NewWindows(p.user)
	w.dirs, w.wait = []string{p.dir}, 10*time.Second
	p.t.Cleanup(w.Close)
	return w
}

func (p *person) screen() []Screen {
	return []Screen{{Name: ":7", Env: []string{"DISPLAY=:7;touch " + p.dir + "/hacked", p.mark}, Habits: Habits{Locale: "fr_FR.UTF-8", Plain: "1"}}}
}

// appears waits for a file and returns what is in it.
func (p *person) appears(name string) string {
	p.t.Helper()
	var text []byte
	p.until(name+" is there", func() bool {
		var err error
		text, err = os.ReadFile(filepath.Join(p.dir, name))
		return err == nil && bytes.HasSuffix(text, []byte("end\n"))
	})
	return string(text)
}

func closedNow() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// TestWindowWords: the terminal program gets its words as they are, a clean
// environment, and the rights of the user; no shell reads any of it.
func TestWindowWords(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.stand("xterm", `{ id -u; tty; for w; do echo "<$w>"; done; /usr/bin/env; echo end; } >`+p.dir+`/new; mv `+p.dir+`/new `+p.dir+`/told; exec sleep 60`)
		w := p.windows()
		shown, ended := make(chan struct{}), make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { ended <- w.Show(ctx, p.screen(), []string{"/bin/accord", "a b", "$(id)", ";"}, shown) }()
		told := p.appears("told")
		for _, want := range []string{
			fmt.Sprintln(p.user.UID), "not a tty\n", "<-e>\n</usr/bin/env>\n<LC_ALL=fr_FR.UTF-8>\n<ACCORD_PLAIN=1>\n</bin/accord>\n<a b>\n<$(id)>\n<;>\n",
			"\nHOME=" + p.dir + "\n", "\nLC_ALL=C.UTF-8\n", "\nDISPLAY=:7;touch " + p.dir + "/hacked\n", "\nUSER=ada\n",
		} {
			if !strings.Contains("\n"+told, want) {
				t.Errorf("%q is missing in %s", want, told)
			}
		}
		if n := strings.Count(told, "="); n > 16 {
			t.Errorf("its environment is more than was meant: %s", told)
		}
		close(shown)
		cancel() // it was answered elsewhere: what the window shows ends it
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Show: %v", err)
		}
		w.Close()
		if len(w.open) != 0 {
			t.Errorf("%d windows are left", len(w.open))
		}
		if _, err := os.Stat(p.dir + "/hacked"); err == nil {
			t.Error("a shell has read the environment")
		}
	})
}

// TestWindowsThatFail: a terminal program that ends at once, one that can't be
// run, one that ignores what it is to run: the next is tried.
func TestWindowsThatFail(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		w := p.windows()
		w.wait = 300 * time.Millisecond
		if err := w.Show(t.Context(), nil, []string{"/bin/true"}, nil); !errors.Is(err, ErrNobody) {
			t.Errorf("without a screen: %v", err)
		}
		if err := w.Show(t.Context(), p.screen(), []string{"/bin/true"}, nil); !errors.Is(err, ErrNobody) {
			t.Errorf("without a terminal program: %v", err)
		}
		p.stand("foot", "exit 0") // is for Wayland
		p.stand("xdg-terminal-exec", "exit 3")
		if err := os.WriteFile(p.dir+"/kitty", []byte("\x7fELF"), 0o755); err != nil { //nolint:gosec // a program
			t.Fatal(err)
		}
		p.stand("xterm", "echo $$ >"+p.dir+"/pid; sleep 60 & wait")
		err := w.Show(t.Context(), p.screen(), []string{"/bin/true"}, make(chan struct{}))
		if err == nil || errors.Is(err, ErrNobody) {
			t.Fatalf("all have failed: %v", err)
		}
		for _, want := range []string{"xdg-terminal-exec on :7: exit status 3", "kitty on :7: ", "xterm on :7: the request wasn't shown within"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is missing in %v", want, err)
			}
		}
		p.until("the one that ignored it is gone", func() bool {
			pid, _ := os.ReadFile(p.dir + "/pid")
			_, err := os.Stat("/proc/" + strings.TrimSpace(string(pid)))
			return len(pid) > 0 && err != nil
		})
		// One that hands its window to a server and ends.
		p.stand("xdg-terminal-exec", "exit 0")
		if err := w.Show(t.Context(), p.screen(), []string{"/bin/true"}, closedNow()); err != nil {
			t.Errorf("a window of a server: %v", err)
		}
		w.Close()
		if err := w.Show(t.Context(), p.screen(), []string{"/bin/true"}, closedNow()); err == nil {
			t.Error("opened after the end")
		}
	})
}

// TestXterm opens a real window on a real display.
func TestXterm(t *testing.T) {
	if _, err := exec.LookPath("Xvfb"); err != nil && os.Getenv("CI") == "" {
		t.Skip("Xvfb is not installed")
	}
	people(t, func(t *testing.T, p *person) {
		number := 1000 + rand.IntN(40000)
		x := exec.Command("Xvfb", fmt.Sprintf(":%d", number), "-screen", "0", "1024x768x24", "-nolisten", "tcp")
		if err := x.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = x.Process.Signal(os.Interrupt); _ = x.Wait() }()
		p.until("Xvfb listens", func() bool {
			conn, err := net.Dial("unix", fmt.Sprintf("/tmp/.X11-unix/X%d", number))
			if err == nil {
				_ = conn.Close()
			}
			return err == nil
		})
		w := NewWindows(p.user)
		w.wait = 30 * time.Second
		defer w.Close()
		p.stand("prompt", "{ stty size; id -u; ls -ln $(tty); echo $LC_ALL; echo end; } >"+p.dir+"/new; mv "+p.dir+"/new "+p.dir+"/told; cat")
		dead := Screen{Name: ":64999", Env: []string{"DISPLAY=:64999"}} // nobody listens there
		live := Screen{Name: "x", Env: []string{fmt.Sprintf("DISPLAY=:%d", number)}, Habits: Habits{Locale: "xx_YY.UTF-8"}}
		shown, ended := make(chan struct{}), make(chan error, 1)
		if err := os.Symlink("/usr/bin/xterm", p.dir+"/xterm"); err != nil {
			t.Fatal(err)
		}
		w.dirs = []string{p.dir} // with this one alone
		go func() { ended <- w.Show(t.Context(), []Screen{dead, live}, []string{p.dir + "/prompt"}, shown) }()
		told := strings.Fields(p.appears("told"))
		if len(told) < 7 || told[0]+" "+told[1] != "26 84" || told[2] != fmt.Sprint(p.user.UID) || told[5] != told[2] || !contains(told, "xx_YY.UTF-8") {
			t.Errorf("the window's terminal: %q", told)
		}
		close(shown)
		if err := x.Process.Kill(); err != nil { // the session ends: the window is closed
			t.Fatal(err)
		}
		if err := <-ended; err != nil {
			t.Errorf("Show: %v", err)
		}
	})
}
