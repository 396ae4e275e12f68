package proc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// hostPrefix begins what who(1) shows as the place that a visit comes from.
const hostPrefix = "accord:"

// Accounting is how a login of this technician's is listed by who(1), w(1) and
// last(1): in the device's own files, which only root may write. It is nil where
// there are none, or this process isn't root.
func Accounting(technician string) *Record {
	if os.Geteuid() != 0 || nativeLayout().size == 0 {
		return nil
	}
	r := systemRecord()
	r.Host = hostPrefix + strings.Map(func(c rune) rune {
		if c <= ' ' || c > '~' {
			return '?' // these programs print what stands there as it is
		}
		return c
	}, technician)
	return r
}

// systemRecord has glibc's _PATH_UTMP and _PATH_WTMP.
func systemRecord() *Record { return &Record{Utmp: "/var/run/utmp", Wtmp: "/var/log/wtmp"} }

// Types of an entry, utmp(5); a file holds no others.
const (
	utmpInit    = 5 // the first of those that have a terminal
	utmpUser    = 7
	utmpDead    = 8
	utmpHighest = 9
)

// layout is struct utmp of glibc, bits/utmp.h: the same up to the host, then two
// bytes twice, a session, a time of two numbers, an address and 20 bytes more.
// Where __WORDSIZE_TIME64_COMPAT32 is defined the numbers are 32 bits wide, so
// that 32-bit programs read the same file.
type layout struct{ size, session, time, width int }

const (
	atType, atPID, atLine, atID, atUser, atHost = 0, 4, 8, 40, 44, 76
	lineSize, idSize, userSize, hostSize        = 32, 4, 32, 256
)

// nativeLayout is that of this machine's files; its size is 0 on machines that
// nobody has looked at.
func nativeLayout() layout {
	switch runtime.GOARCH {
	case "amd64", "386", "arm":
		return layout{size: 384, session: 336, time: 340, width: 4}
	case "arm64", "riscv64":
		return layout{size: 400, session: 336, time: 344, width: 8}
	}
	return layout{}
}

// login is one entry of utmp(5).
type login struct {
	pid        int
	line       string // the terminal, without /dev/
	user, host string // empty once it is over
	at         time.Time
}

func (l layout) encode(kind uint16, e login) []byte {
	b := make([]byte, l.size)
	put := func(at, width int, n int64) {
		if width == 8 {
			binary.LittleEndian.PutUint64(b[at:], uint64(n)) //nolint:gosec // the same bits
			return
		}
		binary.LittleEndian.PutUint32(b[at:], uint32(n)) //nolint:gosec // the file has no more, to 2106
	}
	binary.LittleEndian.PutUint16(b[atType:], kind)
	put(atPID, 4, int64(e.pid))
	copy(b[atLine:atLine+lineSize], e.line)
	copy(b[atID:atID+idSize], e.line[max(0, len(e.line)-idSize):]) // as sshd names it
	copy(b[atUser:atUser+userSize], e.user)
	copy(b[atHost:atHost+hostSize], e.host)
	if kind == utmpUser {
		put(l.session, l.width, int64(e.pid)) // it leads its session
	}
	put(l.time, l.width, e.at.Unix())
	put(l.time+l.width, l.width, int64(e.at.Nanosecond()/1000))
	return b
}

func text(b []byte, at, size int) string {
	s, _, _ := bytes.Cut(b[at:at+size], []byte{0})
	return string(s)
}

func kindOf(b []byte) int { return int(binary.LittleEndian.Uint16(b[atType:])) }

func pidOf(b []byte) int { return int(int32(binary.LittleEndian.Uint32(b[atPID:]))) } //nolint:gosec // a pid_t

// begin lists a login in both files.
func (r *Record) begin(e login) error {
	l := nativeLayout()
	e.user, e.host = r.User, r.Host
	b := l.encode(utmpUser, e)
	return errors.Join(
		locked(r.Utmp, func(f *os.File) error { return l.occupy(f, e.line, b) }),
		locked(r.Wtmp, func(f *os.File) error { return l.add(f, b) }),
	)
}

// end says in both files that it is over. Only the first call for a login does
// something, where there is a utmp file to tell by.
func (r *Record) end(e login) error {
	l, due := nativeLayout(), true
	e.user, e.host = "", ""
	b := l.encode(utmpDead, e)
	err := locked(r.Utmp, func(f *os.File) error {
		listed, err := l.vacate(f, e, b)
		due = listed || err != nil
		return err
	})
	if !due {
		return nil
	}
	return errors.Join(err, locked(r.Wtmp, func(f *os.File) error { return l.add(f, b) }))
}

