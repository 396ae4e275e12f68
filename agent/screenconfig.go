package agent

import (
	"net"
	"path/filepath"
	"strings"

	"accord/config"
)

// What [Screen].Server can be besides an address.
const (
	screenOff = "off"
)

// Screen is the section [agent.screen]: where the device's screen comes from.
type Screen struct {
	Server string `toml:"server"` // "off", host:port on loopback, or a Unix socket's absolute path
}

func (s Screen) check() error {
	if s.Server != screenOff && !localAddress(s.Server) {
		return config.Badf("server", `%.80q is no place of a screen; write "off", an address of this machine such as "127.0.0.1:5900", or the absolute path of a Unix socket`, s.Server)
	}
	return nil
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
