//go:build unix

package main

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"accord/tui"
)

// etc is the folder where an installed program finds its configuration.
func etc() string { return "/etc/accord" }

// isJournal reports whether a file is the stream that systemd says is its
// journal's: "device:inode" (systemd.exec(5), JOURNAL_STREAM).
func isJournal(f *os.File, stream string) bool {
	info, err := f.Stat()
	if err != nil || stream == "" {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && stream == fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}

// alone keeps others from writing on a terminal of one's own, as mesg(1) does: what
// stands in a prompt must be the agent's word alone.
func alone(f *os.File) (open func()) {
	was, err := f.Stat()
	if err != nil || f.Chmod(0o600) != nil {
		return func() {}
	}
	return func() { _ = f.Chmod(was.Mode().Perm()) }
}

// measure tells a window the size of its terminal.
func measure(f *os.File, w *tui.Window) {
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		w.Set(tui.Size{})
		return
	}
	w.SetDots(tui.Size{Width: int(size.Col), Height: int(size.Row)}, int(size.Xpixel), int(size.Ypixel))
}

// followSize keeps the window's size true.
func followSize(f *os.File, w *tui.Window) (stop func()) {
	changed := make(chan os.Signal, 1)
	done := make(chan struct{})
	signal.Notify(changed, syscall.SIGWINCH)
	go func() {
		for {
			select {
			case <-changed:
				measure(f, w)
			case <-done:
				return
			}
		}
	}()
	return func() {
		signal.Stop(changed)
		close(done)
	}
}
