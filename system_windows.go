package main

import (
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"

	"accord/acl"
	"accord/tui"
)

// etc is the folder where an installed program finds its configuration.
func etc() string { return filepath.Join(acl.ProgramData(), "Accord") }

// isJournal is false: there is no systemd.
func isJournal(*os.File, string) bool { return false }

// alone has nothing to do: no other account can write on a console.
func alone(*os.File) (open func()) { return func() {} }

// measure tells a window the size of its terminal.
func measure(f *os.File, w *tui.Window) {
	var info windows.ConsoleScreenBufferInfo
	if err := windows.GetConsoleScreenBufferInfo(windows.Handle(f.Fd()), &info); err != nil {
		w.Set(tui.Size{})
		return
	}
	seen := info.Window
	now := tui.Size{Width: int(seen.Right-seen.Left) + 1, Height: int(seen.Bottom-seen.Top) + 1}
	if was, _ := w.Size(); was != now { // a screen draws itself anew each time it is told
		w.Set(now)
	}
}

// sizeTick is how often the size of a console is looked at: its changes come with
// the keys, which are not ours to take.
const sizeTick = 250 * time.Millisecond

// followSize keeps the window's size true.
func followSize(f *os.File, w *tui.Window) (stop func()) {
	done := make(chan struct{})
	tick := time.NewTicker(sizeTick)
	go func() {
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				measure(f, w)
			case <-done:
				return
			}
		}
	}()
	return func() { close(done) }
}
