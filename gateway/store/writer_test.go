package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// TestManyWriters: a hundred at once, each sees its own entry when it is told
// that it is kept.
func TestManyWriters(t *testing.T) {
	s, ctx := openIn(t, t.TempDir()), context.Background()
	const writers, each = 100, 4
	errs := make(chan error, writers)
	for w := range writers {
		go func() {
			for i := range each {
				e := numberedEntry(i)
				e.Actor = fmt.Sprintf("writer %d", w)
				if err := s.Append(ctx, e); err != nil {
					errs <- err
					return
				}
				mine, err := s.Audit(ctx, Filter{Person: e.Actor})
				if err != nil || len(mine) != i+1 {
					errs <- fmt.Errorf("%s: %d entries after %d: %w", e.Actor, len(mine), i+1, err)
					return
				}
			}
			errs <- nil
		}()
	}
	for range writers {
		must(t, <-errs)
	}
	same(t, "proven", sound(t, s), writers*each)
	var groups int
	must(t, s.readers.QueryRow(`SELECT COUNT(*) FROM heads`).Scan(&groups))
	if groups >= writers*each {
		t.Errorf("%d groups for %d entries", groups, writers*each)
	}
}

// TestCheckWhileWriting: the check is right while the log grows.
func TestCheckWhileWriting(t *testing.T) {
	s, ctx := openIn(t, t.TempDir()), context.Background()
	stop, stopped := make(chan struct{}), make(chan error)
	go func() {
		for i := 1; ; i++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := s.Append(ctx, numberedEntry(i)); err != nil {
				stopped <- err
				return
			}
		}
	}()
	var last int64
	for last < 50 {
		n := sound(t, s)
		if n < last {
			t.Fatalf("%d entries after %d", n, last)
		}
		last = n
	}
	close(stop)
	must(t, <-stopped)
}

// TestCloseWhileWriting: each change is kept or refused, and Close waits.
func TestCloseWhileWriting(t *testing.T) {
	dir := t.TempDir()
	s, ctx := openIn(t, dir), context.Background()
	must(t, s.Append(ctx, numberedEntry(0)))
	var all sync.WaitGroup
	kept := make(chan int, 1000)
	for w := range 20 {
		all.Go(func() {
			for i := 0; ; i++ {
				err := s.Append(ctx, numberedEntry(w))
				if err != nil {
					if !errors.Is(err, ErrClosed) {
						t.Errorf("got %v", err)
					}
					kept <- i
					return
				}
			}
		})
	}
	for len(told(t, s, Filter{Limit: 100})) < 100 {
	}
	must(t, s.Close())
	all.Wait()
	close(kept)
	total := 1
	for n := range kept {
		total += n
	}
	same(t, "proven", sound(t, openIn(t, dir)), int64(total))
}

// crashDir names the folder to a child that this test binary is run as.
const crashDir = "ACCORD_TEST_CRASH_DIR"

// appendUntilKilled writes from several goroutines and prints the number of
// each entry that was acknowledged.
func appendUntilKilled(dir string) {
	s, err := Open(context.Background(), Options{Dir: dir, Origin: testOrigin})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var out sync.Mutex
	for w := range 8 {
		go func() {
			for i := 0; ; i++ {
				n := i*8 + w
				if err := s.Append(context.Background(), numberedEntry(n)); err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Println(n)
				out.Unlock()
			}
		}()
	}
	select {}
}

// TestKilled: whenever the gateway is killed, what it has acknowledged is
// there, and the log is sound.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	acknowledged := make(map[string]int)
	for round, after := range []int{1, 37, 150} {
		for _, n := range killAfter(t, dir, after) {
			acknowledged[n]++
		}
		s := openIn(t, dir)
		if _, err := s.CheckLog(context.Background()); err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		there := make(map[string]int)
		var last int64
		for {
			entries, err := s.Audit(context.Background(), Filter{After: last})
			must(t, err)
			if len(entries) == 0 {
				break
			}
			for _, e := range entries {
				there[e.Data["n"]]++
				last = e.Seq
			}
		}
		for n, times := range acknowledged {
			if there[n] < times {
				t.Errorf("round %d: entry %s was acknowledged %d times and is there %d times", round, n, times, there[n])
			}
		}
		must(t, s.Close())
	}
}

// killAfter runs the child until it has acknowledged a number of entries, kills
// it, and returns all that it acknowledged.
func killAfter(t *testing.T, dir string, entries int) (acknowledged []string) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	child.Stderr = os.Stderr
	out, err := child.StdoutPipe()
	must(t, err)
	must(t, child.Start())
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "error") {
			t.Error(line)
			break
		}
		if _, err := strconv.Atoi(line); err == nil {
			acknowledged = append(acknowledged, line)
		}
		if len(acknowledged) == entries {
			must(t, child.Process.Kill())
		}
	}
	_ = child.Process.Kill()
	_ = child.Wait() // it was killed
	return acknowledged
}

// BenchmarkAppend measures acknowledged entries a second: one writer that
// waits for each, and a hundred at once.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 100, 1000} {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) {
			s, ctx := openIn(b, b.TempDir()), context.Background()
			work := make(chan struct{})
			var all sync.WaitGroup
			for range writers {
				all.Go(func() {
					for range work {
						if err := s.Append(ctx, numberedEntry(1)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			b.ResetTimer()
			for range b.N {
				work <- struct{}{}
			}
			close(work)
			all.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
		})
	}
}

// BenchmarkCheckLog measures the check of a log.
func BenchmarkCheckLog(b *testing.B) {
	s, ctx := openIn(b, b.TempDir()), context.Background()
	entries := make([]Entry, MaxRows)
	for i := range entries {
		entries[i] = numberedEntry(i)
	}
	for range 20 {
		must(b, s.Append(ctx, entries...))
	}
	b.ResetTimer()
	for range b.N {
		sound(b, s)
	}
	b.ReportMetric(20*MaxRows*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
