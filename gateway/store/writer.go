package store

import (
	"context"
	"database/sql"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"
)

// maxGroup bounds the changes that one transaction commits, and so how long
// the last of them waits for the first.
const maxGroup = 256

// change is what a caller wants to have committed.
type change struct {
	ctx context.Context //nolint:containedctx // its life is the change's
	// run makes the change and says its entries; it may be nil when there are
	// only entries. It runs on the writing goroutine.
	run     func(*group) error
	entries []Entry

	err  error         // set before done is closed
	done chan struct{} // closed when the change is on the disk, or failed
}

// group is one transaction under way.
type group struct {
	ctx     context.Context //nolint:containedctx // its life is the transaction's
	tx      *sql.Tx
	entries []Entry
	silent  bool // something changed that no entry tells of: see hooks.go
}

// log has entries committed with the change that is being made.
func (g *group) log(e Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	g.entries = append(g.entries, e)
	return nil
}

// change has run committed together with the entries that it logs, and waits
// for that. Once the writer has taken it up, the end of ctx changes nothing:
// the result is what happened.
func (s *Store) change(ctx context.Context, run func(*group) error) error {
	return s.submit(&change{ctx: ctx, run: run})
}

// Append adds entries that tell of no change in the state, all or none, in
// their order. When it returns nil they survive a crash and a power cut.
func (s *Store) Append(ctx context.Context, entries ...Entry) error {
	if len(entries) > MaxRows {
		return invalid("%d entries at once, at most %d are taken", len(entries), MaxRows)
	}
	for _, e := range entries {
		if err := e.check(); err != nil {
			return err
		}
	}
	return s.submit(&change{ctx: ctx, entries: entries})
}

func (s *Store) submit(c *change) error {
	c.done = make(chan struct{})
	if s.closing() {
		return ErrClosed
	}
	select {
	case s.changes <- c:
		<-c.done
		return c.err
	case <-s.quit:
		return ErrClosed
	case <-c.ctx.Done():
		return c.ctx.Err()
	}
}

func (s *Store) closing() bool {
	select {
	case <-s.quit:
		return true
	default:
		return false
	}
}

// write commits changes until the store is closed.
func (s *Store) write() {
	defer close(s.done)
	for {
		select {
		case c := <-s.changes:
			s.commit(s.gather(c))
		case <-s.quit:
			return
		}
	}
}

// gather takes the changes that wait now to the first one.
func (s *Store) gather(first *change) []*change {
	changes := []*change{first}
	for len(changes) < maxGroup {
		select {
		case c := <-s.changes:
			changes = append(changes, c)
		default:
			return changes
		}
	}
	return changes
}

// commit makes changes in one transaction and tells each caller. A change that
// is refused fails alone; a transaction that fails, fails for all.
func (s *Store) commit(changes []*change) {
	err := s.explain("write the state", s.transact(changes))
	for _, c := range changes {
		if c.err == nil {
			c.err = err
		}
		close(c.done)
	}
}

func (s *Store) transact(changes []*change) error {
	if s.unfit != nil {
		return s.unfit
	}
	// No caller's context ends a transaction that is others' too.
	ctx := context.Background()
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() // after Commit it does nothing
	g := &group{ctx: ctx, tx: tx}
	for _, c := range changes {
		if err := g.apply(c); err != nil {
			return err
		}
		c.err = s.explain("make the change", c.err)
	}
	if len(g.entries) == 0 && !g.silent {
		return nil // nothing was changed: each other change has an entry
	}
	next := s.tree
	if len(g.entries) > 0 {
		if next, err = s.extend(g); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	s.tree = next
	return nil
}

// apply makes one change, or sets why it can't be made and leaves no trace of
// it. The error is that of a transaction that can't go on.
func (g *group) apply(c *change) error {
	if c.err = c.ctx.Err(); c.err != nil {
		return nil
	}
	if c.run == nil {
		g.entries = append(g.entries, c.entries...)
		return nil
	}
	if _, err := g.tx.ExecContext(g.ctx, `SAVEPOINT change`); err != nil {
		return err
	}
	before := len(g.entries)
	if c.err = c.run(g); c.err != nil {
		g.entries = g.entries[:before]
		// A full disk and the like may have ended the whole transaction; then
		// there is no savepoint either.
		if _, err := g.tx.ExecContext(g.ctx, `ROLLBACK TO SAVEPOINT change`); err != nil {
			err, c.err = c.err, nil
			return err
		}
	}
	_, err := g.tx.ExecContext(g.ctx, `RELEASE SAVEPOINT change`)
	return err
}

// extend writes the group's entries, their hashes and the head over them, and
// returns the tree as it is once they are committed. It builds on the tree in
// memory: hashes that were altered on the disk never get under a new head.
func (s *Store) extend(g *group) (tree, error) {
	t := s.tree.clone()
	insert := g.tx.StmtContext(g.ctx, s.insert)
	defer insert.Close()
	for _, e := range g.entries {
		e.Seq = t.size + 1
		text, err := e.encode()
		if err != nil {
			return t, err
		}
		hashes, err := t.add(tlog.RecordHash(text))
		if err != nil {
			return t, err
		}
		if _, err := insert.ExecContext(g.ctx, s.origin, e.Seq, micros(e.At), string(e.Kind),
			e.Actor, e.Device, e.Visit, string(text), flat(hashes)); err != nil {
			return t, err
		}
	}
	if err := s.keepHooks(g, s.tree.size+1); err != nil {
		return t, fmt.Errorf("keep what the webhook must be told: %w", err)
	}
	root, err := t.root()
	if err != nil {
		return t, err
	}
	head, err := s.signHead(tlog.Tree{N: t.size, Hash: root})
	if err != nil {
		return t, err
	}
	_, err = g.tx.ExecContext(g.ctx, `INSERT INTO heads (origin, size, note) VALUES ($1, $2, $3)`,
		s.origin, t.size, string(head))
	if err != nil {
		return t, fmt.Errorf("write the log's head: %w", err)
	}
	return t, nil
}

func flat(hashes []tlog.Hash) []byte {
	out := make([]byte, 0, len(hashes)*tlog.HashSize)
	for _, h := range hashes {
		out = append(out, h[:]...)
	}
	return out
}
