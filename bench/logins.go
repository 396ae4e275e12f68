//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"
)

// together is how many log in at once. A visit has room for wire.MaxSessions, one
// keeps it open, and one that has just ended counts until its processes are gone.
const together = 12

// measureLogins logs in, runs one command and leaves, again and again, within
// the visit that is open.
func measureLogins(ctx context.Context, l *lab, size sizes, out io.Writer) error {
	t := newTable(out, "logins and one command, per second", higher)
	for _, k := range []struct {
		name     string
		n, crowd int
	}{{"one at a time", size.logins, 1}, {fmt.Sprintf("%d at a time", together), size.crowd, together}} {
		speeds := make(map[string][]float64)
		spent := make(cost)
		for round := range size.rounds {
			for _, host := range turn(round) {
				before := l.spent()
				took, err := l.logIn(ctx, host, k.n, k.crowd)
				if err != nil {
					return fmt.Errorf("%s: %w", host, err)
				}
				speeds[host] = append(speeds[host], float64(k.n)/took.Seconds())
				spent.add(host, before, l.spent())
			}
		}
		t.row(k.name, medians(speeds))
		spent.print(out, "ms a login", 1000/float64(k.n*size.rounds))
	}
	return nil
}

// logIn logs in n times, so many at a time.
func (l *lab) logIn(ctx context.Context, host string, n, crowd int) (time.Duration, error) {
	todo := make(chan struct{}, n)
	for range n {
		todo <- struct{}{}
	}
	close(todo)
	failed := make([]error, crowd)
	var all sync.WaitGroup
	began := time.Now()
	for i := range crowd {
		all.Go(func() {
			for range todo {
				if text, err := l.ssh(ctx, host, "true").CombinedOutput(); err != nil && failed[i] == nil {
					failed[i] = fmt.Errorf("%w: %s", err, text)
				}
			}
		})
	}
	all.Wait()
	return time.Since(began), errors.Join(failed...)
}
