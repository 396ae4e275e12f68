package surface

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Requests and values of consoles (linux/vt.h, linux/kd.h; ioctl_console(2)).
const (
	vtOpenQuery   = 0x5600 // the first console that nobody has open
	vtGetMode     = 0x5601
	vtGetState    = 0x5603
	vtActivate    = 0x5606
	vtDisallocate = 0x5608
	kdGetMode     = 0x4B3B
	kdGetKeyboard = 0x4B44
	kdSetKeyboard = 0x4B45

	vtAuto     = 0 // the kernel switches by itself
	kdText     = 0
	keysXlate  = 1 // keys are characters
	keysUTF8   = 3
	maxConsole = 63

	consolesAll = "/dev/tty0" // the one in front, and where the others are asked for
)

// front is what is known of the console in front: the one that whoever sits at the
// machine sees and types on.
type front struct {
	number  int
	text    bool // the kernel draws characters on it, and nobody pictures
	managed bool // a program decides when it is left
	keys    bool // keys come as characters
	owner   int  // of its terminal; -1: not known
	leader  process
	shell   bool   // the leader is a shell of this machine (shells(5))
	locker  string // a program that has locked it; empty: none
	visit   bool   // the leader belongs to a visit
	logins  []int  // the accounts that the keeper of logins knows there
}

// taken says why a console must not be put in front of this one for an account; nil
// where it may. It is asked of facts alone: whoever types there must be that account
// for sure, for what they type may open a visit.
func (f front) taken(uid int) error {
	var why string
	switch {
	case !f.text:
		why = "the screen shows pictures"
	case f.managed || !f.keys:
		why = "a program has the screen and the keyboard"
	case f.leader.pid == 0:
		why = "nobody is logged in there"
	case f.visit:
		why = "it is a visit's"
	case f.owner != uid || f.leader.uid != uid || slices.ContainsFunc(f.logins, func(l int) bool { return l != uid }):
		why = "it is not theirs"
	case !f.shell && len(f.logins) == 0:
		// A program that asks who is there runs as root, as root's own shell does.
		why = "what runs there is no shell, and nothing says who is logged in"
	case f.locker != "":
		why = f.locker + " has locked it"
	default:
		return nil
	}
	return fmt.Errorf("%w: the console in front is tty%d, and %s", ErrNobody, f.number, why)
}

// lockers are programs that lock the console they run on, by their names.
func lockers() []string { return []string{"vlock", "vlock-main", "physlock", "lock", "termlock"} }

// lookFront finds out about the console in front. The error is [ErrNobody] where
// there are none.
func lookFront(visits func(pid int) bool) (front, error) {
	all, err := os.OpenFile(consolesAll, os.O_RDONLY|unix.O_NOCTTY, 0)
	if err != nil {
		return front{}, fmt.Errorf("%w: this machine has no consoles, or they are not the agent's to use: %w", ErrNobody, err)
	}
	defer func() { _ = all.Close() }()
	number, err := inFront(int(all.Fd()))
	if err != nil {
		return front{}, fmt.Errorf("%w: which console is in front can't be seen: %w", ErrNobody, err)
	}
	f := front{number: number, owner: -1}
	draws, err := unix.IoctlGetInt(int(all.Fd()), kdGetMode)
	f.text = err == nil && draws == kdText
	keys, err := unix.IoctlGetInt(int(all.Fd()), kdGetKeyboard)
	f.keys = err == nil && (keys == keysXlate || keys == keysUTF8)
	// Of struct vt_mode the first byte is how it is switched; all is as long as
	// struct winsize.
	mode, err := unix.IoctlGetWinsize(int(all.Fd()), vtGetMode)
	f.managed = err != nil || mode.Row&0xff != vtAuto
	f.logins = loginsAt(sessionFiles, number)
	return f, f.lookTerminal(visits)
}

// lookTerminal finds out who is at the console's terminal.
func (f *front) lookTerminal(visits func(pid int) bool) error {
	var st unix.Stat_t
	if err := unix.Lstat(consolePath(f.number), &st); err == nil && st.Mode&unix.S_IFMT == unix.S_IFCHR {
		f.owner = int(st.Uid)
	}
	list, err := processes()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNobody, err)
	}
	dev := unix.Mkdev(4, uint32(f.number)) //nolint:gosec // 1 to 63
	for _, p := range list {
		if p.tty != dev {
			continue
		}
		if p.pid == p.session {
			f.leader, f.visit, f.shell = p, visits(p.pid), isShell("/etc/shells", p.pid)
		}
		if slices.Contains(lockers(), p.name) {
			f.locker = p.name
		}
	}
	return nil
}

// inFront is the number of the console in front.
func inFront(fd int) (int, error) {
	// struct vt_stat is three numbers of 16 bits, struct winsize four.
	state, err := unix.IoctlGetWinsize(fd, vtGetState)
	if err != nil {
		return 0, err
	}
	return int(state.Row), nil
}

func consolePath(number int) string { return "/dev/tty" + strconv.Itoa(number) }

// isShell reports whether a process runs a program that a file as shells(5) names.
func isShell(list string, pid int) bool {
	ran, err := os.Stat(fmt.Sprintf("/proc/%d/exe", pid))
	if err != nil {
		return false
	}
	file, err := os.Open(list)
	if err != nil {
		return false
	}
	defer func() { _ = file.Close() }()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		path := strings.TrimSpace(lines.Text())
		if info, err := os.Stat(path); filepath.IsAbs(path) && err == nil && os.SameFile(info, ran) {
			return true
		}
	}
	return false
}

// sessionFiles is where systemd-logind notes the sessions.
const sessionFiles = "/run/systemd/sessions"

// loginsAt are the accounts of the sessions that systemd-logind notes on a console.
func loginsAt(dir string, number int) []int {
	var uids []int
	for _, s := range sessionsIn(dir) {
		if s["VTNR"] != strconv.Itoa(number) || s["STATE"] == "closing" {
			continue
		}
		uid, err := strconv.Atoi(s["UID"])
		if err != nil {
			uid = -1 // somebody, and nobody who is asked
		}
		uids = append(uids, uid)
	}
	return uids
}

// sessionsIn reads the files of sessions; one that can't be is none.
func sessionsIn(dir string) []map[string]string {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil
	}
	var list []map[string]string
	for _, path := range files {
		info, err := os.Stat(path)
		if err != nil || !info.Mode().IsRegular() || info.Size() > 16<<10 {
			continue // beside a session's file lies a pipe, which a read would wait for
		}
		if text, err := os.ReadFile(path); err == nil {
			s := parseSession(string(text))
			s["ID"] = filepath.Base(path)
			list = append(list, s)
		}
	}
	return list
}

// ownerOfFile is whose an open file is, with its permissions.
func ownerOfFile(f *os.File) (uid, gid int, perm os.FileMode, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, 0, 0, err
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0, 0, fmt.Errorf("whose %s is can't be seen", f.Name())
	}
	return int(st.Uid), int(st.Gid), info.Mode().Perm(), nil
}
