package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"accord/gateway/store"
	"accord/policy"
	"accord/wire"
)

// locks is who is locked, as the store has it: the store is written first, and
// nobody else writes it. The zero value knows of no lock, so it is filled
// before anybody can log in.
type locks struct {
	reading sync.Mutex // before mu: of two that read, the later has the newer list
	mu      sync.Mutex
	held    map[string]policy.Lock // by the person's name
}

// of is a person's lock; the zero lock is none.
func (l *locks) of(name string) policy.Lock {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held[name]
}

// load reads all locks.
func (l *locks) load(ctx context.Context, s *store.Store) error {
	l.reading.Lock()
	defer l.reading.Unlock()
	list, err := s.Locks(ctx)
	if err != nil {
		return err
	}
	held := make(map[string]policy.Lock, len(list))
	for _, lock := range list {
		held[lock.Person] = policy.Lock{By: lock.By, Reason: lock.Reason, At: lock.At}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.held = held
	return nil
}

// reloadLocks brings the locks up to date after a change, and ends what a new
// one bars: the visits and sessions of who is locked.
func (g *Gateway) reloadLocks(ctx context.Context, reason string) error {
	if err := g.locks.load(ctx, g.store); err != nil {
		return err
	}
	g.recheck(reason)
	return nil
}

// cmdLock bars a person. Who locks themself needs somebody else to undo it.
func (s *session) cmdLock(ctx context.Context, c *call) error {
	if len(c.words) == 0 {
		return &usageError{"Name a person."}
	}
	if err := c.only("json"); err != nil {
		return err
	}
	name := c.words[0]
	if _, ok := s.gateway.law().people.Named(name); !ok {
		return s.gateway.law().nobody(name)
	}
	reason := wire.Clean(strings.Join(c.words[1:], " "), wire.MaxReason)
	err := s.gateway.store.Lock(ctx, name, reason, s.entry())
	if errors.Is(err, store.ErrExists) {
		return fmt.Errorf("%s is locked already", name)
	}
	if err != nil {
		return err
	}
	// Said first: who locks themself hears no more.
	return errors.Join(s.printLock(c, name, true, name+" is locked: no login, and what they had open is being ended."), s.gateway.reloadLocks(ctx, "lock"))
}

// cmdUnlock ends a lock, never one's own.
func (s *session) cmdUnlock(ctx context.Context, c *call) error {
	if len(c.words) != 1 {
		return &usageError{"Name one person."}
	}
	if err := c.only("json"); err != nil {
		return err
	}
	name := c.words[0]
	ok, why := policy.MayUnlock(s.person.Person, name)
	if err := s.may("unlock "+wire.Clean(name, wire.MaxName), ok, why); err != nil {
		return err
	}
	err := s.gateway.store.Unlock(ctx, name, s.entry())
	if errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("%s is not locked", wire.Clean(name, wire.MaxName))
	}
	if err != nil {
		return err
	}
	return errors.Join(s.printLock(c, name, false, name+" is unlocked."), s.gateway.reloadLocks(ctx, "unlock"))
}

// printLock tells what became of a lock.
func (s *session) printLock(c *call, person string, locked bool, sentence string) error {
	if c.has("json") {
		return s.printJSON(map[string]any{"person": person, "locked": locked})
	}
	s.print(sentence + "\n")
	return nil
}
