package display

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

func nobodys(int) bool { return false }

// TestFromEnvironment reads what programs know of their display, and nothing of
// another machine's.
func TestFromEnvironment(t *testing.T) {
	for env, want := range map[string]string{
		"":                           "",
		"DISPLAY=:0":                 "{:0      }",
		"DISPLAY=:0.1,XAUTHORITY=/a": "{:0 /a     }",
		"DISPLAY=localhost:10.0":     "",
		"DISPLAY=10.0.0.1:0":         "",
		"DISPLAY=:0;reboot":          "",
		"DISPLAY=:":                  "",
		"DISPLAY=-ac":                "",
		"DISPLAY=:123456":            "",
		"XDISPLAY=:0":                "",
		"WAYLAND_DISPLAY=wayland-1":  "",
		"WAYLAND_DISPLAY=../../x,XDG_RUNTIME_DIR=/run":                                             "",
		"WAYLAND_DISPLAY=wayland-1,XDG_RUNTIME_DIR=/run/user/1000,DISPLAY=:0":                      "{  wayland-1 /run/user/1000   }",
		"DISPLAY=:0,DBUS_SESSION_BUS_ADDRESS=unix:path=/run/b,LANG=fr_FR.UTF-8":                    "{:0    unix:path=/run/b fr_FR.UTF-8 }",
		"DISPLAY=:0,DBUS_SESSION_BUS_ADDRESS=tcp:host=10.0.0.1,LC_ALL=C,LANG=fr_FR,ACCORD_PLAIN=1": "{:0     C 1}",
		"DISPLAY=:0,DBUS_SESSION_BUS_ADDRESS=unix:path=/b;tcp:host=h":                              "{:0      }",
		"WAYLAND_DISPLAY=/run/w": "{  /run/w    }",
	} {
		var vars [][]byte
		for v := range strings.SplitSeq(env, ",") {
			vars = append(vars, []byte(v))
		}
		d, ok := fromEnvironment(vars)
		if got := fmt.Sprint(d); ok != (want != "") || ok && got != want {
			t.Errorf("%q is %s, %v", env, got, ok)
		}
	}
}

// TestCommand has each recipe, and a command of the owner's.
func TestCommand(t *testing.T) {
	x, w := Display{X11: ":7"}, Display{Wayland: "wayland-1", Runtime: "/run/user/1000"}
	for _, tt := range []struct {
		start []string
		show  Show
		want  string
	}{
		{nil, Show{Display: x, Socket: "/s"}, "/usr/bin/X0tigervnc -display :7 -rfbport=-1 -rfbunixpath=/s -rfbunixmode=0600 -SecurityTypes=None -AlwaysShared"},
		{[]string{"x0vncserver"}, Show{Display: x, Socket: "/s", Monitor: "640x480+0+0"}, "/usr/bin/X0tigervnc -display :7 -rfbport=-1 -rfbunixpath=/s -rfbunixmode=0600 -SecurityTypes=None -AlwaysShared -Geometry=640x480+0+0"},
		{[]string{"x11vnc"}, Show{Display: x, Socket: "/s", Monitor: "640x480+0+0"}, "/usr/bin/x11vnc -display :7 -unixsock /s -rfbport 0 -rfbportv6 -1 -norc -safer -nocmds -nopw -forever -shared -repeat -quiet -clip 640x480+0+0 -noprimary -noclipboard"},
		{[]string{"x11vnc"}, Show{Display: x, Socket: "/s", Clipboard: true}, "/usr/bin/x11vnc -display :7 -unixsock /s -rfbport 0 -rfbportv6 -1 -norc -safer -nocmds -nopw -forever -shared -repeat -quiet"},
		{nil, Show{Display: w, Socket: "/s", Monitor: "DP-1"}, "/usr/bin/wayvnc -C /dev/null -u -o DP-1 /s"},
		{[]string{"/opt/vnc", "--at", "unix:{socket}"}, Show{Display: x, Socket: "/s"}, "/opt/vnc --at unix:/s"},
	} {
		got, err := Command(tt.start, tt.show)
		if err != nil || strings.Join(got, " ") != tt.want {
			t.Errorf("%v for %v: %v, %v", tt.start, tt.show, got, err)
		}
	}
	for _, start := range []string{"x0vncserver", "x11vnc"} {
		if got, err := Command([]string{start}, Show{Display: w}); !errors.Is(err, ErrNoServer) {
			t.Errorf("%s shows Wayland: %v, %v", start, got, err)
		}
	}
}

