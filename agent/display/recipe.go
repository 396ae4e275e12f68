package display

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Show is how a screen is to be shown.
type Show struct {
	Display Display
	Socket  string // the Unix socket to listen on, and nothing else
	Monitor string // "1920x1080+0+0" on X11, an output's name on Wayland; empty: all there is
	// Clipboard says that it is told. What a viewer may say, input and texts for
	// the clipboard, is not for the server to judge: it can't be told otherwise
	// while it runs.
	Clipboard bool
}

// SocketMark stands for [Show].Socket in a command of the owner's.
const SocketMark = "{socket}"

// ErrNoServer reports that no program is there that could show a display.
var ErrNoServer = errors.New("no VNC server that could show this screen is installed")

// recipe is how to start one of the stock VNC servers.
type recipe struct {
	name     string
	programs []string // by preference
	wayland  bool     // what it shows: Wayland, or X11
	args     func(Show) []string
}

// recipes are known by the names that the documentation calls them. On Debian
// x0vncserver is a script around X0tigervnc which goes into the background.
func recipes() []recipe {
	return []recipe{
		{"x0vncserver", []string{"X0tigervnc", "x0vncserver"}, false, x0vncserver},
		{"x11vnc", []string{"x11vnc"}, false, x11vnc},
		{"wayvnc", []string{"wayvnc"}, true, wayvnc},
	}
}

// Known reports whether there is a recipe of this name.
func Known(name string) bool {
	return slices.ContainsFunc(recipes(), func(r recipe) bool { return r.name == name })
}

// Command is how to start a VNC server: start is the name of a recipe, a command
// of the owner's, or empty for whatever recipe fits. ErrNoServer means that
// nothing fits which is installed.
func Command(start []string, s Show) ([]string, error) {
	if len(start) > 0 && !Known(start[0]) {
		command := slices.Clone(start)
		for i := range command {
			command[i] = strings.ReplaceAll(command[i], SocketMark, s.Socket)
		}
		return command, nil
	}
	for _, r := range recipes() {
		if len(start) > 0 && r.name != start[0] || r.wayland != (s.Display.Wayland != "") {
			continue
		}
		if program := installed(r.programs); program != "" {
			return append([]string{program}, r.args(s)...), nil
		}
	}
	return nil, fmt.Errorf("%w (%s)", ErrNoServer, s.Display.Name())
}

// installed finds a program where the system keeps them, "" if none is there. An
// agent's own PATH says nothing about its users'.
func installed(programs []string) string {
	for _, program := range programs {
		for _, dir := range []string{"/usr/local/bin", "/usr/bin", "/bin"} {
			path := filepath.Join(dir, program)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return path
			}
		}
	}
	return ""
}

// x0vncserver is TigerVNC's. Its version 1.12 has no clipboard.
func x0vncserver(s Show) []string {
	args := []string{
		"-display", s.Display.X11, "-rfbport=-1", "-rfbunixpath=" + s.Socket, "-rfbunixmode=0600",
		"-SecurityTypes=None", "-AlwaysShared",
	}
	if s.Monitor != "" {
		args = append(args, "-Geometry="+s.Monitor)
	}
	return args
}

// x11vnc would else listen on IPv6 all the same, read the user's own settings, and turn off
// the repeating of the user's keys.
func x11vnc(s Show) []string {
	args := []string{
		"-display", s.Display.X11, "-unixsock", s.Socket, "-rfbport", "0", "-rfbportv6", "-1",
		"-norc", "-safer", "-nocmds", "-nopw", "-forever", "-shared", "-repeat", "-quiet",
	}
	if s.Monitor != "" {
		args = append(args, "-clip", s.Monitor)
	}
	if !s.Clipboard {
		args = append(args, "-noprimary", "-noclipboard")
	}
	return args
}

// wayvnc shows one output, and can't be kept from telling the clipboard. The
// user's own settings don't count.
func wayvnc(s Show) []string {
	args := []string{"-C", "/dev/null", "-u"}
	if s.Monitor != "" {
		args = append(args, "-o", s.Monitor)
	}
	return append(args, s.Socket)
}
