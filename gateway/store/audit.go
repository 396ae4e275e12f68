package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Filter chooses entries of the log. What is empty or zero asks nothing.
type Filter struct {
	Person string // Actor
	Device string
	Visit  string
	Kind   Kind
	Since  time.Time // at that time or later
	Until  time.Time // before that time
	After  int64     // only entries with a greater Seq: the next page
	Limit  int       // at most [MaxRows], and that if zero
	Newest bool      // the newest that fit the limit, not the oldest
}

// Audit lists entries, oldest first. An entry that is not in the form in which
// entries are written is [ErrAltered]; whether those that are were altered is
// for [Store.CheckLog] to say.
func (s *Store) Audit(ctx context.Context, f Filter) ([]Entry, error) {
	w := where{}
	w.and("origin = ?", s.origin)
	w.and("seq > ?", f.After)
	w.text("actor = ?", f.Person)
	w.text("device = ?", f.Device)
	w.text("visit = ?", f.Visit)
	w.text("kind = ?", string(f.Kind))
	w.time("at >= ?", f.Since)
	w.time("at < ?", f.Until)
	order := "ORDER BY seq"
	if f.Newest {
		order = "ORDER BY seq DESC"
	}
	query := `SELECT seq, record FROM entries ` + w.sql() + ` ` + order + ` LIMIT ` + w.arg(rows(f.Limit))
	entries, err := collect(ctx, s.readers, scanEntry, query, w.args...)
	if f.Newest {
		slices.Reverse(entries)
	}
	return entries, s.explain("read the audit log", err)
}

func scanEntry(row scanner) (Entry, error) {
	var seq int64
	var text []byte
	if err := row.Scan(&seq, &text); err != nil {
		return Entry{}, err
	}
	e, err := decodeEntry(text)
	if err == nil && e.Seq != seq {
		err = errRecord
	}
	if err != nil {
		return Entry{}, fmt.Errorf("%w: entry %d is %w", ErrAltered, seq, err)
	}
	return e, nil
}

// where builds a condition. The fragments are constants of this package; all
// values go by argument.
type where struct {
	parts []string
	args  []any
}

// arg adds an argument and gives its place in the statement.
func (w *where) arg(v any) string {
	w.args = append(w.args, v)
	return fmt.Sprintf("$%d", len(w.args))
}

func (w *where) and(fragment string, v any) {
	w.parts = append(w.parts, strings.Replace(fragment, "?", w.arg(v), 1))
}

func (w *where) text(fragment, v string) {
	if v != "" {
		w.and(fragment, v)
	}
}

func (w *where) time(fragment string, t time.Time) {
	if !t.IsZero() {
		w.and(fragment, micros(t))
	}
}

func (w *where) sql() string {
	if len(w.parts) == 0 {
		return ""
	}
	return "WHERE " + strings.Join(w.parts, " AND ")
}