func TestParseListening(t *testing.T) {
	const rest = " 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 x"
	for line, want := range map[string]string{
		"0: 0100007F:170C" + rest:                                 "{127.0.0.1:5900 1000 4711}",
		"0: 00000000:1716" + rest:                                 "{127.0.0.1:5910 1000 4711}",
		"0: 00000000000000000000000000000000:170C" + rest:         "{[::1]:5900 1000 4711}",
		"0: 00000000000000000000000001000000:170D" + rest:         "{[::1]:5901 1000 4711}",
		"0: 0100007F:1717" + rest:                                 "", // another port
		"0: 0101A8C0:170C" + rest:                                 "", // the network's address
		"0: 0100007F:170C" + strings.Replace(rest, "0A", "01", 1): "", // connected
		"0: 0100007F" + rest:                                      "",
		"0: 01:170C" + rest:                                       "",
		"0: xx00007F:170C" + rest:                                 "",
		"sl local_address rem_address":                            "",
	} {
		l, ok := parseListening(line)
		if got := fmt.Sprint(l); ok != (want != "") || ok && got != want {
			t.Errorf("%q is %s, %v", line, got, ok)
		}
	}
}

// TestFind finds a real display by a program on it and a real server by its name,
// as long as they are not a technician's.
func TestFind(t *testing.T) {
	number := 1000 + rand.IntN(40000)
	on := fmt.Sprintf(":%d", number)
	port := freePort(t)
	run(t, exec.Command("Xtigervnc", on, "-rfbport", fmt.Sprint(port), "-localhost", "-SecurityTypes", "None", "-nolisten", "tcp", "-geometry", "320x200"))
	eventually(t, "Xtigervnc listens", func() bool {
		conn, err := net.Dial("unix", fmt.Sprintf("/tmp/.X11-unix/X%d", number))
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
	names := func(who func(int) bool) (list []string) {
		for _, d := range Find(os.Getuid(), who) {
			list = append(list, d.Name())
		}
		return list
	}
	if slices.Contains(names(nobodys), on) {
		t.Error("a display without a program of the user's is found")
	}
	program := exec.Command("sleep", "300")
	program.Env = []string{"DISPLAY=" + on + ".0"}
	run(t, program)
	eventually(t, "the display is found", func() bool { return slices.Contains(names(nobodys), on) })
	if slices.Contains(names(func(pid int) bool { return pid == program.Process.Pid }), on) {
		t.Error("a technician's program counts")
	}
	if list := Find(os.Getuid()+12345, nobodys); len(list) > 0 {
		t.Errorf("for another account: %v", list)
	}
	address := fmt.Sprintf("127.0.0.1:%d", port)
	eventually(t, "the server is found", func() bool { return slices.Contains(Servers(os.Getuid(), nobodys), address) })
	if list := Servers(os.Getuid(), func(int) bool { return true }); len(list) > 0 {
		t.Errorf("a technician's server counts: %v", list)
	}
	ln, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", freePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	if list := Servers(os.Getuid(), nobodys); slices.Contains(list, ln.Addr().String()) {
		t.Error("a tunnel of this very program passes for a VNC server")
	}
}

// freePort is one of those that VNC servers listen on.
func freePort(t *testing.T) int {
	t.Helper()
	for port := portFirst; port <= portLast; port++ {
		if ln, err := net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			_ = ln.Close()
			return port
		}
	}
	t.Fatal("no port is free")
	return 0
}

func run(t *testing.T, c *exec.Cmd) {
	t.Helper()
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Process.Signal(syscall.SIGTERM)
		_ = c.Wait()
	})
}

// TestPeerOf tells who listens.
func TestPeerOf(t *testing.T) {
	ln, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	conn, err := net.Dial("unix", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if uid, err := PeerOf(conn); err != nil || uid != os.Geteuid() {
		t.Errorf("%d, %v", uid, err)
	}
	mine, theirs := net.Pipe()
	_, _ = mine.Close(), theirs.Close()
	if _, err := PeerOf(mine); err == nil {
		t.Error("a pipe has a peer")
	}
}
