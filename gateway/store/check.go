package store

import (
	"bytes"
	"context"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// maxDamages bounds what one check reports.
const maxDamages = 100

// Damage is one thing that is wrong with the log.
type Damage struct {
	// First and Last number the entries concerned.
	First, Last int64
	// What is a sentence that names them.
	What string
}

// LogDamage is the error of [Store.CheckLog] for a log that was altered. It is
// an [ErrAltered].
type LogDamage struct {
	File string
	// Found is what is wrong, at least one, at most 100.
	Found []Damage
}

// Error names the first damages.
func (d *LogDamage) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v (%s):", ErrAltered, d.File)
	for i, found := range d.Found {
		if i == 5 {
			fmt.Fprintf(&b, " and %d more;", len(d.Found)-i)
			break
		}
		fmt.Fprintf(&b, " %s;", found.What)
	}
	b.WriteString(" compare it with a copy")
	return b.String()
}

// Unwrap makes it an [ErrAltered].
func (d *LogDamage) Unwrap() error { return ErrAltered }

// checking is one run of CheckLog.
type checking struct {
	s     *Store
	ctx   context.Context //nolint:containedctx // its life is the run's
	size  int64           // entries under the newest head
	head  tlog.Tree       // that head, if its signature is good
	good  bool
	tree  tree // over the leaves that are stored
	whole bool // no entry is missing so far, so the tree is worth comparing
	found []Damage
}

// CheckLog computes the whole log anew from its entries and compares it with
// the stored hashes, with the newest signed head, and with copies of older
// heads that were kept elsewhere ([Store.Head]). A log that was altered is a
// [*LogDamage], which names the entries. Otherwise the result is the number of
// entries that are proven, those that were there when it began.
//
// Entries may be added meanwhile. It reads the whole log: some seconds for a
// million entries.
func (s *Store) CheckLog(ctx context.Context, copies ...[]byte) (int64, error) {
	c := &checking{s: s, ctx: ctx, tree: newTree(), whole: true}
	err := c.run(copies)
	if err == nil && len(c.found) > 0 {
		return 0, &LogDamage{s.file, c.found}
	}
	return c.size, s.explain("check the audit log", err)
}

func (c *checking) run(copies [][]byte) error {
	if err := c.readHead(); err != nil {
		return err
	}
	if err := c.entries(); err != nil {
		return err
	}
	if err := c.compareHead(); err != nil {
		return err
	}
	if err := c.beyond(); err != nil {
		return err
	}
	return c.compareCopies(copies)
}

func (c *checking) damage(first, last int64, format string, args ...any) {
	if len(c.found) < maxDamages {
		c.found = append(c.found, Damage{first, last, fmt.Sprintf(format, args...)})
	}
}

func (c *checking) readHead() error {
	size, text, err := c.s.newestHead(c.ctx)
	if err != nil || text == nil {
		return err
	}
	c.size = size
	head, err := c.s.openHead(text)
	if err != nil || head.N != size {
		c.damage(1, size, "the newest head, over %d entries, is not signed by this log's key", size)
		return nil
	}
	c.head, c.good = head, true
	return nil
}

// kept is an entry as the database has it.
type kept struct {
	seq, at                    int64
	kind, actor, device, visit string
	record, hashes             []byte
}

func scanKept(row scanner) (k kept, err error) {
	err = row.Scan(&k.seq, &k.at, &k.kind, &k.actor, &k.device, &k.visit, &k.record, &k.hashes)
	return k, err
}

// page reads the next entries of the log after seq, up to last.
func (s *Store) page(ctx context.Context, after, last int64) ([]kept, error) {
	return collect(ctx, s.readers, scanKept,
		`SELECT seq, at, kind, actor, device, visit, record, hashes FROM entries
		WHERE origin = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4`, s.origin, after, last, MaxRows)
}

// entries goes through the log in pages, so that no long read holds back the
// writer's clearing of its write-ahead log.
func (c *checking) entries() error {
	var after int64
	for after < c.size {
		page, err := c.s.page(c.ctx, after, c.size)
		if err != nil {
			return err
		}
		for _, k := range page {
			c.missing(after+1, k.seq-1)
			c.entry(k)
			after = k.seq
		}
		if len(page) == 0 {
			c.missing(after+1, c.size)
			return nil
		}
	}
	return nil
}

