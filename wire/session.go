package wire

import (
	"errors"

	"golang.org/x/crypto/ssh"
)

// sessionOpen is the type-specific data of a [ChannelSession] open message
// (RFC 4254, section 5.1).
type sessionOpen struct {
	Visit string
}

// MarshalSession names the visit that a session belongs to.
func MarshalSession(visit string) []byte { return ssh.Marshal(sessionOpen{visit}) }

// ParseSession reads what MarshalSession wrote.
func ParseSession(data []byte) (visit string, err error) {
	var open sessionOpen
	if err := ssh.Unmarshal(data, &open); err != nil || !ValidVisit(open.Visit) {
		return "", errors.New("the session names no visit")
	}
	return open.Visit, nil
}
