package rfb

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// maxTitle bounds what a viewer's window is called, in bytes.
const maxTitle = maxName

// handshake is RFC 6143 sections 7.1 to 7.3.
func (v *Viewer) handshake() error {
	minor, err := v.version()
	if err != nil {
		return err
	}
	if minor == 3 {
		err = v.decide()
	} else {
		err = v.offer(minor)
	}
	if err != nil {
		return err
	}
	if _, err := v.in.ReadByte(); err != nil { // ClientInit: whether others may look too, which is not for a viewer to say
		return fmt.Errorf("wait for what it wants to share: %w", err)
	}
	return v.serverInit()
}

// version agrees on 3.3, 3.7 or 3.8. A viewer that says something else is taken
// for one of 3.3, as the standard has it, or for 3.8 if it is newer.
func (v *Viewer) version() (minor int, err error) {
	if err := v.say([]byte("RFB 003.008\n")); err != nil {
		return 0, err
	}
	var line [12]byte
	if _, err := io.ReadFull(v.in, line[:]); err != nil {
		return 0, fmt.Errorf("wait for its version: %w", err)
	}
	major, minor, ok := parseVersion(line)
	switch {
	case !ok:
		return 0, fmt.Errorf("it begins with %q, which is not RFB", line[:])
	case major > 3, major == 3 && minor >= 8:
		return 8, nil
	case major == 3 && minor == 7:
		return 7, nil
	}
	return 3, nil
}

// decide names the security of version 3.3, about which a viewer is not asked.
func (v *Viewer) decide() error {
	if v.o.Password == "" {
		return v.say([]byte{0, 0, 0, securityNone})
	}
	if err := v.say([]byte{0, 0, 0, securityVNCAuth}); err != nil {
		return err
	}
	return v.password(3)
}

// offer is the security of 3.7 and 3.8: a list of one.
func (v *Viewer) offer(minor int) error {
	kind := securityNone
	if v.o.Password != "" {
		kind = securityVNCAuth
	}
	if err := v.say([]byte{1, kind}); err != nil {
		return err
	}
	chosen, err := v.in.ReadByte()
	switch {
	case err != nil:
		return fmt.Errorf("wait for its choice of security: %w", err)
	case chosen != kind:
		return errors.Join(fmt.Errorf("it chose security of type %d, which was not offered", chosen), v.refuse(minor, "that was not offered"))
	case kind == securityVNCAuth:
		return v.password(minor)
	case minor >= 8:
		return v.say([]byte{0, 0, 0, 0})
	}
	return nil
}

// password is VncAuth, with one try.
func (v *Viewer) password(minor int) error {
	var challenge, answer [16]byte
	rand.Read(challenge[:]) // never fails
	if err := v.say(challenge[:]); err != nil {
		return err
	}
	if _, err := io.ReadFull(v.in, answer[:]); err != nil {
		return fmt.Errorf("wait for its password: %w", err)
	}
	right := vncResponse(challenge, v.o.Password)
	if subtle.ConstantTimeCompare(answer[:], right[:]) != 1 {
		return errors.Join(errors.New("its password is wrong"), v.refuse(minor, "The password is wrong."))
	}
	return v.say([]byte{0, 0, 0, 0})
}

// refuse tells the viewer no, and since 3.8 why.
func (v *Viewer) refuse(minor int, reason string) error {
	no := []byte{0, 0, 0, 1}
	if minor >= 8 {
		no = append(binary.BigEndian.AppendUint32(no, uint32(len(reason))), reason...)
	}
	return v.say(no)
}

// serverInit names the size, our format and the title.
func (v *Viewer) serverInit() error {
	part, _ := v.screen.Part(v.o.Monitor)
	w, h := part.Dx(), part.Dy()
	var err error
	if v.canvas, err = newCanvas(w, h); err != nil {
		return err
	}
	v.told.name = v.title(v.screen.State())
	b := binary.BigEndian.AppendUint16(nil, uint16(w))
	b = binary.BigEndian.AppendUint16(b, uint16(h))
	b = ownFormat().append(b)
	return v.say(appendText(b, v.told.name))
}

// title is what the viewer's window is called.
func (v *Viewer) title(s State) string {
	title := s.Name
	if v.o.Name != "" {
		title = v.o.Name
	}
	return strings.ToValidUTF8(title[:min(len(title), maxTitle)], "")
}

// appendText writes a text after its length.
func appendText(to []byte, text string) []byte {
	return append(binary.BigEndian.AppendUint32(to, uint32(len(text))), text...)
}

// say sends something at once.
func (v *Viewer) say(b []byte) error {
	if _, err := v.out.Write(b); err != nil {
		return err
	}
	return v.out.Flush()
}
