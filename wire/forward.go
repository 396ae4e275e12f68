package wire

import (
	"errors"
	"net"
	"path"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"
)

// ChannelForward is one connection between the technician and somewhere that
// the device reaches, as part of a visit: bytes both ways, each direction closed
// by itself. Its open message is a [Place].
const ChannelForward = "forward@accord"

// ChannelListen has the device listen on its own loopback address, or on a Unix
// socket, for as long as the channel is open. Its open message is a [Place]; on it the agent sends
// [Listening] once, then a [Caller] for each connection that it took. The
// gateway fetches that by a [ChannelForward] to [NetworkCaller].
const ChannelListen = "listen@accord"

// Bounds of what one visit forwards.
const (
	MaxForwards = 64 // connections at once, those that wait to be fetched included
	MaxListens  = 16
)

// Networks of a [Place].
const (
	NetworkTCP    = "tcp"
	NetworkUnix   = "unix"   // Host is the socket's path
	NetworkCaller = "caller" // Port is the number of a [Caller], Host is empty
)

// maxHost bounds the name of a host or the path of a socket, in bytes: the
// first is shorter (RFC 1035, 2.3.4), the second must fit unix(7).
const maxHost = 255

// maxSocket bounds the path of a socket that the device makes: Linux's sun_path
// without its last zero (unix(7)).
const maxSocket = 107

// Place is where a connection goes, or where the device listens.
type Place struct {
	Visit   string
	Network string
	Host    string
	Port    uint32
}

// MarshalForward is the data of an open message.
func MarshalForward(p Place) []byte { return ssh.Marshal(p) }

// ParseForward reads what MarshalForward wrote for a [ChannelForward], and
// refuses what names nothing that can be connected to.
func ParseForward(data []byte) (Place, error) {
	p, err := parsePlace(data)
	if err != nil || p.Network == NetworkCaller && p.Host == "" && p.Port > 0 {
		return p, err
	}
	return p, p.Check()
}

// ParseListen reads what MarshalForward wrote for a [ChannelListen]: the device
// listens on its loopback address alone, whatever it is called, or on a socket by
// its whole path.
func ParseListen(data []byte) (Place, error) {
	p, err := parsePlace(data)
	if err != nil {
		return p, err
	}
	return p, p.CheckListen()
}

func parsePlace(data []byte) (Place, error) {
	var p Place
	if err := ssh.Unmarshal(data, &p); err != nil || !ValidVisit(p.Visit) {
		return Place{}, errors.New("the connection names no visit")
	}
	return p, nil
}

// Check refuses a place that can't be meant. What it lets pass is safe to show.
func (p Place) Check() error {
	switch {
	case p.Host == "" || len(p.Host) > maxHost || Clean(p.Host, maxHost) != p.Host || strings.ContainsAny(p.Host, " \t\n"):
		return errors.New("that is no host or path that can be connected to")
	case p.Network == NetworkTCP && p.Port > 0 && p.Port <= 0xFFFF:
		return nil
	case p.Network == NetworkUnix && p.Port == 0 && strings.HasPrefix(p.Host, "/"):
		return nil
	}
	return errors.New("a connection goes to a host and a port from 1 to 65535, or to a socket by its whole path")
}

// CheckListen refuses a place that the device can't listen on.
func (p Place) CheckListen() error {
	switch {
	case p.Network == NetworkUnix:
		if len(p.Host) > maxSocket || path.Clean(p.Host) != p.Host || p.Host == "/" {
			return errors.New("a device listens on a socket by its whole path, of 107 bytes at most")
		}
		return p.Check()
	case p.Network == NetworkTCP && p.Port <= 0xFFFF && (p.Host == "localhost" || p.Host == "127.0.0.1"):
		return nil
	}
	return errors.New("a device listens on localhost alone, on a port from 0 to 65535, or on a socket")
}

// String is the place as people write it.
func (p Place) String() string {
	switch p.Network {
	case NetworkUnix:
		return p.Host
	case NetworkCaller:
		return "localhost"
	}
	return net.JoinHostPort(p.Host, strconv.Itoa(int(p.Port)))
}

// Listening says on which port the device listens, 0 for a socket: agent to
// gateway, the first message on a [ChannelListen].
type Listening struct {
	Port int `json:"port"`
}

// Caller says that somebody on the device has connected: agent to gateway. The
// number serves once, and for a short time.
type Caller struct {
	Number int `json:"number"`
	Port   int `json:"port"` // that they came from; 0 for a socket
}

func (*Listening) kind() string { return "listening" }
func (*Caller) kind() string    { return "caller" }

func (m *Listening) check() error { return checkPort(m.Port) }

func (m *Caller) check() error {
	if m.Number < 1 || m.Number > 1<<31-1 {
		return errors.New("a caller has no number")
	}
	return checkPort(m.Port)
}

func checkPort(n int) error {
	if n < 0 || n > 0xFFFF {
		return errors.New("a port is none")
	}
	return nil
}
