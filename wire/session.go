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

// RequestTyped is the channel request by which the device tells what was typed
// in a terminal while it echoed: agent to gateway, on a session channel of a
// visit whose [Request] says Input.
const RequestTyped = "typed@accord"

// maxTyped bounds one such request, in bytes.
const maxTyped = 32 << 10

type typed struct{ Bytes string }

// MarshalTyped is the payload of a [RequestTyped].
func MarshalTyped(p []byte) []byte { return ssh.Marshal(typed{string(p)}) }

// ParseTyped reads what MarshalTyped wrote.
func ParseTyped(payload []byte) ([]byte, error) {
	var t typed
	if err := ssh.Unmarshal(payload, &t); err != nil || t.Bytes == "" || len(t.Bytes) > maxTyped {
		return nil, errors.New("what was typed is told in no way that is known")
	}
	return []byte(t.Bytes), nil
}
