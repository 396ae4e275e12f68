package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Hook is an entry of the log of which the webhook is still to be told.
type Hook struct {
	Entry Entry
	Since time.Time // when it came to wait
	Tries int       // that failed
}

// announced are the kinds that the webhook is told.
func announced() []Kind {
	return []Kind{OverrideAsked, OverrideGranted, OverrideClosed, OverrideTaken, OverrideSettled, OverrideOverdue, AlertStranger}
}

// Announce has entries of the kinds that are announced kept for the webhook
// from now on, in the transaction that they are part of, or not kept any more.
// It must be called before the first change, and may be again.
func (s *Store) Announce(on bool) { s.announce.Store(on) }

// keepHooks is called for each group with the numbers of its entries.
func (s *Store) keepHooks(g *group, first int64) error {
	if !s.announce.Load() {
		return nil
	}
	for i, e := range g.entries {
		if !slices.Contains(announced(), e.Kind) {
			continue
		}
		_, err := g.exec(`INSERT INTO hooks (origin, seq, since, next_at) VALUES ($1, $2, $3, $4)`,
			s.origin, first+int64(i), micros(e.At), micros(e.At))
		if err != nil {
			return err
		}
	}
	return nil
}

// DueHooks lists what is to be told now, oldest first, and when the next that
// is not due yet will be; zero for none.
func (s *Store) DueHooks(ctx context.Context, now time.Time, limit int) (due []Hook, next time.Time, err error) {
	due, err = collect(ctx, s.readers, scanHook, `SELECT e.seq, e.record, h.since, h.tries
		FROM hooks h JOIN entries e ON e.origin = h.origin AND e.seq = h.seq
		WHERE h.origin = $1 AND h.next_at <= $2 ORDER BY h.seq LIMIT $3`, s.origin, micros(now), rows(limit))
	if err != nil {
		return nil, next, s.explain("look for what the webhook must be told", err)
	}
	var at int64
	err = s.readers.QueryRowContext(ctx,
		`SELECT COALESCE(MIN(next_at), 0) FROM hooks WHERE origin = $1 AND next_at > $2`, s.origin, micros(now)).Scan(&at)
	return due, fromMicros(at), s.explain("look for what the webhook must be told", err)
}

func scanHook(row scanner) (h Hook, err error) {
	var seq, since int64
	var text []byte
	if err := row.Scan(&seq, &text, &since, &h.Tries); err != nil {
		return h, err
	}
	h.Since = fromMicros(since)
	if h.Entry, err = decodeEntry(text); err != nil {
		return h, fmt.Errorf("%w: entry %d is %w", ErrAltered, seq, err)
	}
	return h, nil
}

// HookTold forgets one that was told.
func (s *Store) HookTold(ctx context.Context, seq int64) error {
	return s.change(ctx, func(g *group) error {
		g.silent = true
		_, err := g.exec(`DELETE FROM hooks WHERE origin = $1 AND seq = $2`, s.origin, seq)
		return err
	})
}

// HookFailed notes that one could not be told, and when it is tried again.
func (s *Store) HookFailed(ctx context.Context, seq int64, next time.Time) error {
	return s.change(ctx, func(g *group) error {
		g.silent = true
		_, err := g.exec(`UPDATE hooks SET tries = tries + 1, next_at = $1 WHERE origin = $2 AND seq = $3`, micros(next), s.origin, seq)
		return err
	})
}

// HookLost forgets one that nobody could be told, and says so in the log.
func (s *Store) HookLost(ctx context.Context, seq int64, why string, e Entry) error {
	return s.change(ctx, func(g *group) error {
		if _, err := g.exec(`DELETE FROM hooks WHERE origin = $1 AND seq = $2`, s.origin, seq); err != nil {
			return err
		}
		lost := e.did(WebhookLost, "", "").with("entry", strconv.FormatInt(seq, 10), "why", why)
		lost.Success = false
		return g.log(lost)
	})
}
