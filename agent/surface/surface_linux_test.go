package surface

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

// This test binary also plays the popup's command, an old tmux, and its server.
const (
	rolePopup  = "popup"
	roleServer = "old-server"
)

func TestMain(m *testing.M) {
	Main()
	switch {
	case len(os.Args) == 3 && os.Args[1] == rolePopup:
		os.Exit(playPopup(os.Args[2]))
	case len(os.Args) == 3 && os.Args[1] == roleServer:
		os.Exit(playServer(os.Args[2]))
	case len(os.Args) > 3 && os.Args[1] == "-S":
		os.Exit(playOldTmux(os.Args[2], os.Args[3]))
	}
	os.Exit(m.Run())
}

// seen is what the popup's command finds.
type seen struct {
	UID, Columns, Rows int
	Args, Env          []string
}

// playPopup tells the test what it finds and ends when, and as, it is told.
func playPopup(socket string) int {
	conn, err := net.Dial("unix", strings.TrimSuffix(socket, ";"))
	if err != nil {
		return 1
	}
	size, err := unix.IoctlGetWinsize(0, unix.TIOCGWINSZ)
	if err != nil {
		return 1
	}
	_ = json.NewEncoder(conn).Encode(seen{os.Getuid(), int(size.Col), int(size.Row), os.Args, os.Environ()})
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return 1
	}
	status, _ := strconv.Atoi(strings.TrimSpace(line))
	return status
}

// playServer looks like a tmux server until its input ends.
func playServer(socket string) int {
	l, err := net.Listen("unix", socket)
	if err != nil || os.WriteFile("/proc/self/comm", []byte(tmuxServer), 0) != nil ||
		os.WriteFile(socket+".pid", []byte(strconv.Itoa(os.Getpid())), 0o644) != nil { //nolint:gosec // no secret
		return 1
	}
	fmt.Println("ready")
	_, _ = io.Copy(io.Discard, os.Stdin)
	_ = l.Close()
	return 0
}

// playOldTmux is a tmux 3.1 with one client.
func playOldTmux(socket, command string) int {
	switch command {
	case "list-clients":
		pid, _ := os.ReadFile(socket + ".pid")
		fmt.Printf("%s|5|0|||$0|/dev/pts/0|80|24\n", pid)
	case "list-commands":
		fmt.Println("display-message (display) [-aIpv]\ndisplay-panes (displayp) [-b]")
	default:
		return 1
	}
	return 0
}

// person is one under test: a uid, a folder of its own, and a mark in the
// environment of all its processes, so that nobody else's terminal on this
// machine is touched.
type person struct {
	t    *testing.T
	user User
	dir  string
	mark string
	self string // this test binary, where the person can run it
}

// people runs a test as oneself and, for root, for somebody else too.
func people(t *testing.T, run func(t *testing.T, p *person)) {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("tmux is not installed, and nobody reads skips here")
		}
		t.Skip("tmux is not installed")
	}
	t.Run("self", func(t *testing.T) { run(t, newPerson(t, os.Geteuid(), os.Getegid())) })
	t.Run("another", func(t *testing.T) {
		if os.Geteuid() != 0 {
			t.Skip("only root reaches another user")
		}
		run(t, newPerson(t, 65534, 65534))
	})
}

func newPerson(t *testing.T, uid, gid int) *person {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "surface") // short: it holds sockets
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	p := &person{
		t: t, dir: dir, self: filepath.Join(dir, "self"), mark: "SURFACE_TEST=" + filepath.Base(dir),
		user: User{UID: uid, GID: gid, Groups: []int{gid}, Name: "ada", Home: dir},
	}
	me, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(me)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{os.WriteFile(p.self, program, 0o755), os.Chmod(dir, 0o755), os.Chown(dir, uid, gid)} { //nolint:gosec // to be run by others
		if err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// others names every process that is not this person's.
func (p *person) others(pid int) bool {
	env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
	return err != nil || !bytes.Contains(env, []byte(p.mark))
}

func (p *person) command(args ...string) *exec.Cmd {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = p.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.dir, "TERM=xterm-256color", "LC_ALL=C.UTF-8", "SHELL=/bin/sh", p.mark}
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if p.user.UID != os.Geteuid() {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(p.user.UID), Gid: uint32(p.user.GID)} //nolint:gosec // ids
	}
	return cmd
}

