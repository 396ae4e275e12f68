package gateway

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
)

// papers are what authorities have certified of this gateway: its SSH key, for
// technicians' clients, and its name, for TLS. Their files are read anew while
// it serves; what can't be used leaves the one before.
type papers struct {
	host    atomic.Pointer[hostCertificate] // nil: there is none
	tls     atomic.Pointer[tls.Certificate] // nil: there is none
	watched []*fileWatch                    // owned by look
	warned  time.Time                       // owned by look
}

// hostCertificate is the gateway's key with what an authority says of it.
type hostCertificate struct {
	*gossh.Certificate
	signer gossh.Signer
}

// openPapers reads what the configuration names. A host certificate that can't
// be used keeps the gateway from starting: clients that know the authority
// alone would all be turned away.
func (g *Gateway) openPapers() error {
	w := g.cfg.WebSocket
	for _, file := range []string{g.cfg.HostCertificate, w.Certificate, w.Key} {
		if file != "" {
			g.papers.watched = append(g.papers.watched, &fileWatch{path: file, read: stateOf(file)})
		}
	}
	if err := errors.Join(g.readHostCertificate(), g.readTLS()); err != nil {
		return err
	}
	g.warnOfPapers(time.Now())
	return nil
}

func (g *Gateway) readHostCertificate() error {
	file := g.cfg.HostCertificate
	if file == "" {
		return nil
	}
	cert, err := ReadHostCertificate(file, g.key.PublicKey(), time.Now())
	if err != nil {
		return err
	}
	signer, err := gossh.NewCertSigner(cert, g.key)
	if err != nil {
		return fmt.Errorf("gateway.host_certificate: %s: %w", file, err)
	}
	g.papers.host.Store(&hostCertificate{cert, signer})
	return nil
}

// ReadHostCertificate reads a certificate for the gateway's key and says what
// is wrong with it. Without a key it is not known whether it is for that one.
func ReadHostCertificate(file string, key gossh.PublicKey, now time.Time) (*gossh.Certificate, error) {
	bad := func(format string, args ...any) (*gossh.Certificate, error) {
		return nil, fmt.Errorf("gateway.host_certificate: %s %s; make one with ssh-keygen -s CA -h -I gateway -n gateway.example.org -V +52w host_key.pub", file, fmt.Sprintf(format, args...))
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("gateway.host_certificate: %w", err)
	}
	public, _, _, _, err := gossh.ParseAuthorizedKey(text)
	if err != nil {
		return bad("holds no certificate")
	}
	cert, ok := public.(*gossh.Certificate)
	switch {
	case !ok:
		return bad("holds a bare key, no certificate")
	case cert.CertType != gossh.HostCert:
		return bad("is a user's certificate, not a host's (-h was left out)")
	case key != nil && !bytes.Equal(cert.Key.Marshal(), key.Marshal()):
		return bad("is for another key (%s) than the gateway's (%s)", gossh.FingerprintSHA256(cert.Key), gossh.FingerprintSHA256(key))
	case len(cert.ValidPrincipals) == 0:
		return bad("names no host, so it would be good for every one (-n was left out)")
	case len(cert.CriticalOptions) > 0:
		return bad("has critical options, which clients refuse in a host's certificate")
	}
	begins, ends := lifeOf(cert)
	if now.Before(begins) {
		return bad("is not valid yet")
	}
	if !ends.IsZero() && !now.Before(ends) {
		return bad("has expired on %s", ends.UTC().Format(time.DateOnly))
	}
	if err := (&gossh.CertChecker{Clock: func() time.Time { return now }}).CheckCert(cert.ValidPrincipals[0], cert); err != nil {
		return bad("can't be used (%s)", wire.Clean(err.Error(), wire.MaxLine))
	}
	return cert, nil
}

func (g *Gateway) readTLS() error {
	w := g.cfg.WebSocket
	if w.Certificate == "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(w.Certificate, w.Key)
	if err != nil {
		return fmt.Errorf("gateway.websocket.certificate and key: %w", err)
	}
	g.papers.tls.Store(&pair)
	return nil
}

// lifeOf is when a certificate is valid. Without an end the second is zero.
func lifeOf(cert *gossh.Certificate) (begins, ends time.Time) {
	begins = time.Unix(int64(min(cert.ValidAfter, math.MaxInt64)), 0) //nolint:gosec // bounded
	if cert.ValidBefore <= math.MaxInt64 {
		ends = time.Unix(int64(cert.ValidBefore), 0) //nolint:gosec // bounded
	}
	return begins, ends
}

