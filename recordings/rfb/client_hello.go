package rfb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// hello is the handshake from ProtocolVersion to ServerInit.
func (c *Client) hello() error {
	minor, err := c.version()
	if err != nil {
		return err
	}
	if err := c.security(minor); err != nil {
		return err
	}
	const shared = 1 // others who look at the screen stay
	if _, err := c.conn.Write([]byte{shared}); err != nil {
		return err
	}
	b, err := c.head(20)
	if err != nil {
		return err
	}
	width, height := int(binary.BigEndian.Uint16(b)), int(binary.BigEndian.Uint16(b[2:]))
	if err := c.resize(width, height); err != nil {
		return err
	}
	c.state.Name, err = c.text(maxName)
	return err
}

// version agrees on 3.3, 3.7 or 3.8. What is newer gets 3.8: Apple says 3.889,
// RealVNC 4.1 and 5.0. What lies between is 3.3 (RFC 6143, section 7.1.1).
func (c *Client) version() (minor int, err error) {
	b, err := c.head(12)
	if err != nil {
		return 0, err
	}
	var major int
	if _, err := fmt.Sscanf(string(b), "RFB %03d.%03d\n", &major, &minor); err != nil || b[11] != '\n' {
		return 0, broken("%.12q where its version of RFB is due", b)
	}
	switch {
	case major > 3 || major == 3 && minor >= 8:
		minor = 8
	case major == 3 && minor == 7:
	case major == 3 && minor >= 3:
		minor = 3
	default:
		return 0, broken("RFB %d.%d, which is older than 3.3", major, minor)
	}
	_, err = fmt.Fprintf(c.conn, "RFB 003.%03d\n", minor)
	return minor, err
}

// security takes None. The password of a server is not known here: whoever
// knows it has spoken it before.
func (c *Client) security(minor int) error {
	offered, err := c.offered(minor)
	if err != nil {
		return err
	}
	if bytes.IndexByte(offered, securityNone) < 0 {
		return fmt.Errorf("the screen's server wants a password or more (security types %d); none is known here", offered)
	}
	if minor == 3 {
		return nil // the server has decided
	}
	if _, err := c.conn.Write([]byte{securityNone}); err != nil {
		return err
	}
	if minor == 7 {
		return nil // no result for None (RFC 6143, section 7.2.1 of 3.7)
	}
	b, err := c.head(4)
	if err != nil {
		return err
	}
	if binary.BigEndian.Uint32(b) != 0 {
		return c.refused()
	}
	return nil
}

// offered are the security types of which one may be taken.
func (c *Client) offered(minor int) ([]byte, error) {
	if minor == 3 {
		b, err := c.head(4)
		if err != nil {
			return nil, err
		}
		if binary.BigEndian.Uint32(b) == uint32(securityInvalid) {
			return nil, c.refused()
		}
		return []byte{byte(min(binary.BigEndian.Uint32(b), 255))}, nil
	}
	n, err := c.in.ReadByte()
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, c.refused()
	}
	offered := make([]byte, n)
	_, err = io.ReadFull(c.in, offered)
	return offered, err
}

func (c *Client) refused() error {
	why, err := c.text(maxName)
	if err != nil {
		return err
	}
	return errors.New("the screen's server refuses: " + why)
}

// encodings are those that are asked for, the best first. TightVNC 1.3 has no
// ZRLE and old servers have neither; JPEG, video, sound, files and all that has
// messages of its own is never asked for.
func (c *Client) encodings() []int32 {
	list := []int32{
		encCopyRect, encTight, encZRLE, encZlib, encHextile, encRaw,
		encExtendedDesktopSize, encDesktopSize, encCursor, encXCursor, encPointerPos, encVMwarePointerPos, encLastRect, encDesktopName,
		encCompression0 + 2,
	}
	if q := c.options.Quality; q > 0 {
		list = append(list, encJPEGQuality0+int32(min(q, 9)))
	}
	return list
}

// ask sends SetPixelFormat and SetEncodings: pixels as [Frame] has them.
func (c *Client) ask(encodings []int32) error {
	b := []byte{
		msgSetPixelFormat, 0, 0, 0,
		32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0, // little-endian, true colours
		msgSetEncodings, 0,
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(encodings)))
	for _, e := range encodings {
		b = binary.BigEndian.AppendUint32(b, uint32(e))
	}
	_, err := c.conn.Write(b)
	return err
}
