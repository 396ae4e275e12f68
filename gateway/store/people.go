package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Lock bars one person.
type Lock struct {
	Person string
	By     string
	Reason string // may be empty
	At     time.Time
}

func scanLock(row scanner) (l Lock, err error) {
	var at int64
	err = row.Scan(&l.Person, &l.By, &at, &l.Reason)
	l.At = fromMicros(at)
	return l, err
}

// Lock bars a person until [Store.Unlock]. One who is locked already stays so
// by the first lock, and [ErrExists] tells.
func (s *Store) Lock(ctx context.Context, person, reason string, e Entry) error {
	if err := required("person", person); err != nil {
		return err
	}
	if err := text("reason", reason, MaxText); err != nil {
		return err
	}
	return s.change(ctx, func(g *group) error {
		made, err := g.exec(`INSERT INTO locks (person, locked_by, locked_at, reason) VALUES ($1, $2, $3, $4)
			ON CONFLICT (person) DO NOTHING`, person, e.Actor, micros(e.At), reason)
		if err == nil && made == 0 {
			err = fmt.Errorf("the lock of %q: %w", person, ErrExists)
		}
		if err != nil {
			return err
		}
		return g.log(e.did(PersonLocked, "", "").with("person", person, "reason", reason))
	})
}

// Unlock ends a lock; without one it is [ErrNotFound].
func (s *Store) Unlock(ctx context.Context, person string, e Entry) error {
	if err := required("person", person); err != nil {
		return err
	}
	return s.change(ctx, func(g *group) error {
		ended, err := g.exec(`DELETE FROM locks WHERE person = $1`, person)
		if err == nil && ended == 0 {
			err = fmt.Errorf("a lock of %q: %w", person, ErrNotFound)
		}
		if err != nil {
			return err
		}
		return g.log(e.did(PersonUnlocked, "", "").with("person", person))
	})
}

// Locks lists who is locked, by name. There are as many as it takes: who can't
// be listed must not get in.
func (s *Store) Locks(ctx context.Context) ([]Lock, error) {
	list, err := collect(ctx, s.readers, scanLock, `SELECT person, locked_by, locked_at, reason FROM locks ORDER BY person`)
	return list, s.explain("list who is locked", err)
}

// Wrong one-time codes that a person may give before none is looked at, and
// for how long after the last of them that is so: as long as PCI DSS 8.3.4 wants.
const (
	MissesMost = 5
	MissesRest = 30 * time.Minute
)

// TryCode judges a one-time code. match is given the step of the last code that
// was taken, and says the step of this one, which must come after it, or that
// it is wrong. What comes of it is on the disk before TryCode returns: a code
// that was taken is never taken again, whatever happens to the gateway.
//
// Errors: [ErrCodeWrong], and [ErrCodeRest] after [MissesMost] wrong ones in a
// row, when match isn't asked any more until [MissesRest] after the last.
func (s *Store) TryCode(ctx context.Context, person string, match func(last int64) (step int64, ok bool), e Entry) error {
	if err := required("person", person); err != nil {
		return err
	}
	var outcome error
	err := s.change(ctx, func(g *group) error {
		last, misses, missed, err := g.codes(person)
		if err != nil {
			return err
		}
		if since := e.At.Sub(missed); since > MissesRest || since < -MissesRest {
			misses = 0 // also where the clock was set back: the bound is one of many
		}
		e.Kind = LoginCode
		if misses >= MissesMost {
			outcome = ErrCodeRest
			return g.log(e.with("why", "too many wrong codes"))
		}
		step, ok := match(last)
		if !ok || step <= last {
			outcome = ErrCodeWrong
			misses++
			if err := g.setCodes(person, last, misses, e.At); err != nil {
				return err
			}
			return g.log(e.with("why", "a wrong code, or one that was used", "misses", strconv.Itoa(misses)))
		}
		if err := g.setCodes(person, step, 0, time.Time{}); err != nil {
			return err
		}
		e.Success = true
		return g.log(e)
	})
	if err != nil {
		return err
	}
	return outcome
}

func (g *group) codes(person string) (last int64, misses int, missed time.Time, err error) {
	var at int64
	err = g.tx.QueryRowContext(g.ctx, `SELECT last_step, misses, missed_at FROM codes WHERE person = $1`, person).
		Scan(&last, &misses, &at)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return last, misses, fromMicros(at), err
}

func (g *group) setCodes(person string, last int64, misses int, missed time.Time) error {
	_, err := g.exec(`INSERT INTO codes (person, last_step, misses, missed_at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (person) DO UPDATE SET last_step = excluded.last_step, misses = excluded.misses,
			missed_at = excluded.missed_at`, person, last, misses, micros(missed))
	return err
}

// CharterSignature is one person's under one text.
type CharterSignature struct {
	Person  string
	Version string
	Digest  string // SHA-256 of the text, in hex
	Key     string // fingerprint of the key that was proved
	Typed   string // the name, as typed
	At      time.Time
}

const charterColumns = `person, version, digest, person_key, typed, signed_at`

func scanCharter(row scanner) (c CharterSignature, err error) {
	var at int64
	err = row.Scan(&c.Person, &c.Version, &c.Digest, &c.Key, &c.Typed, &at)
	c.At = fromMicros(at)
	return c, err
}

// SignCharter keeps a signature; its time is the entry's. Who has signed that
// very text already keeps the first signature, and [ErrExists] tells.
func (s *Store) SignCharter(ctx context.Context, c CharterSignature, e Entry) error {
	if err := required("person", c.Person, "version", c.Version, "digest", c.Digest, "key", c.Key, "typed name", c.Typed); err != nil {
		return err
	}
	return s.change(ctx, func(g *group) error {
		made, err := g.exec(`INSERT INTO charters (`+charterColumns+`) VALUES ($1, $2, $3, $4, $5, $6)
			ON CONFLICT (person, version, digest) DO NOTHING`, c.Person, c.Version, c.Digest, c.Key, c.Typed, micros(e.At))
		if err == nil && made == 0 {
			err = fmt.Errorf("the signature of %q: %w", c.Person, ErrExists)
		}
		if err != nil {
			return err
		}
		return g.log(e.did(CharterSigned, "", "").with("version", c.Version, "digest", c.Digest, "key", c.Key, "typed", c.Typed))
	})
}

// CharterUnder finds a person's signature under one text; none is
// [ErrNotFound].
func (s *Store) CharterUnder(ctx context.Context, person, version, digest string) (CharterSignature, error) {
	c, err := one(ctx, s.readers, scanCharter, fmt.Sprintf("a signature of %q", person),
		`SELECT `+charterColumns+` FROM charters WHERE person = $1 AND version = $2 AND digest = $3`, person, version, digest)
	return c, s.explain("read a signature", err)
}

// Charters lists the signatures of all versions, the newest first; at most
// limit, or [MaxRows].
func (s *Store) Charters(ctx context.Context, limit int) ([]CharterSignature, error) {
	list, err := collect(ctx, s.readers, scanCharter,
		`SELECT `+charterColumns+` FROM charters ORDER BY signed_at DESC, person LIMIT $1`, rows(limit))
	return list, s.explain("list signatures", err)
}

// LastLogin is when a person last logged in; zero: never, as far as the log
// tells.
func (s *Store) LastLogin(ctx context.Context, person string) (time.Time, error) {
	var at int64
	err := s.readers.QueryRowContext(ctx,
		`SELECT at FROM entries WHERE origin = $1 AND actor = $2 AND kind = $3 ORDER BY seq DESC LIMIT 1`,
		s.origin, person, string(LoginAccepted)).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return fromMicros(at), s.explain("read the last login", err)
}