// usable is what proves the gateway's key by the certificate, or nil. One that
// has expired is not shown: clients would refuse it where they take the key.
func (c *hostCertificate) usable(now time.Time) gossh.Signer {
	if c == nil {
		return nil
	}
	if _, ends := lifeOf(c.Certificate); !ends.IsZero() && !now.Before(ends) {
		return nil
	}
	return c.signer
}

// names reports whether the certificate is good for a host, by OpenSSH's
// patterns of * and ?.
func (c *hostCertificate) names(host string) bool {
	return slices.ContainsFunc(c.ValidPrincipals, func(pattern string) bool {
		ok, err := path.Match(pattern, host)
		return err == nil && ok && !strings.ContainsAny(pattern, `[\`)
	})
}

// renewPapers reads the files anew.
func (g *Gateway) renewPapers() {
	if len(g.papers.watched) == 0 {
		return
	}
	for _, err := range []error{g.readHostCertificate(), g.readTLS()} {
		if err != nil {
			g.log.Error("a certificate is refused, and the one before stays in force", "error", err)
		}
	}
	g.warnOfPapers(time.Now())
}

// lookAtPapers is called every second.
func (g *Gateway) lookAtPapers(now time.Time) {
	changed := false
	for _, w := range g.papers.watched {
		changed = w.changed() || changed
	}
	if changed {
		g.log.Info("certificates are read anew")
		g.renewPapers()
	}
	if now.Sub(g.papers.warned) >= 24*time.Hour {
		g.warnOfPapers(now)
	}
}

// warnOfPapers says in the log what will expire soon, or has.
func (g *Gateway) warnOfPapers(now time.Time) {
	g.papers.warned = now
	for _, why := range g.papers.expiring(now) {
		g.log.Warn(why)
	}
}

// expiring says which of them will expire soon, or have.
func (p *papers) expiring(now time.Time) (list []string) {
	if c := p.host.Load(); c != nil {
		if why := hostExpiry(c.Certificate, now); why != "" {
			list = append(list, "the gateway's host certificate: "+why)
		}
	}
	if c := p.tls.Load(); c != nil && c.Leaf != nil {
		if why := expiry(c.Leaf.NotBefore, c.Leaf.NotAfter, now); why != "" {
			list = append(list, "the certificate of gateway.websocket: "+why)
		}
	}
	return list
}

// PaperNotes says what of the files that a configuration names deserves a
// second look. The gateway's key is compared where it can be read.
func PaperNotes(cfg Config, now time.Time) (notes []string) {
	if cfg.HostCertificate != "" {
		var key gossh.PublicKey
		if text, err := os.ReadFile(filepath.Join(cfg.State, "host_key.pub")); err == nil {
			key, _, _, _, _ = gossh.ParseAuthorizedKey(text) // unread it is not compared
		}
		cert, err := ReadHostCertificate(cfg.HostCertificate, key, now)
		if err != nil {
			notes = append(notes, err.Error())
		} else if why := hostExpiry(cert, now); why != "" {
			notes = append(notes, "gateway.host_certificate: "+why)
		}
	}
	if cfg.WebSocket.Certificate == "" {
		return notes
	}
	pair, err := tls.LoadX509KeyPair(cfg.WebSocket.Certificate, cfg.WebSocket.Key)
	if err != nil {
		return append(notes, fmt.Sprintf("gateway.websocket.certificate and key: %s", err))
	}
	if why := expiry(pair.Leaf.NotBefore, pair.Leaf.NotAfter, now); why != "" {
		notes = append(notes, "gateway.websocket.certificate: "+why)
	}
	return notes
}

func hostExpiry(cert *gossh.Certificate, now time.Time) string {
	begins, ends := lifeOf(cert)
	if ends.IsZero() {
		return ""
	}
	return expiry(begins, ends, now)
}

// soon is how long before its end a certificate is warned of, or a third of its
// life where that is shorter.
const soon = 14 * 24 * time.Hour

// expiry says that a certificate has ended, or will soon.
func expiry(begins, ends, now time.Time) string {
	left := ends.Sub(now)
	switch {
	case left <= 0:
		return "it has expired on " + ends.UTC().Format(time.DateTime) + " UTC; renew it"
	case left < min(soon, ends.Sub(begins)/3):
		return "it expires on " + ends.UTC().Format(time.DateTime) + " UTC; renew it"
	}
	return ""
}
