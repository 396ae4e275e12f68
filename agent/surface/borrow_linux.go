package surface

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Times of consoles.
const (
	// switchWait is how long the kernel has to put another console in front. Where
	// switching is locked it never does, and says nothing.
	switchWait = 3 * time.Second
	switchLook = 10 * time.Millisecond
	// freeWait is how long a console that somebody still has open is tried to be
	// given back. One that isn't is nobody's, and empty.
	freeWait = 200 * time.Millisecond
)

// loan is a console that was taken for a prompt, and how to give it back.
type loan struct {
	Number, Was int         // it, and the one that was in front
	Perm        os.FileMode // of its terminal, before
	Owner       int
	Keys        int // how its keys come
}

// borrowed is a loan with its terminal.
type borrowed struct {
	loan
	all *os.File // consolesAll
	tty *os.File
}

// borrow takes a console that nobody uses, for an account: its terminal belongs to
// the account then, and nobody else may write on it or read from it.
func borrow(was, uid int) (*borrowed, error) {
	all, err := os.OpenFile(consolesAll, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", consolesAll, err)
	}
	b := &borrowed{all: all, loan: loan{Was: was, Keys: keysUTF8}}
	if b.Number, err = free(int(all.Fd())); err == nil {
		b.tty, err = os.OpenFile(consolePath(b.Number), os.O_RDWR|unix.O_NOCTTY|unix.O_NOFOLLOW, 0)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("no console is free: %w", err), all.Close())
	}
	if b.Owner, _, b.Perm, err = ownerOfFile(b.tty); err == nil {
		err = b.prepare(uid)
	}
	if err != nil {
		b.giveBack()
		return nil, fmt.Errorf("prepare tty%d: %w", b.Number, err)
	}
	return b, nil
}

// free is a console that nobody has open: one of those that nobody is used to
// finding a login on, if there is one.
func free(all int) (int, error) {
	state, err := unix.IoctlGetWinsize(all, vtGetState)
	if err != nil {
		return 0, err
	}
	// What is in use comes as bits, 1 to 15. systemd-logind opens logins on 1 to 6
	// by itself, graphical screens are wont to be on 7.
	for n := 8; n <= 15; n++ {
		if state.Xpixel&(1<<n) == 0 {
			return n, nil
		}
	}
	n, err := unix.IoctlGetInt(all, vtOpenQuery)
	if err == nil && (n < 1 || n > maxConsole) {
		err = errors.New("all are in use")
	}
	return n, err
}

// prepare gives a console to an account, in the state in which a login finds one:
// whoever had it before may have left it in any.
func (b *borrowed) prepare(uid int) error {
	fd := int(b.tty.Fd())
	keys, err := unix.IoctlGetInt(fd, kdGetKeyboard)
	if err != nil {
		return fmt.Errorf("its keyboard: %w", err)
	}
	if keys == keysXlate { // any other is what a program has left behind
		b.Keys = keys
	}
	_, err = b.tty.WriteString("\033c\033%G") // as new, in UTF-8
	return errors.Join(err, b.tty.Chmod(0o600), b.tty.Chown(uid, -1),
		unix.IoctlSetInt(fd, kdSetKeyboard, keysUTF8), unix.IoctlSetTermios(fd, unix.TCSETS, plainTerminal()))
}

// plainTerminal is how a terminal is for who types lines (termios(3)).
func plainTerminal() *unix.Termios {
	t := &unix.Termios{
		Iflag: unix.ICRNL | unix.IXON | unix.IUTF8,
		Oflag: unix.OPOST | unix.ONLCR,
		Cflag: unix.CREAD | unix.CS8 | unix.HUPCL | unix.B38400,
		Lflag: unix.ISIG | unix.ICANON | unix.IEXTEN | unix.ECHO | unix.ECHOE | unix.ECHOK | unix.ECHOCTL | unix.ECHOKE,
	}
	for at, key := range map[int]uint8{
		unix.VINTR: 3, unix.VQUIT: 28, unix.VERASE: 127, unix.VKILL: 21, unix.VEOF: 4, unix.VSTART: 17,
		unix.VSTOP: 19, unix.VSUSP: 26, unix.VREPRINT: 18, unix.VWERASE: 23, unix.VLNEXT: 22, unix.VMIN: 1,
	} {
		t.Cc[at] = key
	}
	return t
}

// show puts it in front, unless another than was meant is there by now.
func (b *borrowed) show() error {
	if now, err := inFront(int(b.all.Fd())); err != nil || now != b.Was {
		return fmt.Errorf("tty%d is not in front any more", b.Was)
	}
	if !b.turnTo(b.Number) {
		return fmt.Errorf("tty%d could not be put in front of tty%d: switching is locked", b.Number, b.Was)
	}
	return nil
}

// turnTo puts a console in front, and reports whether it is there.
func (b *borrowed) turnTo(number int) bool {
	if unix.IoctlSetInt(int(b.all.Fd()), vtActivate, number) != nil {
		return false
	}
	// VT_WAITACTIVE would wait for ever where switching is locked.
	return comes(switchWait, func() bool {
		now, err := inFront(int(b.all.Fd()))
		return err == nil && now == number
	})
}

// comes waits so long for a fact that the kernel doesn't announce.
func comes(within time.Duration, holds func() bool) bool {
	look := time.NewTicker(switchLook)
	defer look.Stop()
	for late := time.Now().Add(within); !holds(); <-look.C {
		if time.Now().After(late) {
			return false
		}
	}
	return true
}

// giveBack puts the console that was in front there again, unless its person has
// turned to another one meanwhile, and leaves this one as it was. Whoever still has
// it open has lost it.
func (b *borrowed) giveBack() {
	defer func() { _ = b.all.Close() }()
	if now, err := inFront(int(b.all.Fd())); err == nil && now == b.Number {
		b.turnTo(b.Was)
	}
	fd := int(b.tty.Fd())
	_ = unix.IoctlSetTermios(fd, unix.TCSETS, plainTerminal())
	_ = unix.IoctlSetInt(fd, kdSetKeyboard, b.Keys)
	_ = b.tty.Chown(b.Owner, -1) // before the hang-up, or the account could open it again
	_ = b.tty.Chmod(b.Perm)
	_ = unix.IoctlSetInt(fd, unix.TIOCVHANGUP, 0)
	_ = b.tty.Close()
	clearConsole(b.Number)
	comes(freeWait, func() bool {
		return !errors.Is(unix.IoctlSetInt(int(b.all.Fd()), vtDisallocate, b.Number), unix.EBUSY)
	})
}

// clearConsole removes what stood on a console, for it was for one person. It isn't
// waited for: its person may have stopped the output (Scroll Lock).
func clearConsole(number int) {
	fd, err := unix.Open(consolePath(number), unix.O_WRONLY|unix.O_NOCTTY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	_, _ = unix.Write(fd, []byte("\033c"))
	_ = unix.Close(fd)
}

// reclaim gives back what a process has borrowed that was killed.
func reclaim(l loan) error {
	all, err := os.OpenFile(consolesAll, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return fmt.Errorf("open %s: %w", consolesAll, err)
	}
	tty, err := os.OpenFile(consolePath(l.Number), os.O_RDWR|unix.O_NOCTTY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return errors.Join(fmt.Errorf("give a console back: %w", err), all.Close())
	}
	(&borrowed{loan: l, all: all, tty: tty}).giveBack()
	return nil
}
