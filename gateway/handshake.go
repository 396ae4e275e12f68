package gateway

import (
	"errors"
	"net"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/guard"
	"accord/policy"
	"accord/wire"
)

// handshake is one connection on its way through the door. What it remembers
// of refusals is for the last sentence and for the log. Who comes in is said by
// the permissions of the finished handshake alone.
type handshake struct {
	gateway *Gateway
	conn    net.Conn

	user    string // whom the client calls itself; it proves nothing
	offers  int    // keys that were not taken
	refused string // why the last certificate was not taken
	said    bool   // the client has been told, and the log too
	wrong   int    // codes
	in      bool   // it is through
	// holding: the session is there with which a device without an agent holds
	// its link.
	holding atomic.Bool
}

// serverConfig is the configuration of one handshake.
func (h *handshake) serverConfig() *gossh.ServerConfig {
	c := &gossh.ServerConfig{
		Config:                      wire.Algorithms(h.gateway.cfg.Compat),
		MaxAuthTries:                12, // a laptop's agent may hold many keys; sources that fail are penalised
		PublicKeyAuthAlgorithms:     wire.KeyAlgorithms(),
		PublicKeyCallback:           h.offered,
		VerifiedPublicKeyCallback:   h.proven,
		KeyboardInteractiveCallback: h.stranger,
		AuthLogCallback:             h.tried,
	}
	if certified := h.gateway.papers.host.Load().usable(time.Now()); certified != nil {
		c.AddHostKey(certified) // beside the bare key, which the front door adds
	}
	return c
}

// offered says whether a key or certificate could log in. It says nothing about
// who is there: the client has proved nothing yet.
func (h *handshake) offered(meta gossh.ConnMetadata, key gossh.PublicKey) (*gossh.Permissions, error) {
	if _, err := h.gateway.law().identify(key, time.Now()); err != nil {
		if p := h.gateway.agentless(meta.User(), key); p != nil {
			return p, nil
		}
		h.offers++
		h.user = wire.Clean(meta.User(), wire.MaxName)
		if _, ok := key.(*gossh.Certificate); ok {
			h.refused = sentenceCase(err.Error())
		}
		return nil, err
	}
	return permissions(key), nil
}

// permissions carry what was proved out of the handshake. The library keeps a
// certificate's source-address, here and where the handshake ends; nothing else
// of the certificate is handed on, least of all that no touch is needed.
func permissions(key gossh.PublicKey) *gossh.Permissions {
	p := &gossh.Permissions{Extensions: map[string]string{personExtension: string(key.Marshal())}}
	if cert, ok := key.(*gossh.Certificate); ok {
		if from, ok := cert.CriticalOptions[sourceAddress]; ok {
			p.CriticalOptions = map[string]string{sourceAddress: from}
		}
	}
	return p
}

// sourceAddress is the one critical option of certificates that is taken
// (OpenSSH, PROTOCOL.certkeys).
const sourceAddress = "source-address"

// proven is called when the client has signed with a key that was taken. A
// locked person ends here; one with one-time codes is asked for one.
func (h *handshake) proven(meta gossh.ConnMetadata, key gossh.PublicKey, p *gossh.Permissions, _ string) (*gossh.Permissions, error) {
	if p.Extensions[personExtension] == "" {
		return h.provenAgentless(meta.User(), key)
	}
	who, err := h.gateway.law().identify(key, time.Now())
	if err != nil {
		return nil, err
	}
	who.address = h.conn.RemoteAddr().String()
	if lock := h.gateway.locks.of(who.Name); lock != (policy.Lock{}) {
		h.said = true
		h.gateway.denied(who, "login", lock.Sentence())
		return nil, banner(lock.Sentence())
	}
	if who.TOTPFile == "" {
		return p, nil
	}
	h.longer()
	return nil, &gossh.PartialSuccessError{Next: gossh.ServerAuthCallbacks{
		KeyboardInteractiveCallback: func(_ gossh.ConnMetadata, ask gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
			if err := h.code(who, ask); err != nil {
				return nil, err
			}
			return permissions(key), nil
		},
	}}
}

// codeTime is how long a person who has proved a key may take to find the
// telephone and type a code.
const codeTime = 2 * time.Minute

// longer gives the handshake that time. The connection has proved something, so
// it no longer counts among those that have not.
func (h *handshake) longer() {
	proved(h.conn)
	_ = h.conn.SetDeadline(time.Now().Add(codeTime))
}

// banner is a refusal that the client's ssh shows before its own.
func banner(sentence string) error {
	return &gossh.BannerError{Err: errors.New(sentence), Message: "Accord: " + wire.Clean(sentence, wire.MaxReason) + "\r\n"}
}

// stranger is where clients come whose keys were all refused: it refuses too,
// with one clear sentence.
func (h *handshake) stranger(gossh.ConnMetadata, gossh.KeyboardInteractiveChallenge) (*gossh.Permissions, error) {
	switch {
	case h.said:
		return nil, errors.New("refused before")
	case h.refused != "":
		return nil, banner(h.refused)
	}
	return nil, &gossh.BannerError{
		Err:     errors.New("no key of this client is known"),
		Message: "Accord: none of your keys is known here. Send the line in your .pub file (ssh-keygen -t ed25519 makes one) to an admin of this gateway.\r\n",
	}
}

// tried tells the guard how a login went and journals who was turned away. A
// client tries several keys; only its last resort is the end of it.
func (h *handshake) tried(meta gossh.ConnMetadata, method string, err error) {
	if err == nil {
		h.in = true
		proved(h.conn)
		return
	}
	if method != "keyboard-interactive" {
		return
	}
	failed(h.conn)
	h.user = wire.Clean(meta.User(), wire.MaxName)
	h.deny()
}

// over is called when the connection has ended. A client that may ask nobody
// anything (ssh -o BatchMode=yes) has no last resort: it just goes.
func (h *handshake) over() {
	if !h.in && h.offers > 0 {
		h.deny()
	}
}

// deny journals once that the client was turned away, and why.
func (h *handshake) deny() {
	if h.said {
		return
	}
	h.said = true
	why := "no key of this client is known"
	if h.refused != "" {
		why = h.refused
	}
	h.gateway.denied(person{address: h.conn.RemoteAddr().String()}, "login as "+h.user, why)
}

// proved tells the guard that the other side of a connection has proved who it
// is.
func proved(conn net.Conn) {
	if c, ok := conn.(*guard.Conn); ok {
		c.Handshaken()
	}
}

// failed tells the guard that it has failed to.
func failed(conn net.Conn) {
	if c, ok := conn.(*guard.Conn); ok {
		c.Failed(guard.AuthFailed)
	}
}