func (c *checking) missing(first, last int64) {
	switch {
	case first > last:
		return
	case first == last:
		c.damage(first, last, "entry %d is missing", first)
	default:
		c.damage(first, last, "entries %d to %d are missing", first, last)
	}
	c.whole = false
}

// entry checks one entry: its text against its leaf and its columns, and its
// hashes against those before it.
func (c *checking) entry(k kept) {
	if len(k.hashes) < tlog.HashSize {
		c.damage(k.seq, k.seq, "the hashes of entry %d were cut", k.seq)
		c.whole = false
		return
	}
	leaf := tlog.Hash(k.hashes[:tlog.HashSize])
	e, err := decodeEntry(k.record)
	switch {
	case tlog.RecordHash(k.record) != leaf:
		c.damage(k.seq, k.seq, "entry %d was altered", k.seq)
	case err != nil:
		c.damage(k.seq, k.seq, "entry %d is %v", k.seq, err)
	case e.Seq != k.seq || micros(e.At) != k.at || string(e.Kind) != k.kind ||
		e.Actor != k.actor || e.Device != k.device || e.Visit != k.visit:
		c.damage(k.seq, k.seq, "the columns beside entry %d were altered, or it was moved", k.seq)
	}
	if c.whole {
		c.nodes(k, leaf)
	}
}

// nodes compares the hashes that an entry completes with those computed from
// the leaves. The lowest that differs tells which entries it is about.
func (c *checking) nodes(k kept, leaf tlog.Hash) {
	hashes, err := c.tree.add(leaf)
	if err != nil || len(k.hashes) != len(hashes)*tlog.HashSize {
		c.damage(k.seq, k.seq, "the hashes of entry %d were altered", k.seq)
		c.whole = false
		return
	}
	for level, h := range hashes {
		if stored := k.hashes[level*tlog.HashSize:][:tlog.HashSize]; !bytes.Equal(stored, h[:]) {
			first := k.seq + 1 - 1<<level
			c.damage(first, k.seq, "among entries %d to %d one was altered together with its hash, "+
				"or a hash over them", first, k.seq)
			c.whole = false // what is above it would only say the same again
			return
		}
	}
}

// compareHead compares what was computed with the newest head. If that differs
// although the log fits its own hashes, all of them were replaced; the heads
// before show since when.
func (c *checking) compareHead() error {
	if c.size == 0 {
		return nil
	}
	if c.good && c.whole {
		root, err := c.tree.root()
		if err != nil {
			return err
		}
		if root == c.head.Hash {
			return nil
		}
		c.damage(1, c.size, "the log does not fit its newest signed head, over %d entries", c.size)
	}
	return c.since()
}

// beyond looks for entries that no head covers.
func (c *checking) beyond() error {
	var last, size int64
	err := c.s.readers.QueryRowContext(c.ctx, `SELECT
		(SELECT COALESCE(MAX(seq), 0) FROM entries WHERE origin = $1),
		(SELECT COALESCE(MAX(size), 0) FROM heads WHERE origin = $1)`, c.s.origin).Scan(&last, &size)
	if err == nil && last > size {
		c.damage(size+1, last, "entries %d to %d are under no signed head: they were added by another hand, "+
			"or heads were removed", size+1, last)
	}
	return err
}

// compareCopies wants the log to go on from heads that were kept elsewhere. It
// reads stored hashes, which by now are known to be those of the entries.
func (c *checking) compareCopies(copies [][]byte) error {
	for i, text := range copies {
		head, err := c.s.openHead(text)
		if err != nil {
			return invalid("copy %d is no head signed by this log's key", i+1)
		}
		if head.N > c.size {
			c.damage(c.size+1, head.N, "entries %d to %d are missing: a head over %d was signed", c.size+1, head.N, head.N)
			continue
		}
		if len(c.found) > 0 {
			continue
		}
		root, err := tlog.TreeHash(head.N, c.s.hashes(c.ctx))
		if err != nil {
			return err
		}
		if root != head.Hash {
			c.damage(1, head.N, "among entries 1 to %d at least one is not what was signed: "+
				"the copy of the head over them tells of others", head.N)
		}
	}
	return nil
}
