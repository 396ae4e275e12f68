package rfb

import (
	"crypto/des" // what the protocol asks for, see vncAuth
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrSecurity reports a VNC server that could not be spoken to safely, or did not
// let us in; the text says why and what to do.
var ErrSecurity = errors.New("the VNC server does not let us in")

// Credentials are what a VNC server wants to know. Without any only a server that
// asks for nothing can be used; with a password, only one that asks for it: who
// took its place on the machine would not.
type Credentials struct {
	User     string // where the server knows accounts
	Password string // of VncAuth its first 8 bytes count
	// Roots are the server's certificate, or those that signed it. Without them
	// no TLS is spoken. The name in the certificate is not checked: the server is
	// one on this machine.
	Roots *x509.CertPool
}

// reasonMost bounds a server's words about why it refuses, in bytes.
const reasonMost = 1 << 10

func insecure(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSecurity, fmt.Sprintf(format, args...))
}

// Secure speaks with a real VNC server as its client: the version, the security,
// up to the server's yes. What comes next on the result is the ClientInit (RFC
// 6143, section 7.3.1). It reads not a byte too many. The caller bounds its time
// with a deadline, and closes conn.
func Secure(conn io.ReadWriter, c Credentials) (io.ReadWriter, error) {
	version, err := agreeVersion(conn)
	if err != nil {
		return nil, err
	}
	if version == 3 {
		return conn, secure33(conn, c)
	}
	offered, err := offeredTypes(conn)
	if err != nil {
		return nil, err
	}
	chosen, err := chooseType(offered, c)
	if err != nil {
		return nil, err
	}
	if _, err := conn.Write([]byte{chosen}); err != nil {
		return nil, fmt.Errorf("speak with the VNC server: %w", err)
	}
	secured := conn
	switch chosen {
	case securityVNCAuth:
		err = vncAuth(conn, c.Password)
	case securityApple:
		err = appleAuth(conn, c)
	case securityVeNCrypt:
		secured, err = veNCrypt(conn, c)
	}
	if err == nil && (version > 7 || chosen != securityNone) {
		err = securityResult(secured, version)
	}
	return secured, err
}

// agreeVersion answers the server's version: 3.8 to all that is newer, Apple's
// 3.889 among it, and 3.3 to what lies between the published ones.
func agreeVersion(conn io.ReadWriter) (minor int, err error) {
	var line [12]byte
	if _, err := io.ReadFull(conn, line[:]); err != nil {
		return 0, fmt.Errorf("wait for the VNC server's version: %w", err)
	}
	major, minor, ok := parseVersion(line)
	switch {
	case !ok || major < 3:
		return 0, insecure("it begins with %q, which is no version of RFB", line[:])
	case major > 3 || minor >= 8:
		minor = 8
	case minor != 7:
		minor = 3
	}
	if _, err := fmt.Fprintf(conn, "RFB 003.%03d\n", minor); err != nil {
		return 0, fmt.Errorf("speak with the VNC server: %w", err)
	}
	return minor, nil
}

// parseVersion reads "RFB 003.008\n".
func parseVersion(line [12]byte) (major, minor int, ok bool) {
	if string(line[:4]) != "RFB " || line[7] != '.' || line[11] != '\n' {
		return 0, 0, false
	}
	for i, d := range line[4:11] {
		switch {
		case i == 3:
			continue
		case d < '0' || d > '9':
			return 0, 0, false
		case i < 3:
			major = major*10 + int(d-'0')
		default:
			minor = minor*10 + int(d-'0')
		}
	}
	return major, minor, true
}

// secure33 takes the type that a server of version 3.3 decides on. There is no
// result after None.
func secure33(conn io.ReadWriter, c Credentials) error {
	var word [4]byte
	if _, err := io.ReadFull(conn, word[:]); err != nil {
		return fmt.Errorf("wait for the VNC server's security: %w", err)
	}
	decided := binary.BigEndian.Uint32(word[:])
	if decided == uint32(securityInvalid) {
		return refusal(conn)
	}
	if decided > uint32(securityVNCAuth) {
		return insecure("it wants security type %d, which a server of version 3.3 can't ask for", decided)
	}
	if _, err := chooseType([]byte{byte(decided)}, c); err != nil {
		return err
	}
	if decided == uint32(securityNone) {
		return nil
	}
	if err := vncAuth(conn, c.Password); err != nil {
		return err
	}
	return securityResult(conn, 3)
}

// offeredTypes reads the server's list.
func offeredTypes(conn io.Reader) ([]byte, error) {
	var n [1]byte
	if _, err := io.ReadFull(conn, n[:]); err != nil {
		return nil, fmt.Errorf("wait for the VNC server's security: %w", err)
	}
	if n[0] == 0 {
		return nil, refusal(conn)
	}
	list := make([]byte, n[0])
	if _, err := io.ReadFull(conn, list); err != nil {
		return nil, fmt.Errorf("wait for the VNC server's security: %w", err)
	}
	return list, nil
}

