package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// tree is the Merkle tree over the log's first size entries, as far as it
// takes to add to it: the roots of its complete subtrees, by the index of the
// stored hash. There are at most 63 of them.
type tree struct {
	size int64
	edge map[int64]tlog.Hash
}

func newTree() tree { return tree{edge: make(map[int64]tlog.Hash)} }

func (t tree) clone() tree { return tree{t.size, maps.Clone(t.edge)} }

// add puts a leaf to the tree and returns the hashes that it completes, the
// leaf itself first.
func (t *tree) add(leaf tlog.Hash) ([]tlog.Hash, error) {
	hashes, err := tlog.StoredHashesForRecordHash(t.size, leaf, tlog.HashReaderFunc(t.take))
	if err != nil {
		return nil, err
	}
	top := len(hashes) - 1
	t.edge[tlog.StoredHashIndex(0, t.size)+int64(top)] = hashes[top]
	t.size++
	return hashes, nil
}

func (t *tree) root() (tlog.Hash, error) {
	return tlog.TreeHash(t.size, tlog.HashReaderFunc(t.peek))
}

func (t *tree) peek(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	for i, x := range indexes {
		h, ok := t.edge[x]
		if !ok {
			return nil, fmt.Errorf("hash %d is not at the edge of a tree over %d entries", x, t.size)
		}
		hashes[i] = h
	}
	return hashes, nil
}

// take is peek for two subtrees that are about to become one: their roots are
// not asked for again.
func (t *tree) take(indexes []int64) ([]tlog.Hash, error) {
	hashes, err := t.peek(indexes)
	for _, x := range indexes {
		delete(t.edge, x)
	}
	return hashes, err
}

// querier is what a pool of connections and a transaction have in common.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// hashes reads the stored hashes of the log, for proofs and to find the edge.
func (s *Store) hashes(ctx context.Context) tlog.HashReaderFunc {
	return func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, x := range indexes {
			level, n := tlog.SplitStoredHashIndex(x)
			// The entry that completes node n of a level stores it, at the
			// level's place among its hashes. Entries count from 1.
			seq := (n + 1) << level
			var kept []byte
			err := s.readers.QueryRowContext(ctx,
				`SELECT hashes FROM entries WHERE origin = $1 AND seq = $2`, s.origin, seq).Scan(&kept)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return nil, err
			}
			if len(kept) < (level+1)*tlog.HashSize {
				return nil, fmt.Errorf("%w: entry %d, or its hashes, are missing", ErrAltered, seq)
			}
			copy(out[i][:], kept[level*tlog.HashSize:])
		}
		return out, nil
	}
}

// loadTree finds the edge of the log as it is kept, and wants it to be what
// the newest head signs.
func (s *Store) loadTree(ctx context.Context) (tree, error) {
	t := newTree()
	size, text, err := s.newestHead(ctx)
	if err != nil {
		return t, err
	}
	var last int64
	err = s.readers.QueryRowContext(ctx,
		`SELECT COALESCE(MAX(seq), 0) FROM entries WHERE origin = $1`, s.origin).Scan(&last)
	if err != nil {
		return t, err
	}
	if last != size {
		return t, fmt.Errorf("%w: it has %d entries, its newest signed head tells of %d", ErrAltered, last, size)
	}
	if size == 0 {
		return t, nil
	}
	signed, err := s.openHead(text)
	if err != nil {
		return t, err
	}
	read := s.hashes(ctx)
	root, err := tlog.TreeHash(size, tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		found, err := read(indexes)
		for i := range found {
			t.edge[indexes[i]] = found[i]
		}
		return found, err
	}))
	if err == nil && (signed.N != size || signed.Hash != root) {
		err = fmt.Errorf("%w: its hashes do not fit its newest signed head, over %d entries", ErrAltered, size)
	}
	t.size = size
	return t, err
}

// Head is the newest signed head of the log, as a note; nil before the first
// entry. Copies of it kept elsewhere prove to [Store.CheckLog] that nothing
// before them was rewritten or cut, even by who holds the key.
func (s *Store) Head(ctx context.Context) ([]byte, error) {
	_, text, err := s.newestHead(ctx)
	return text, s.explain("read the log's head", err)
}

func (s *Store) newestHead(ctx context.Context) (size int64, text []byte, err error) {
	err = s.readers.QueryRowContext(ctx,
		`SELECT size, note FROM heads WHERE origin = $1 ORDER BY size DESC LIMIT 1`, s.origin).Scan(&size, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil, nil
	}
	return size, text, err
}

// signHead gives the note of a head, in the form of a checkpoint: origin,
// size, root hash, each on its line.
func (s *Store) signHead(t tlog.Tree) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", s.origin, t.N, t.Hash)
	signed, err := note.Sign(&note.Note{Text: text}, s.key.signer)
	if err != nil {
		return nil, fmt.Errorf("sign the log's head: %w", err)
	}
	return signed, nil
}

// openHead verifies a note and reads the head in it.
func (s *Store) openHead(text []byte) (tlog.Tree, error) {
	altered := fmt.Errorf("%w: a signed head is malformed or not signed by this log's key", ErrAltered)
	n, err := note.Open(text, note.VerifierList(s.key.verifier))
	if err != nil {
		return tlog.Tree{}, altered
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[0] != s.origin || lines[3] != "" {
		return tlog.Tree{}, altered
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return tlog.Tree{}, altered
	}
	hash, err := tlog.ParseHash(lines[2])
	if err != nil {
		return tlog.Tree{}, altered
	}
	return tlog.Tree{N: size, Hash: hash}, nil
}

// keptHead is a head as the database has it.
type keptHead struct {
	size int64
	text []byte
}

func scanHead(row scanner) (h keptHead, err error) {
	err = row.Scan(&h.size, &h.text)
	return h, err
}

func (s *Store) headsAfter(ctx context.Context, size int64) ([]keptHead, error) {
	return collect(ctx, s.readers, scanHead,
		`SELECT size, note FROM heads WHERE origin = $1 AND size > $2 ORDER BY size LIMIT $3`, s.origin, size, MaxRows)
}
