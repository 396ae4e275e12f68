package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdDesktop: desktop NAME WxH starts a graphical screen, whose display is in
// $NAME (in capitals) and whose VNC server, without a password, listens on the
// Unix socket NAME.rfb. It ends with the script.
func cmdDesktop(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	s, name := stageOf(ts), args[0]
	socket := filepath.Join(s.dir, name+".rfb")
	read, write, err := os.Pipe()
	ts.Check(err)
	log, err := os.Create(filepath.Join(s.dir, name+".log"))
	ts.Check(err)
	cmd := exec.Command("Xtigervnc", "-displayfd", "3", "-geometry", args[1], "-depth", "24", "-nolisten", "tcp",
		"-rfbunixpath", socket, "-rfbport", "-1", "-SecurityTypes", "None", "-AlwaysShared")
	cmd.ExtraFiles, cmd.Stdout, cmd.Stderr = []*os.File{write}, log, log
	ts.Check(cmd.Start())
	_ = write.Close()
	ts.Defer(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = read.Close()
		_ = log.Close()
	})
	number := make([]byte, 8)
	n, err := read.Read(number)
	ts.Check(err)
	ts.Setenv(strings.ToUpper(name), ":"+strings.TrimSpace(string(number[:n])))
	if !until(patience, func() bool { _, err := os.Stat(socket); return err == nil }) {
		ts.Fatalf("the screen %s does not listen", name)
	}
}

// cmdWindowCode: window-code SCREEN NAME reads the code of the request from the
// terminal NAME, which shows it too, and types it in the window that the agent has
// opened on a screen: again where it came too early to count.
func cmdWindowCode(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	s, name := stageOf(ts), args[1]
	m := s.find(ts, name, codeShown)
	asked := regexp.MustCompile(`: _ _`)
	if !until(patience, func() bool {
		_, err := runIn(s.dir, append(s.env[:len(s.env):len(s.env)], "DISPLAY="+args[0]), "xdotool", "mousemove", "200", "200", "type", "--delay", "50", m[1]+m[2])
		ts.Check(err)
		return until(2*quiet, func() bool { return !shows(s.screen(name), asked) })
	}) {
		ts.Fatalf("the window doesn't take the code:\n%s", s.screen(name))
	}
}

// cmdPort: port NAME finds a port that nobody listens on. $NAME is it, and
// $NAME_DISPLAY what a VNC viewer calls it.
func cmdPort(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	ports, err := freePorts(1)
	ts.Check(err)
	ts.Setenv(args[0], strconv.Itoa(ports[0]))
	ts.Setenv(args[0]+"_DISPLAY", strconv.Itoa(ports[0]-5900))
}

// cmdListens: listens PORT waits until somebody does, on loopback.
func cmdListens(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	if !until(patience, func() bool {
		// Looked up, for a connection would be one to the screen.
		text, err := os.ReadFile("/proc/net/tcp")
		port, perr := strconv.Atoi(args[0])
		return err == nil && perr == nil && strings.Contains(string(text), listenLine(port))
	}) {
		ts.Fatalf("nobody listens on port %s", args[0])
	}
}

// listenLine is how /proc/net/tcp writes a port of 127.0.0.1 that is listened on.
func listenLine(port int) string {
	host := net.IPv4(127, 0, 0, 1).To4()
	hex := func(n, digits int) string {
		s := strings.ToUpper(strconv.FormatInt(int64(n), 16))
		return strings.Repeat("0", digits-len(s)) + s
	}
	return hex(int(host[3]), 2) + hex(int(host[2]), 2) + hex(int(host[1]), 2) + hex(int(host[0]), 2) + ":" + hex(port, 4) + " 00000000:0000 0A"
}
