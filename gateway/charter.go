package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"accord/gateway/store"
	"accord/policy"
	"accord/tui"
	"accord/wire"
)

// charter is the one of a law, with its text.
type charter struct {
	policy.Charter
	text string // as it was read
}

// readCharter reads the text where the configuration names a file. Its hash is
// that of the file's bytes, as sha256sum says it.
func readCharter(c policy.CharterConfig) (charter, error) {
	if err := c.Check(); err != nil {
		return charter{}, fmt.Errorf("charter.%w", err)
	}
	text := c.Text
	if c.File != "" {
		var err error
		if text, err = readCharterFile(c.File); err != nil {
			return charter{}, err
		}
	}
	found := charter{Charter: policy.Charter{Version: c.Version, TrainingRequired: c.TrainingRequired}, text: text}
	if text != "" {
		sum := sha256.Sum256([]byte(text))
		found.Digest = hex.EncodeToString(sum[:])
	}
	return found, nil
}

func readCharterFile(path string) (string, error) {
	// Without O_NONBLOCK a named pipe would hang the start.
	f, err := os.OpenFile(path, os.O_RDONLY|withoutWaiting, 0)
	if err != nil {
		return "", fmt.Errorf("charter.file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, policy.CharterMost+1))
	if err == nil {
		err = policy.CheckCharterText(string(text))
	}
	if err != nil {
		return "", fmt.Errorf("charter.file: %s: %w", path, err)
	}
	return string(text), nil
}

// lines are the text as it is shown.
func (c charter) lines() []string {
	text := strings.ReplaceAll(strings.TrimRight(c.text, "\r\n \t"), "\t", "    ")
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = wire.Clean(strings.TrimRight(line, "\r "), policy.CharterMost)
	}
	return lines
}

// charters keeps the signatures that were found. No signature is ever taken
// back, so what was found stays true.
type charters struct {
	mu    sync.Mutex
	found map[store.CharterSignature]policy.Signed // by person, version and digest
}

// signed is a person's signature under a charter; the zero one where there is
// none, or none that can be read.
func (g *Gateway) signed(name string, c policy.Charter) policy.Signed {
	if c.Version == "" {
		return policy.Signed{}
	}
	key := store.CharterSignature{Person: name, Version: c.Version, Digest: c.Digest}
	g.charters.mu.Lock()
	defer g.charters.mu.Unlock()
	if s, ok := g.charters.found[key]; ok {
		return s
	}
	var found store.CharterSignature
	err := journal(func(ctx context.Context) (err error) {
		found, err = g.store.CharterUnder(ctx, name, c.Version, c.Digest)
		return err
	})
	if err != nil {
		if !errors.Is(err, store.ErrNotFound) {
			g.log.Error("a signature under the charter can't be read", "person", name, "error", err)
		}
		return policy.Signed{}
	}
	s := policy.Signed{Version: found.Version, Digest: found.Digest, At: found.At}
	if g.charters.found == nil {
		g.charters.found = make(map[store.CharterSignature]policy.Signed)
	}
	g.charters.found[key] = s
	return s
}

// standing is what the gateway knows of a person besides the rules.
func (g *Gateway) standing(l *law, name string) policy.Standing {
	return policy.Standing{Lock: g.locks.of(name), Charter: l.charter.Charter, Signed: g.signed(name, l.charter.Charter)}
}

// technician is who asks, as the device and the recording are told.
func (g *Gateway) technician(p person) wire.Technician {
	t := wire.Technician{Name: p.Name, Full: wire.Clean(p.Full, wire.MaxName), Key: p.fingerprint, TrainedUntil: p.TrainedUntil.String()}
	l := g.law()
	for _, group := range l.rules.GroupsOf(p.Person, p.principals) {
		if len(t.Groups) < wire.MaxGroups { // one less can't make a device say yes
			t.Groups = append(t.Groups, wire.Clean(group, wire.MaxName))
		}
	}
	c := l.charter.Charter
	if s := g.signed(p.Name, c); s.Under(c) {
		t.CharterVersion, t.CharterSigned = wire.Clean(s.Version, wire.MaxName), s.At.Local().Format(time.DateOnly)
	}
	return t
}

// mustSign reports whether a technician has still to sign.
func (s *session) mustSign() bool {
	l := s.gateway.law()
	c := l.charter.Charter
	return c.Version != "" && s.me().Has(policy.Technician) && !s.gateway.signed(s.person.Name, c).Under(c)
}

// welcome shows the charter to a technician who has still to sign it. Without
// it there is no visit, so there is nothing to go on to.
func (s *session) welcome(ctx context.Context) (status int, on bool) {
	if !s.mustSign() {
		return exitOK, true
	}
	err := s.sign(ctx)
	switch {
	case err == nil:
		return exitOK, true
	case ctx.Err() != nil:
		return exitOK, false
	case errors.Is(err, tui.ErrBack), errors.Is(err, tui.ErrLeft):
		s.say(s.phrases().Say("GwCharterLeft"))
		return exitRefused, false
	}
	s.say(s.sentence(err))
	return exitFailed, false
}

// sign shows the charter and keeps the signature.
func (s *session) sign(ctx context.Context) error {
	c := s.gateway.law().charter
	me := s.me()
	typed, err := tui.SignCharter(ctx, s.terminal(), tui.Charter{
		Organisation: s.gateway.cfg.Organisation, Version: wire.Clean(c.Version, wire.MaxName), Lines: c.lines(),
		Name: wire.Clean(me.Display(), wire.MaxName), NameFits: me.SameName,
	})
	if err != nil {
		return err
	}
	if _, why := s.gateway.stands(s.gateway.law(), s.person); why != "" {
		return errors.New(why) // they were locked while they read
	}
	err = s.gateway.store.SignCharter(ctx, store.CharterSignature{
		Person: s.person.Name, Version: c.Version, Digest: c.Digest, Key: s.person.fingerprint, Typed: wire.Clean(typed, wire.MaxName),
	}, s.entry())
	if errors.Is(err, store.ErrExists) {
		return nil // in another session meanwhile
	}
	return err
}

func (s *session) cmdCharter(ctx context.Context, c *call) error {
	if err := c.none("json", "limit"); err != nil {
		return err
	}
	limit, err := c.number("limit", 1000)
	if err != nil {
		return err
	}
	list, err := s.gateway.store.Charters(ctx, limit)
	if err != nil {
		return err
	}
	return s.printCharters(c, list)
}

type charterJSON struct {
	Person  string    `json:"person"`
	Version string    `json:"version"`
	Digest  string    `json:"digest"` // SHA-256 of the text
	Key     string    `json:"key"`
	Typed   string    `json:"typed"`
	Signed  time.Time `json:"signed"`
	Current bool      `json:"current"` // under the text in force
}

func (s *session) printCharters(c *call, list []store.CharterSignature) error {
	now := s.gateway.law().charter.Charter
	if c.has("json") {
		out := make([]charterJSON, 0, len(list))
		for _, l := range list {
			out = append(out, charterJSON{l.Person, l.Version, l.Digest, l.Key, l.Typed, l.At, l.Version == now.Version && l.Digest == now.Digest})
		}
		return s.printJSON(out)
	}
	if now.Version == "" {
		s.print("No charter is in force.\n")
	} else {
		s.print(fmt.Sprintf("Version %s of the charter is in force (SHA-256 %s).\n", wire.Clean(now.Version, wire.MaxName), now.Digest))
	}
	var rows [][]string
	for _, l := range list {
		current := "-"
		if l.Version == now.Version && l.Digest == now.Digest {
			current = "yes"
		}
		rows = append(rows, []string{l.Person, l.Version, current, since(l.At), l.Typed, l.Key})
	}
	for _, p := range s.gateway.law().people.All() {
		if now.Version != "" && p.Has(policy.Technician) && !s.gateway.signed(p.Name, now).Under(now) {
			rows = append(rows, []string{p.Name, now.Version, "no", "-", "-", "-"})
		}
	}
	return s.listed("Nobody has signed a charter.", []string{"PERSON", "VERSION", "IN FORCE", "SIGNED", "TYPED", "KEY"}, rows)
}

// cmdCharterShow prints the text, for who wants to read it again or has no
// terminal.
func (s *session) cmdCharterShow(_ context.Context, c *call) error {
	if err := c.none(); err != nil {
		return err
	}
	now := s.gateway.law().charter
	if now.Version == "" {
		return errors.New("no charter is in force")
	}
	s.print(strings.Join(now.lines(), "\n") + "\n")
	return nil
}

func (s *session) cmdCharterSign(ctx context.Context, c *call) error {
	if err := c.none(); err != nil {
		return err
	}
	now := s.gateway.law().charter.Charter
	switch {
	case now.Version == "":
		return errors.New("no charter is in force, so there is nothing to sign")
	case s.gateway.signed(s.person.Name, now).Under(now):
		s.print(fmt.Sprintf("You have signed version %s of the charter already.\n", wire.Clean(now.Version, wire.MaxName)))
		return nil
	case s.pty == nil:
		return errors.New("signing needs a terminal: run `ssh -t GATEWAY charter sign`")
	}
	err := s.sign(ctx)
	if errors.Is(err, tui.ErrBack) || errors.Is(err, tui.ErrLeft) {
		return errors.New("nothing was signed, so no visit is possible")
	}
	if err == nil {
		s.print(fmt.Sprintf("Version %s of the charter is signed.\n", wire.Clean(now.Version, wire.MaxName)))
	}
	return err
}
