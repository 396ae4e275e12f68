package wire

import (
	"errors"
	"strings"

	"golang.org/x/crypto/ssh"
)

// ChannelForward is one connection from the device to somewhere, as part of a
// visit: bytes both ways, each direction closed by itself. Its open message is
// a [Place].
const ChannelForward = "forward@accord"

// MaxForwards bounds the connections that one visit forwards at once.
const MaxForwards = 64

// Networks of a [Place].
const (
	NetworkTCP  = "tcp"
	NetworkUnix = "unix" // Host is the socket's path
)

// maxHost bounds the name of a host or the path of a socket, in bytes: the
// first is shorter (RFC 1035, 2.3.4), the second must fit unix(7).
const maxHost = 255

// Place is the type-specific data of a [ChannelForward] open message.
type Place struct {
	Visit   string
	Network string
	Host    string
	Port    uint32
}

// MarshalForward is the open message's data.
func MarshalForward(f Place) []byte { return ssh.Marshal(f) }

// ParseForward reads what MarshalForward wrote, and refuses what names nothing
// that can be connected to.
func ParseForward(data []byte) (Place, error) {
	var f Place
	if err := ssh.Unmarshal(data, &f); err != nil || !ValidVisit(f.Visit) {
		return Place{}, errors.New("the connection names no visit")
	}
	return f, f.Check()
}

// Check refuses a place that can't be meant. What it lets pass is safe to show.
func (f Place) Check() error {
	switch {
	case f.Host == "" || len(f.Host) > maxHost || Clean(f.Host, maxHost) != f.Host || strings.ContainsAny(f.Host, " \t\n"):
		return errors.New("that is no host or path that can be connected to")
	case f.Network == NetworkTCP && f.Port > 0 && f.Port <= 0xFFFF:
		return nil
	case f.Network == NetworkUnix && f.Port == 0 && strings.HasPrefix(f.Host, "/"):
		return nil
	}
	return errors.New("a connection goes to a host and a port from 1 to 65535, or to a socket by its whole path")
}
