//go:build linux || freebsd

package display

import (
	"cmp"
	"net"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// localBus is the address of a bus on this machine: those of others are none of
// ours (D-Bus Specification, "Server Addresses").
var localBus = regexp.MustCompile(`^unix:(path|abstract)=[^;]+$`)

// Find lists the displays on this machine that programs of an account are shown
// on, that of its active session first, then by how new the programs are. Those
// for which visits says yes are a technician's and don't count. Only root can
// look at other accounts' programs.
func Find(uid int, visits func(pid int) bool) []Display {
	var list []Display
	for _, pid := range processesOf(uid) {
		d, ok := displayOf(pid)
		if !ok {
			continue
		}
		if at := slices.IndexFunc(list, func(o Display) bool { return o.Name() == d.Name() }); at >= 0 {
			if list[at].lacks() && !visits(pid) {
				list[at].learn(d)
			}
			continue
		}
		if !visits(pid) && shown(d, uid) {
			list = append(list, d)
		}
	}
	if name := activeDisplay(sessionFiles, uid); name != "" {
		slices.SortStableFunc(list, func(a, b Display) int { return cmp.Compare(rank(a, name), rank(b, name)) })
	}
	return list
}

// lacks reports whether another program on the display may know more of it.
func (d *Display) lacks() bool {
	return d.X11 != "" && d.XAuthority == "" || d.Runtime == "" || d.Bus == "" || d.Locale == "" || d.Plain == ""
}

// learn takes what an older program knows.
func (d *Display) learn(o Display) {
	d.XAuthority, d.Runtime = cmp.Or(d.XAuthority, o.XAuthority), cmp.Or(d.Runtime, o.Runtime)
	d.Bus, d.Locale, d.Plain = cmp.Or(d.Bus, o.Bus), cmp.Or(d.Locale, o.Locale), cmp.Or(d.Plain, o.Plain)
}

// rank puts the display of the active session first. The sessions know only X11's
// by its name.
func rank(d Display, active string) int {
	if d.X11 == active {
		return 0
	}
	return 1
}

// displayOf is where a process is shown, by its environment. A display of
// another machine, which DISPLAY names with a host, is none.
func displayOf(pid int) (Display, bool) {
	return fromEnvironment(environment(pid))
}

func fromEnvironment(vars [][]byte) (Display, bool) {
	value := make(map[string]string)
	for _, v := range vars {
		if name, text, ok := strings.Cut(string(v), "="); ok {
			value[name] = text
		}
	}
	d := Display{Wayland: value["WAYLAND_DISPLAY"], Runtime: value["XDG_RUNTIME_DIR"], Bus: value["DBUS_SESSION_BUS_ADDRESS"]}
	d.Locale, d.Plain = cmp.Or(value["LC_ALL"], value["LC_MESSAGES"], value["LANG"]), value["ACCORD_PLAIN"]
	if !localBus.MatchString(d.Bus) {
		d.Bus = ""
	}
	if d.Wayland != "" { // DISPLAY would be that of programs for X11 within it
		return d, filepath.IsAbs(d.Wayland) || filepath.IsAbs(d.Runtime) && !strings.Contains(d.Wayland, "/")
	}
	d.X11, d.XAuthority = value["DISPLAY"], value["XAUTHORITY"]
	_, ok := xSocket(d.X11)
	d.X11, _, _ = strings.Cut(d.X11, ".") // the X screen after the dot is the same display
	return d, ok
}

// xSocket is where the X server of ":0" or ":0.0" listens.
func xSocket(display string) (string, bool) {
	m := regexp.MustCompile(`^:([0-9]{1,5})(\.[0-9]{1,3})?$`).FindStringSubmatch(display)
	if m == nil {
		return "", false
	}
	return "/tmp/.X11-unix/X" + m[1], true
}

// shown reports whether somebody listens there who is the account or root: a
// display that others serve is others'.
func shown(d Display, uid int) bool {
	path, _ := xSocket(d.X11)
	if d.Wayland != "" {
		path = d.Wayland
		if !filepath.IsAbs(path) {
			path = filepath.Join(d.Runtime, path)
		}
	}
	conn, err := net.DialTimeout("unix", path, time.Second)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	owner, err := PeerOf(conn)
	return err == nil && (owner == 0 || owner == uid)
}
