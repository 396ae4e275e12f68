package store

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Roster is one version of the list of supervisors that devices pin.
type Roster struct {
	Version    int
	Statement  []byte
	Signatures []string // armored, by supervisors of the version before; none of the first
	Signers    []string // their names
	Made       time.Time
	Signed     time.Time // zero while it waits for its signatures
}

func scanRoster(row scanner) (r Roster, err error) {
	var made, at int64
	err = row.Scan(&r.Version, &r.Statement, jsonColumn[[]string]{&r.Signatures}, jsonColumn[[]string]{&r.Signers}, &made, &at)
	r.Made, r.Signed = fromMicros(made), fromMicros(at)
	return r, err
}

// Rosters lists all versions, oldest first. At most the last one waits for its
// signatures.
func (s *Store) Rosters(ctx context.Context) ([]Roster, error) {
	list, err := rosters(ctx, s.readers)
	return list, s.explain("list the lists of supervisors", err)
}

func rosters(ctx context.Context, q querier) ([]Roster, error) {
	return collect(ctx, q, scanRoster,
		`SELECT version, statement, signatures, signers, made_at, signed_at FROM rosters ORDER BY version`)
}

// ProposeRoster keeps a version that waits for its signatures, in place of one
// that waited. The first version needs none and is in force at once. The
// version must be the one after the last that is in force.
func (s *Store) ProposeRoster(ctx context.Context, version int, statement []byte, e Entry) error {
	if err := signed(statement, statement, true); err != nil {
		return err
	}
	return s.change(ctx, func(g *group) error {
		last, err := g.lastRoster()
		if err != nil {
			return err
		}
		if version != last+1 {
			return fmt.Errorf("%w: version %d of the list of supervisors is in force", ErrState, last)
		}
		at := int64(0)
		if version == 1 {
			at = micros(e.At)
		}
		_, err = g.exec(`INSERT INTO rosters (version, statement, made_at, signed_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (version) DO UPDATE SET statement = excluded.statement, made_at = excluded.made_at,
				signatures = '[]', signers = '[]'`,
			version, statement, micros(e.At), at)
		if err != nil {
			return err
		}
		return g.log(e.roster("proposed", version, statement))
	})
}

// lastRoster is the version that is in force; 0 for none.
func (g *group) lastRoster() (version int, err error) {
	err = g.tx.QueryRowContext(g.ctx, `SELECT COALESCE(MAX(version), 0) FROM rosters WHERE signed_at > 0`).Scan(&version)
	return version, err
}

func (e Entry) roster(state string, version int, statement []byte) Entry {
	return e.did(RosterChanged, "", "").with("state", state, "version", strconv.Itoa(version), "statement", digest(statement))
}

// WithdrawRoster forgets the version that waits for its signature.
func (s *Store) WithdrawRoster(ctx context.Context, e Entry) error {
	return s.change(ctx, func(g *group) error {
		last, err := g.lastRoster()
		if err != nil {
			return err
		}
		gone, err := g.exec(`DELETE FROM rosters WHERE version > $1`, last)
		if err == nil && gone == 0 {
			err = fmt.Errorf("%w: no list of supervisors waits", ErrState)
		}
		if err != nil {
			return err
		}
		return g.log(e.roster("withdrawn", last+1, nil))
	})
}

// SignRoster adds a signature of a supervisor of the version before, which the
// caller has verified over this very statement. The one that completes the
// needed ones puts the version in force; it reports whether this did. Errors:
// [ErrState] where another list waits, or none; [ErrExists] where this
// supervisor has signed.
func (s *Store) SignRoster(ctx context.Context, r RosterSignature, e Entry) (inForce bool, err error) {
	if err := cmp.Or(required("signer", r.Signer), signed(r.Statement, r.Signature, true)); err != nil {
		return false, err
	}
	err = s.change(ctx, func(g *group) error {
		list, err := rosters(g.ctx, g.tx)
		if err != nil {
			return err
		}
		n := len(list) - 1
		if n < 0 || list[n].Version != r.Version || !list[n].Signed.IsZero() || !bytes.Equal(list[n].Statement, r.Statement) {
			return fmt.Errorf("%w: it is not this list of supervisors that waits", ErrState)
		}
		next := list[n]
		if slices.Contains(next.Signers, r.Signer) {
			return fmt.Errorf("a signature of %s under it: %w", r.Signer, ErrExists)
		}
		next.Signers, next.Signatures = append(next.Signers, r.Signer), append(next.Signatures, string(r.Signature))
		state, at := "signed", time.Time{}
		if inForce = len(next.Signers) >= r.Needed; inForce {
			state, at = "in force", e.At
		}
		_, err = g.exec(`UPDATE rosters SET signatures = $1, signers = $2, signed_at = $3 WHERE version = $4`,
			asJSON(next.Signatures), asJSON(next.Signers), micros(at), r.Version)
		if err != nil {
			return err
		}
		return g.log(e.roster(state, r.Version, r.Statement).with("signer", r.Signer))
	})
	return inForce, err
}

// RosterSignature is one signature under a version that waits.
type RosterSignature struct {
	Version   int
	Statement []byte
	Signer    string // name
	Signature []byte
	Needed    int // signatures in all
}
