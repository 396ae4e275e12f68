package store

import (
	"golang.org/x/mod/sumdb/tlog"
)

// since finds the first signed head that the entries, as they are now, do not
// lead to: the alteration is between the head before it and that one. With a
// head for each group that is one entry, or few.
func (c *checking) since() error {
	t := newTree()
	var after, fits int64
	for {
		heads, err := c.s.headsAfter(c.ctx, after)
		if err != nil || len(heads) == 0 {
			return err
		}
		for _, head := range heads {
			after = head.size
			ok, err := c.advance(&t, head.size)
			if err != nil || !ok {
				return err
			}
			signed, err := c.s.openHead(head.text)
			if err != nil || signed.N != head.size {
				continue
			}
			root, err := t.root()
			if err != nil {
				return err
			}
			if root != signed.Hash {
				c.damage(fits+1, head.size, "the first alteration is among entries %d to %d", fits+1, head.size)
				return nil
			}
			fits = head.size
		}
	}
}

// advance adds the leaves up to size, computed from the entries' texts. An
// entry that is missing ends it.
func (c *checking) advance(t *tree, size int64) (whole bool, err error) {
	for t.size < size {
		page, err := c.s.page(c.ctx, t.size, size)
		if err != nil || len(page) == 0 {
			return false, err
		}
		for _, k := range page {
			if k.seq != t.size+1 {
				return false, nil
			}
			if _, err := t.add(tlog.RecordHash(k.record)); err != nil {
				return false, err
			}
		}
	}
	return true, nil
}