// tmux runs a command of the person's tmux and returns its output.
func (p *person) tmux(args ...string) string {
	p.t.Helper()
	out, err := p.command(append([]string{"tmux", "-S", p.dir + "/t mux", "-f", "/dev/null"}, args...)...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %v: %v %s", args, err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// start starts a tmux server with one detached session that runs cat.
func (p *person) start() {
	p.t.Helper()
	p.tmux("new-session", "-d", "-s", "main", "-x", "100", "-y", "30", "cat")
	p.t.Cleanup(func() { _ = p.command("tmux", "-S", p.dir+"/t mux", "kill-server").Run() })
}

// screen is a terminal that the test holds the other end of.
type screen struct {
	master *os.File
	cmd    *exec.Cmd
	done   chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

// sit runs a program in a terminal of the person's.
func (p *person) sit(args ...string) *screen {
	p.t.Helper()
	cmd := p.command(args...)
	master, slave, err := pty.Open()
	if err != nil {
		p.t.Fatal(err)
	}
	if err := errors.Join(slave.Chown(p.user.UID, p.user.GID), pty.Setsize(master, &pty.Winsize{Rows: 30, Cols: 100})); err != nil {
		p.t.Fatal(err)
	}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = slave, slave, slave
	cmd.SysProcAttr.Setsid, cmd.SysProcAttr.Setctty = true, true
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	_ = slave.Close()
	s := &screen{master: pollable(p.t, master), cmd: cmd, done: make(chan struct{})}
	go s.drain()
	p.t.Cleanup(s.close)
	return s
}

// pollable gives a file whose Close ends a Read. One that was asked for its
// descriptor, as to set a terminal's size, waits for whoever still holds the
// other end: a child that a killed program left behind.
func pollable(t *testing.T, f *os.File) *os.File {
	t.Helper()
	fd, err := syscall.Dup(int(f.Fd()))
	if err == nil {
		err = errors.Join(syscall.SetNonblock(fd, true), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), f.Name())
}

func (s *screen) drain() {
	defer close(s.done)
	buf := make([]byte, 4096)
	for {
		n, err := s.master.Read(buf)
		s.mu.Lock()
		s.text.Write(buf[:n])
		s.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

func (s *screen) close() {
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	_ = s.master.Close()
	<-s.done
}

// attach attaches a terminal to the person's tmux.
func (p *person) attach(more ...string) *screen {
	p.t.Helper()
	before := p.clients()
	s := p.sit(append([]string{"tmux", "-S", p.dir + "/t mux", "attach"}, more...)...)
	p.until("a client is attached", func() bool { return p.clients() == before+1 })
	return s
}

func (p *person) clients() int {
	return len(strings.Fields(p.tmux("list-clients", "-F", "x")))
}

// patience bounds every wait for something that must come, on a slow machine too.
const patience = time.Minute

// until waits for a condition.
func (p *person) until(what string, holds func() bool) {
	p.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	late := time.After(patience)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			p.t.Fatalf("in vain waited until %s", what)
		}
	}
}

// shown is a popup that is open.
type shown struct {
	seen
	conn net.Conn
	end  chan error // of Show
}

// show opens a popup and waits until its command runs.
func (p *person) show(ctx context.Context, popup *Popup, env []string, more ...string) *shown {
	p.t.Helper()
	socket := filepath.Join(p.dir, "popup.sock")
	_ = os.Remove(socket)
	l, err := net.Listen("unix", socket)
	if err != nil {
		p.t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // one caller is all
	_ = os.Chmod(socket, 0o777)
	s := &shown{end: make(chan error, 1)}
	go func() { s.end <- popup.Show(ctx, append([]string{p.self, rolePopup, socket}, more...), env) }()
	_ = l.(*net.UnixListener).SetDeadline(time.Now().Add(patience))
	if s.conn, err = l.Accept(); err != nil {
		select {
		case end := <-s.end:
			p.t.Fatalf("no popup came: %v; Show: %v", err, end)
		default:
			p.t.Fatalf("no popup came: %v", err)
		}
	}
	p.t.Cleanup(func() { _ = s.conn.Close() })
	// To the end of the line: what is read of the connection afterwards is its end.
	line, err := bufio.NewReader(s.conn).ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &s.seen)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	return s
}

func (p *person) find() *Popup {
	p.t.Helper()
	popup, err := FindPopup(p.t.Context(), p.user, p.others)
	if err != nil {
		p.t.Fatal(err)
	}
	return popup
}

func contains(list []string, want ...string) bool {
	return !slices.ContainsFunc(want, func(w string) bool { return !slices.Contains(list, w) })
}
