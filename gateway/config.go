package gateway

import (
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"accord/config"
	"accord/gateway/guard"
	"accord/wire"
)

// Bounds of the values in [Config].
const (
	waitLeast       = 20 * time.Second
	waitMost        = 30 * time.Minute
	connectionsMost = 100_000
	handshakesMost  = 10_000
)

// Config is the section [gateway] of the configuration.
type Config struct {
	Listen       string `toml:"listen"` // host:port for technicians
	Agents       string `toml:"agents"` // host:port for devices that call home
	State        string `toml:"state"`  // folder of the gateway's key and database
	Organisation string `toml:"organisation"`
	// Compat offers the older algorithms that some clients still need.
	Compat bool `toml:"compat"`
	// Wait is how long a technician waits for the answer from the device.
	Wait time.Duration `toml:"wait"`
	// HostCertificate is the file of an SSH host certificate for the gateway's
	// key, that of an authority which technicians' clients know.
	HostCertificate string `toml:"host_certificate"`
	// Releases is a folder that has a folder for each release that devices may be
	// ordered to run; empty: none.
	Releases  string    `toml:"releases"`
	Limits    Limits    `toml:"limits"`
	WebSocket WebSocket `toml:"websocket"`
}

// Limits bound what strangers can make the gateway hold.
type Limits struct {
	// Connections are open at once, those of technicians and of devices
	// counted apart.
	Connections int `toml:"connections"`
	// PerSource of them come from one address. Devices that have proved who
	// they are don't count: a whole site may call from one address.
	PerSource int `toml:"per_source"`
	// Handshakes run at once: connections that haven't proved anything yet.
	Handshakes int `toml:"handshakes"`
}

// Defaults are the values in force without a file. They listen on this machine
// only.
func Defaults() Config {
	return Config{
		Listen: "127.0.0.1:2222",
		Agents: "127.0.0.1:2223",
		State:  "/var/lib/accord/gateway",
		Wait:   10 * time.Minute,
		Limits: Limits{Connections: 4096, PerSource: 64, Handshakes: 64},

		WebSocket: WebSocket{Proxies: []string{}},
	}
}

// Check refuses what can't be, with a [config.Bad].
func (c Config) Check() error {
	if err := checkAddress("listen", c.Listen); err != nil {
		return err
	}
	if err := checkAddress("agents", c.Agents); err != nil {
		return err
	}
	switch {
	case c.Listen == c.Agents && !strings.HasSuffix(c.Listen, ":0"):
		return config.Badf("agents", "%q is listen too; technicians and devices need two ports", c.Agents)
	case c.State == "" || strings.ContainsRune(c.State, 0):
		return config.Badf("state", "%q is no folder; name one that only the gateway's account can read", c.State)
	case len([]rune(c.Organisation)) > wire.MaxName || strings.ContainsFunc(c.Organisation, func(r rune) bool { return !unicode.IsPrint(r) }):
		return config.Badf("organisation", "%q is no name; up to %d printable characters are allowed", c.Organisation, wire.MaxName)
	case strings.ContainsRune(c.HostCertificate, 0):
		return config.Badf("host_certificate", "%q is no file", c.HostCertificate)
	case strings.ContainsRune(c.Releases, 0):
		return config.Badf("releases", "%q is no folder", c.Releases)
	case c.Wait < waitLeast || c.Wait > waitMost:
		return config.Badf("wait", "%s is impossible; %s to %s are allowed", config.Duration(c.Wait), config.Duration(waitLeast), config.Duration(waitMost))
	}
	if err := c.WebSocket.check(c.Listen, c.Agents); err != nil {
		return config.Under("websocket", err)
	}
	return c.Limits.check()
}

func (l Limits) check() error {
	switch {
	case l.Connections < 1 || l.Connections > connectionsMost:
		return config.Badf("limits.connections", "%d is impossible; 1 to %d are allowed", l.Connections, connectionsMost)
	case l.PerSource < 1 || l.PerSource > l.Connections:
		return config.Badf("limits.per_source", "%d is impossible; 1 to limits.connections (%d) are allowed", l.PerSource, l.Connections)
	case l.Handshakes < 1 || l.Handshakes > handshakesMost:
		return config.Badf("limits.handshakes", "%d is impossible; 1 to %d are allowed", l.Handshakes, handshakesMost)
	}
	return nil
}

// checkAddress wants host:port to listen on; the host may be empty (every
// address), the port 0 (any that is free).
func checkAddress(key, address string) error {
	host, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil || strings.ContainsFunc(host, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }) {
		return config.Badf(key, `%q is no address; write host:port, for example "127.0.0.1:2222"`, address)
	}
	return nil
}

// Named returns the configuration with an organisation: that of the file, else
// the name of this machine, for a prompt must say who asks.
func (c Config) Named() Config {
	if strings.TrimSpace(c.Organisation) != "" {
		return c
	}
	c.Organisation = "this machine"
	if name, err := os.Hostname(); err == nil && name != "" {
		c.Organisation = wire.Clean(name, wire.MaxName)
	}
	return c
}

// technicians are the limits of the port for technicians.
func (l Limits) technicians() guard.Limits {
	g := guard.Defaults()
	g.Total, g.PerSource = l.Connections, l.PerSource
	// Half of them at most, so that one source leaves places for others.
	g.Handshakes, g.HandshakesPerSource = l.Handshakes, min(l.PerSource, max(1, l.Handshakes/2))
	g.Grace = wire.Handshake
	return g
}

// agents are those of the port for devices. Many may be behind one address, so
// only those that have proved nothing yet are counted by source.
func (l Limits) agents() guard.Limits {
	g := l.technicians()
	g.PerSource = l.Connections
	return g
}

// webSockets are those of the port that both come by, before it is known which
// of them somebody is. Then the limits above count them once more, by the
// address that they come from.
func (l Limits) webSockets(proxies []netip.Prefix) guard.Limits {
	g := l.agents()
	g.Total, g.PerSource = 2*l.Connections, 2*l.Connections
	g.Grace = 2 * wire.Handshake // TLS and HTTP, then the handshake inside
	g.Carrier = func(a netip.Addr) bool { return among(proxies, a) }
	return g
}
