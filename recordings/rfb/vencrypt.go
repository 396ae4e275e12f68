package rfb

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"slices"
	"time"
)

// Subtypes of VeNCrypt. Those named TLS use TLS without a certificate: it is
// proof against nobody who can take the server's place, and Go's TLS, rightly,
// doesn't have it. Plain sends a password in the clear.
const (
	veNCryptPlain     = 256
	veNCryptTLSPlain  = 259
	veNCryptX509None  = 260
	veNCryptX509VNC   = 261
	veNCryptX509Plain = 262
)

// plainMost bounds what VeNCrypt's servers take as a name or password, in bytes.
const plainMost = 1 << 10

// veNCrypt agrees on a subtype with a certificate, which must be one of Roots or
// signed by one, and does what the subtype asks for within TLS.
func veNCrypt(conn io.ReadWriter, c Credentials) (io.ReadWriter, error) {
	subtype, err := agreeSubtype(conn, c)
	if err != nil {
		return nil, err
	}
	var ready [1]byte
	if _, err := io.ReadFull(conn, ready[:]); err != nil {
		return nil, fmt.Errorf("wait for the VNC server's TLS: %w", err)
	}
	if ready[0] != 1 {
		return nil, insecure("it can't speak TLS; look at its own log")
	}
	secured := tls.Client(asConn(conn), &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: true, // only the name isn't checked, see verify
		VerifyConnection:   func(s tls.ConnectionState) error { return verify(s, c.Roots) },
	})
	if err := secured.Handshake(); err != nil {
		return nil, insecure("TLS: %v", err)
	}
	switch subtype {
	case veNCryptX509VNC:
		err = vncAuth(secured, c.Password)
	case veNCryptX509Plain:
		err = plainAuth(secured, c)
	}
	return secured, err
}

// agreeSubtype speaks version 0.2 and picks what the credentials are good for.
func agreeSubtype(conn io.ReadWriter, c Credentials) (uint32, error) {
	var version [2]byte
	if _, err := io.ReadFull(conn, version[:]); err != nil {
		return 0, fmt.Errorf("wait for the VNC server's VeNCrypt: %w", err)
	}
	if version[0] == 0 && version[1] < 2 {
		return 0, insecure("it speaks version %d.%d of VeNCrypt, 0.2 is needed", version[0], version[1])
	}
	if _, err := conn.Write([]byte{0, 2}); err != nil {
		return 0, fmt.Errorf("speak with the VNC server: %w", err)
	}
	var head [2]byte // its verdict on the version, and how many subtypes
	if _, err := io.ReadFull(conn, head[:]); err != nil || head[0] != 0 {
		return 0, insecure("it doesn't take version 0.2 of VeNCrypt")
	}
	list := make([]byte, 4*int(head[1]))
	if _, err := io.ReadFull(conn, list); err != nil {
		return 0, fmt.Errorf("wait for the VNC server's VeNCrypt: %w", err)
	}
	var offered []uint32
	for at := 0; at < len(list); at += 4 {
		offered = append(offered, binary.BigEndian.Uint32(list[at:]))
	}
	chosen, err := chooseSubtype(offered, c)
	if err != nil {
		return 0, err
	}
	if _, err := conn.Write(binary.BigEndian.AppendUint32(nil, chosen)); err != nil {
		return 0, fmt.Errorf("speak with the VNC server: %w", err)
	}
	return chosen, nil
}

func chooseSubtype(offered []uint32, c Credentials) (uint32, error) {
	usable := []uint32{veNCryptX509Plain, veNCryptX509VNC}
	switch {
	case c.Password == "":
		usable = []uint32{veNCryptX509None}
	case c.User == "":
		usable = []uint32{veNCryptX509VNC}
	}
	for _, t := range usable {
		if slices.Contains(offered, t) {
			return t, nil
		}
	}
	if !slices.ContainsFunc(offered, func(t uint32) bool { return t > veNCryptTLSPlain && t <= veNCryptX509Plain }) {
		return 0, insecure("its TLS has no certificate, or it wants a password in the clear (VeNCrypt %v); turn on X509 or VncAuth there", offered)
	}
	return 0, insecure("what is configured of password and user doesn't fit what it asks for (VeNCrypt %v; 260 none, 261 a password, 262 user and password)", offered)
}

// verify wants a certificate that is one of the roots or signed by one, and in
// its time; its name doesn't matter.
func verify(s tls.ConnectionState, roots *x509.CertPool) error {
	chain := x509.NewCertPool()
	for _, c := range s.PeerCertificates[1:] {
		chain.AddCert(c)
	}
	_, err := s.PeerCertificates[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: chain})
	return err
}

// plainAuth tells name and password, within TLS.
func plainAuth(conn io.Writer, c Credentials) error {
	if len(c.User) > plainMost || len(c.Password) > plainMost {
		return insecure("user or password are longer than %d bytes", plainMost)
	}
	m := binary.BigEndian.AppendUint32(nil, uint32(len(c.User)))
	m = binary.BigEndian.AppendUint32(m, uint32(len(c.Password)))
	if _, err := conn.Write(append(append(m, c.User...), c.Password...)); err != nil {
		return fmt.Errorf("answer the VNC server: %w", err)
	}
	return nil
}

// asConn gives TLS the net.Conn that it wants. It needs no more of it than
// reading and writing.
func asConn(rw io.ReadWriter) net.Conn {
	if c, ok := rw.(net.Conn); ok {
		return c
	}
	return bareConn{rw}
}

type bareConn struct{ io.ReadWriter }

func (bareConn) Close() error                     { return nil }
func (bareConn) LocalAddr() net.Addr              { return nil }
func (bareConn) RemoteAddr() net.Addr             { return nil }
func (bareConn) SetDeadline(time.Time) error      { return nil }
func (bareConn) SetReadDeadline(time.Time) error  { return nil }
func (bareConn) SetWriteDeadline(time.Time) error { return nil }
