// Package display finds the screen of the device's user and knows how the stock
// VNC servers show it. It starts nothing and decides nothing.
//
// It knows displays and processes by what Linux tells in /proc, and by agent/census
// on FreeBSD. The screen of macOS is none of its displays.
package display

import "strings"

// Display is a screen that programs of the user are shown on.
type Display struct {
	X11        string // as DISPLAY has it, such as ":0"; empty on Wayland
	XAuthority string // file of the cookie; empty: where X looks by itself
	Wayland    string // as WAYLAND_DISPLAY has it; empty on X11
	Runtime    string // folder of the Wayland socket, and of the session's other sockets
	Bus        string // address of the session's D-Bus; empty: where programs look by themselves
	Locale     string // of the programs that are shown; empty where they have none
	Plain      string // ACCORD_PLAIN, likewise
}

// Named is the display that a configuration names: ":0", or "wayland-1".
func Named(name, runtime string) Display {
	if strings.HasPrefix(name, ":") {
		return Display{X11: name}
	}
	return Display{Wayland: name, Runtime: runtime}
}

// Name is what a configuration would name it.
func (d Display) Name() string {
	if d.Wayland != "" {
		return d.Wayland
	}
	return d.X11
}

// Environment is what a program needs to use it, as NAME=value.
func (d Display) Environment() []string {
	var env []string
	for _, v := range [][2]string{
		{"DISPLAY", d.X11}, {"XAUTHORITY", d.XAuthority}, {"WAYLAND_DISPLAY", d.Wayland}, {"XDG_RUNTIME_DIR", d.Runtime},
		{"DBUS_SESSION_BUS_ADDRESS", d.Bus},
	} {
		if v[1] != "" {
			env = append(env, v[0]+"="+v[1])
		}
	}
	return env
}