// chooseType picks the best that the credentials are good for.
func chooseType(offered []byte, c Credentials) (byte, error) {
	var usable []byte
	switch {
	case c.Password == "":
		usable = []byte{securityNone}
	case c.User == "":
		usable = []byte{securityVNCAuth}
	default:
		usable = []byte{securityApple, securityVNCAuth}
	}
	if c.Roots != nil {
		usable = []byte{securityVeNCrypt}
	}
	for _, t := range usable {
		if slices.Contains(offered, t) {
			return t, nil
		}
	}
	switch {
	case c.Roots != nil:
		return 0, insecure("a certificate is configured for it, and it offers no TLS (VeNCrypt)")
	case c.Password != "" && slices.Contains(offered, securityNone):
		return 0, insecure("a password is configured for it, and it asks for none; another program may have taken its place. If it is the right one, remove the password from the configuration")
	case slices.Contains(offered, securityVNCAuth):
		return 0, insecure("it asks for a password, and none is configured")
	case slices.Contains(offered, securityVeNCrypt):
		return 0, insecure("it asks for TLS (VeNCrypt); name the file of its certificate in the configuration")
	case slices.Contains(offered, securityApple):
		return 0, insecure("it asks for an account; name the user and the file of the password in the configuration")
	}
	return 0, insecure("it offers the security types %v, none of which is known here; 1 (None), 2 (VncAuth), 19 (VeNCrypt) and 30 (Apple) are", offered)
}

// vncAuth answers a challenge (RFC 6143, section 7.2.2): DES with the password as
// its key, each byte with its bits reversed. It is weak, and good enough for
// what never leaves the machine.
func vncAuth(conn io.ReadWriter, password string) error {
	var challenge [16]byte
	if _, err := io.ReadFull(conn, challenge[:]); err != nil {
		return fmt.Errorf("wait for the VNC server's challenge: %w", err)
	}
	answer := vncResponse(challenge, password)
	if _, err := conn.Write(answer[:]); err != nil {
		return fmt.Errorf("answer the VNC server: %w", err)
	}
	return nil
}

func vncResponse(challenge [16]byte, password string) (answer [16]byte) {
	var key [des.BlockSize]byte
	copy(key[:], password)
	for i, b := range key {
		key[i] = reversed(b)
	}
	block, err := des.NewCipher(key[:])
	if err != nil {
		panic("rfb: the key of DES has the wrong size")
	}
	for at := 0; at < len(challenge); at += des.BlockSize {
		block.Encrypt(answer[at:], challenge[at:])
	}
	return answer
}

func reversed(b byte) (r byte) {
	for range 8 {
		r, b = r<<1|b&1, b>>1
	}
	return r
}

// securityResult reads whether the server is content; since 3.8 it says why not.
func securityResult(conn io.Reader, version int) error {
	var word [4]byte
	if _, err := io.ReadFull(conn, word[:]); err != nil {
		return fmt.Errorf("wait for the VNC server's verdict: %w", err)
	}
	switch result := binary.BigEndian.Uint32(word[:]); {
	case result == 0:
		return nil
	case version >= 8:
		return refusal(conn)
	case result == 2:
		return insecure("it has seen too many wrong passwords; wait a while")
	}
	return insecure("the password is wrong")
}

// refusal is the server's own reason.
func refusal(conn io.Reader) error {
	var word [4]byte
	if _, err := io.ReadFull(conn, word[:]); err != nil {
		return insecure("it says no, and not why")
	}
	n := binary.BigEndian.Uint32(word[:])
	text := make([]byte, min(n, reasonMost))
	if _, err := io.ReadFull(conn, text); err != nil || n == 0 {
		return insecure("it says no, and not why")
	}
	return insecure("it says %q", text)
}

// Welcome speaks with our client as a server of version 3.8 that asks for
// nothing, up to the yes. Next comes the client's ClientInit. It reads not a byte
// too many.
func Welcome(conn io.ReadWriter) error {
	const version = "RFB 003.008\n"
	if _, err := io.WriteString(conn, version); err != nil {
		return fmt.Errorf("welcome a viewer: %w", err)
	}
	var line [len(version)]byte
	if _, err := io.ReadFull(conn, line[:]); err != nil {
		return fmt.Errorf("wait for a viewer's version: %w", err)
	}
	if string(line[:]) != version {
		return fmt.Errorf("a viewer answers version 3.8 with %q", line[:])
	}
	if _, err := conn.Write([]byte{1, securityNone}); err != nil {
		return fmt.Errorf("welcome a viewer: %w", err)
	}
	var chosen [1]byte
	if _, err := io.ReadFull(conn, chosen[:]); err != nil {
		return fmt.Errorf("wait for a viewer's security: %w", err)
	}
	if chosen[0] != securityNone {
		return fmt.Errorf("a viewer chose security type %d, which was not offered", chosen[0])
	}
	if _, err := conn.Write([]byte{0, 0, 0, 0}); err != nil {
		return fmt.Errorf("welcome a viewer: %w", err)
	}
	return nil
}