// EndStale ends the entries of logins that are listed and gone: keepers that
// were killed with their agent can't have done it.
func EndStale() error {
	if os.Geteuid() != 0 || nativeLayout().size == 0 {
		return nil
	}
	return systemRecord().endStale(func(pid int) bool { return !errors.Is(unix.Kill(pid, 0), unix.ESRCH) }, time.Now())
}

func (r *Record) endStale(alive func(pid int) bool, now time.Time) error {
	l := nativeLayout()
	var gone []login
	err := locked(r.Utmp, func(f *os.File) error {
		return l.each(f, func(_ int64, old []byte) error {
			if kindOf(old) == utmpUser && strings.HasPrefix(text(old, atHost, hostSize), hostPrefix) && !alive(pidOf(old)) {
				gone = append(gone, login{pid: pidOf(old), line: text(old, atLine, lineSize), at: now})
			}
			return nil
		})
	})
	for _, e := range gone {
		err = errors.Join(err, r.end(e))
	}
	return err
}

// maxUtmp bounds what is read of utmp, in entries: one for each terminal that
// ever was.
const maxUtmp = 1 << 16

// errLayout is a file that is left as it is: to write into it could destroy
// what it holds.
var errLayout = errors.New("it isn't made of whole entries as this system writes them, so it is left as it is")

// each hands every entry of utmp to do. A file that holds something else is an
// error before the first.
func (l layout) each(f *os.File, do func(at int64, old []byte) error) error {
	n, err := l.entries(f)
	if err != nil || n > maxUtmp {
		return errors.Join(err, errLayout)
	}
	all := make([]byte, n*int64(l.size))
	if _, err := f.ReadAt(all, 0); err != nil && n > 0 {
		return err
	}
	for at := 0; at < len(all); at += l.size {
		if kindOf(all[at:]) > utmpHighest {
			return errLayout
		}
	}
	for at := 0; at < len(all); at += l.size {
		if err := do(int64(at), all[at:at+l.size]); err != nil {
			return err
		}
	}
	return nil
}

func (l layout) entries(f *os.File) (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() || info.Size()%int64(l.size) != 0 {
		return 0, errLayout
	}
	return info.Size() / int64(l.size), nil
}

// occupy writes a terminal's entry in the place of its last one, or at the end.
func (l layout) occupy(f *os.File, line string, b []byte) error {
	place := int64(-1)
	if err := l.each(f, func(at int64, old []byte) error {
		if kindOf(old) >= utmpInit && kindOf(old) <= utmpDead && text(old, atLine, lineSize) == line {
			place = at
		}
		return nil
	}); err != nil {
		return err
	}
	if place < 0 {
		return l.add(f, b)
	}
	_, err := f.WriteAt(b, place)
	return err
}

// vacate overwrites the entry of a login, if it is still listed.
func (l layout) vacate(f *os.File, e login, b []byte) (listed bool, err error) {
	err = l.each(f, func(at int64, old []byte) error {
		if kindOf(old) != utmpUser || pidOf(old) != e.pid || text(old, atLine, lineSize) != e.line {
			return nil
		}
		listed = true
		_, err := f.WriteAt(b, at)
		return err
	})
	return listed, err
}

// add appends an entry whole, or not at all.
func (l layout) add(f *os.File, b []byte) error {
	n, err := l.entries(f)
	if err != nil {
		return err
	}
	end := n * int64(l.size)
	if n > 0 {
		last := make([]byte, l.size)
		if _, err := f.ReadAt(last, end-int64(l.size)); err != nil {
			return err
		}
		if kindOf(last) > utmpHighest {
			return errLayout
		}
	}
	if _, err := f.WriteAt(b, end); err != nil {
		return errors.Join(err, f.Truncate(end)) // a full disk
	}
	return nil
}

// lockLimit bounds the wait for a file that somebody holds: everybody may read
// them, and who reads can lock.
const (
	lockLimit = time.Second
	lockPause = 10 * time.Millisecond
)

// locked does something with a file that exists, under the lock that glibc takes
// too. A system without the file is left without.
func locked(path string, do func(*os.File) error) error {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err // it names the path
	}
	defer func() { _ = f.Close() }()
	if err = lock(f); err == nil {
		err = do(f)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

func lock(f *os.File) error {
	whole := unix.Flock_t{Type: unix.F_WRLCK}
	for late := time.Now().Add(lockLimit); ; {
		err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &whole)
		if err == nil || !errors.Is(err, syscall.EAGAIN) && !errors.Is(err, syscall.EACCES) {
			return err
		}
		if time.Now().After(late) {
			return errors.New("somebody holds its lock")
		}
		<-time.After(lockPause) // nothing announces it
	}
}
