package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"time"
)

// Token allows one enrolment.
type Token struct {
	Labels  map[string]string // the device gets them
	Name    string            // the device gets it; may be empty
	Expires time.Time
	// Agentless lets a device without an agent join, and no other.
	Agentless bool
}

// Enrolment is what a device brings to be enrolled.
type Enrolment struct {
	PublicKey string // a line as in authorized_keys
	// Name is what the device wants to be called, or what the caller made up
	// for it. It counts where the token names none and the device has none
	// yet.
	Name string
	// Labels of the device's own. Where a token has the same label, the
	// token's counts.
	Labels map[string]string
	Facts
	Agentless // of a device without an agent
}

// tokenHash is all that is kept of a token. It is long and random, so it needs
// no salt.
func tokenHash(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// tokenMark stands for a token in the log.
func tokenMark(hash string) string { return hash[:16] }

// MakeToken keeps a token's hash until it is spent. The token itself, of at
// least 16 characters that nobody can guess, is kept nowhere.
func (s *Store) MakeToken(ctx context.Context, token string, t Token, e Entry) error {
	if len(token) < 16 {
		return invalid("the token is too short")
	}
	if err := names("token", token, "name", t.Name); err != nil {
		return err
	}
	if err := labels(t.Labels); err != nil {
		return err
	}
	if err := checkTime("token's end", t.Expires); err != nil {
		return err
	}
	hash := tokenHash(token)
	return s.change(ctx, func(g *group) error {
		made, err := g.exec(`INSERT INTO tokens (hash, labels, name, made_by, made_at, expires_at, agentless)
			VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (hash) DO NOTHING`,
			hash, asJSON(t.Labels), t.Name, e.Actor, micros(e.At), micros(t.Expires), t.Agentless)
		if err == nil && made == 0 {
			err = fmt.Errorf("this token: %w", ErrExists)
		}
		if err != nil {
			return err
		}
		e = e.did(TokenMade, "", "").with("token", tokenMark(hash), "name", t.Name, "expires", stamp(t.Expires))
		if t.Agentless {
			e = e.with("agentless", "true")
		}
		return g.log(e)
	})
}

// Enrol spends a token and makes the device, all in one transaction: of two
// that bring the same token, one is enrolled. The device starts away; its call
// home is [Store.Online]. A device whose key is enrolled already keeps its row,
// its quarantine and, unless the token names it anew, its name. One that was
// retired starts anew.
//
// Errors: [ErrTokenUnknown], [ErrTokenSpent], [ErrTokenExpired] (at the
// entry's time), [ErrTokenKind], [ErrNameTaken], [ErrInvalid]. None of them spends the token.
func (s *Store) Enrol(ctx context.Context, token string, n Enrolment, e Entry) (Device, error) {
	line, key, err := publicKey(n.PublicKey)
	if err != nil {
		return Device{}, err
	}
	if err := cmp.Or(names("name", n.Name), labels(n.Labels), n.Facts.check(), n.Agentless.check()); err != nil {
		return Device{}, err
	}
	n.PublicKey = line
	var enrolled Device
	err = s.change(ctx, func(g *group) error {
		hash := tokenHash(token)
		t, by, err := g.spendable(hash, e.At)
		if err != nil {
			return err
		}
		if t.Agentless != n.Without() {
			return ErrTokenKind
		}
		if enrolled, err = g.enrol(key, n, t, by, e.At); err != nil {
			return err
		}
		if _, err = g.exec(`UPDATE tokens SET used_at = $1, used_by = $2 WHERE hash = $3 AND used_at = 0`,
			micros(e.At), key, hash); err != nil {
			return err
		}
		return g.log(e.did(DeviceEnrolled, enrolled.Name, "").with("key", key, "token", tokenMark(hash), "class", n.Class).with(n.said()...))
	})
	if err != nil {
		return Device{}, err
	}
	return enrolled, nil
}

// spendable finds a token that may be spent at a time, and who made it.
func (g *group) spendable(hash string, at time.Time) (t Token, by string, err error) {
	var expires, used int64
	err = g.tx.QueryRowContext(g.ctx,
		`SELECT labels, name, made_by, expires_at, used_at, agentless FROM tokens WHERE hash = $1`, hash).
		Scan(jsonColumn[map[string]string]{&t.Labels}, &t.Name, &by, &expires, &used, &t.Agentless)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return t, "", ErrTokenUnknown
	case err != nil:
		return t, "", err
	case used != 0:
		return t, "", ErrTokenSpent
	case micros(at) >= expires:
		return t, "", ErrTokenExpired
	}
	return t, by, nil
}

// enrol makes the device's row, or brings it up to date.
func (g *group) enrol(key string, n Enrolment, t Token, by string, at time.Time) (Device, error) {
	name, err := g.nameFor(key, n.Name, t.Name)
	if err != nil {
		return Device{}, err
	}
	all := maps.Clone(n.Labels)
	if all == nil {
		all = make(map[string]string)
	}
	maps.Copy(all, t.Labels)
	return scanDevice(g.tx.QueryRowContext(g.ctx, `INSERT INTO devices (fingerprint, public_key, name, labels, os, arch,
			version, capabilities, logins, address, enrolled_at, enrolled_by, online, since, why, class,
			holder, sshd_key, sshd_login)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $11, 'it has not called home yet', $14, $15, $16, $17)
		ON CONFLICT (fingerprint) DO UPDATE SET name = excluded.name, labels = excluded.labels, os = excluded.os,
			arch = excluded.arch, version = excluded.version, capabilities = excluded.capabilities,
			logins = excluded.logins, address = excluded.address, enrolled_at = excluded.enrolled_at,
			enrolled_by = excluded.enrolled_by, class = excluded.class, retired_at = 0,
			holder = excluded.holder, sshd_key = excluded.sshd_key, sshd_login = excluded.sshd_login
		RETURNING `+deviceColumns,
		key, n.PublicKey, name, asJSON(all), n.OS, n.Arch, n.Version, asJSON(n.Capabilities), asJSON(n.Logins),
		n.Address, micros(at), by, false, n.Class, n.Holder, n.HostKey, n.Login))
}

// nameFor chooses the device's name: the token's, else the one it has, else
// the one it wishes.
func (g *group) nameFor(key, wished, byToken string) (string, error) {
	has, err := deviceByKey(g.ctx, g.tx, key)
	known := err == nil
	if err != nil && !errors.Is(err, ErrNotFound) {
		return "", err
	}
	name := wished
	switch {
	case byToken != "":
		name = byToken
	case known:
		return has.Name, nil
	case wished == "":
		return "", invalid("the device has no name")
	}
	var owner string
	err = g.tx.QueryRowContext(g.ctx, `SELECT fingerprint FROM devices WHERE name = $1`, name).Scan(&owner)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return "", err
	case owner != key:
		return "", ErrNameTaken
	}
	if known {
		return name, nil
	}
	return name, g.room()
}

// room refuses a device more than are allowed.
func (g *group) room() error {
	var count int
	err := g.tx.QueryRowContext(g.ctx, `SELECT COUNT(*) FROM devices`).Scan(&count)
	if err == nil && count >= MaxDevices {
		err = invalid("%d devices are enrolled, and no more can be", count)
	}
	return err
}
