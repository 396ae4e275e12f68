package agent

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"crypto/x509"

	"accord/agent/display"
	"accord/config"
	"accord/recordings/rfb"
	"accord/wire"
)

// What [Screen].Server can be besides an address.
const (
	screenAuto  = "auto"
	screenOff   = "off"
	screenStart = "start"
)

// Screen is the section [agent.screen]: where the device's screen comes from.
type Screen struct {
	// Server is "auto": a VNC server of the user's that runs, or one started for
	// the visit, whichever can be had; "start": only the latter; "off"; or where
	// one listens, host:port on loopback or a Unix socket's absolute path.
	Server string `toml:"server"`
	// Of a server that is named:
	User        string `toml:"user"`        // where it knows accounts
	Password    string `toml:"password"`    // file whose first line it is
	Certificate string `toml:"certificate"` // file of its certificate, or of who signed it; then TLS is a must
	// Of one that is started:
	Start   []string `toml:"start"`   // the name of a recipe, or a command with {socket} in it; empty: what is installed
	Display string   `toml:"display"` // ":0" or "wayland-1"; empty: the user's own
	Monitor string   `toml:"monitor"` // "1920x1080+0+0", on Wayland an output's name; empty: all
}

// Shapes of what is handed to the VNC servers.
const (
	displayShape = `^(:[0-9]{1,5}(\.[0-9]{1,3})?|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$`
	monitorShape = `^([0-9]{1,5}x[0-9]{1,5}(\+[0-9]{1,5}\+[0-9]{1,5})?|[A-Za-z][A-Za-z0-9_-]{0,31})$`
)

// check refuses what can't be meant, and what would be silently ignored.
func (s Screen) check() error {
	address := localAddress(s.Server)
	if !address && !slices.Contains([]string{screenAuto, screenOff, screenStart}, s.Server) {
		return config.Badf("server", `%.80q is no place of a screen; write "auto", "start", "off", an address of this machine such as "127.0.0.1:5900", or the absolute path of a Unix socket`, s.Server)
	}
	if err := s.checkCredentials(address); err != nil {
		return err
	}
	return s.checkStart(address || s.Server == screenOff)
}

func (s Screen) checkCredentials(address bool) error {
	for _, f := range [][2]string{{"user", s.User}, {"password", s.Password}, {"certificate", s.Certificate}} {
		switch {
		case f[1] == "":
		case !address:
			return config.Badf(f[0], "it is for a VNC server whose address stands in server, and none does")
		case f[0] == "user" && wire.Clean(f[1], wire.MaxName) != f[1]:
			return config.Badf("user", "%.80q can't be the name of an account", f[1])
		case f[0] != "user" && !filepath.IsAbs(f[1]):
			return config.Badf(f[0], "%.80q is no absolute path of a file", f[1])
		}
	}
	if s.User != "" && s.Password == "" {
		return config.Badf("password", "a user is named without the file of the password")
	}
	return nil
}

func (s Screen) checkStart(unstarted bool) error {
	for _, f := range [][2]string{{"start", strings.Join(s.Start, "")}, {"display", s.Display}, {"monitor", s.Monitor}} {
		if f[1] != "" && unstarted {
			return config.Badf(f[0], `it is for a VNC server that is started for a visit; set server to "start" or "auto"`)
		}
	}
	switch {
	case len(s.Start) > argumentsMost || len(strings.Join(s.Start, " ")) > argumentBytes || strings.ContainsRune(strings.Join(s.Start, ""), 0):
		return config.Badf("start", "up to %d entries and %d bytes are allowed, without NUL", argumentsMost, argumentBytes)
	case len(s.Start) > 0 && !s.recipe() && !s.command():
		return config.Badf("start", `a recipe is expected (["x0vncserver"], ["x11vnc"] or ["wayvnc"]), or the absolute path of a program and its arguments, one of which has %s where the program is to listen`, display.SocketMark)
	case s.Display != "" && !regexp.MustCompile(displayShape).MatchString(s.Display):
		return config.Badf("display", `%.80q is no display of this machine; write for example ":0", or "wayland-1"`, s.Display)
	case s.Monitor != "" && !regexp.MustCompile(monitorShape).MatchString(s.Monitor):
		return config.Badf("monitor", `%.80q is no part of a screen; write "1920x1080+0+0", or on Wayland an output's name`, s.Monitor)
	case s.Monitor != "" && s.command():
		return config.Badf("monitor", "a command of your own says itself what it shows; put it there")
	}
	return nil
}

func (s Screen) recipe() bool { return len(s.Start) == 1 && display.Known(s.Start[0]) }

func (s Screen) command() bool {
	return len(s.Start) > 1 && filepath.IsAbs(s.Start[0]) &&
		slices.ContainsFunc(s.Start[1:], func(a string) bool { return strings.Contains(a, display.SocketMark) })
}

// localAddress reports whether an address is a Unix socket, or host:port that no
// other machine has.
func localAddress(address string) bool {
	if filepath.IsAbs(address) {
		return len(address) <= socketMost && !strings.ContainsRune(address, 0)
	}
	host, _, err := net.SplitHostPort(address)
	ip := net.ParseIP(host)
	return err == nil && dialable(address) && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// secretMost bounds a file of a password or of certificates, in bytes.
const secretMost = 64 << 10

// credentials reads the files that are named. They are read each time, so that a
// password can be changed.
func (s Screen) credentials() (rfb.Credentials, error) {
	c := rfb.Credentials{User: s.User}
	if s.Password != "" {
		text, err := readOwn(s.Password, true)
		if err != nil {
			return c, fmt.Errorf("agent.screen.password: %w", err)
		}
		first, _, _ := strings.Cut(string(text), "\n")
		if c.Password = strings.TrimSuffix(first, "\r"); c.Password == "" {
			return c, fmt.Errorf("agent.screen.password: the first line of %s is empty", s.Password)
		}
	}
	if s.Certificate != "" {
		text, err := readOwn(s.Certificate, false)
		if err != nil {
			return c, fmt.Errorf("agent.screen.certificate: %w", err)
		}
		c.Roots = x509.NewCertPool()
		if !c.Roots.AppendCertsFromPEM(text) {
			return c, fmt.Errorf("agent.screen.certificate: there is no certificate in %s", s.Certificate)
		}
	}
	return c, nil
}

// readOwn reads a file that only root or the agent's account can have written,
// and, where it is secret, read.
func readOwn(path string, secret bool) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := ours(path, info, secret); err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no file", path)
	}
	return io.ReadAll(io.LimitReader(f, secretMost))
}
