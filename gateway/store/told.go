package store

import (
	"context"
	"time"
)

// Told keeps what devices told of themselves, by their keys: of each the last
// words, at a time. It decides nothing and makes no entry. Devices that are
// unknown or retired are left out.
func (s *Store) Told(ctx context.Context, words map[string]string, at time.Time) error {
	for key, word := range words {
		if err := text("what a device tells of itself", word, MaxText); err != nil {
			return err
		}
		if err := names("key", key); err != nil {
			return err
		}
	}
	return s.change(ctx, func(g *group) error {
		g.silent = true
		for key, word := range words {
			if _, err := g.exec(`UPDATE devices SET facts = $1, told_at = $2 WHERE fingerprint = $3 AND retired_at = 0`, word, micros(at), key); err != nil {
				return err
			}
		}
		return nil
	})
}
