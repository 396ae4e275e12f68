package recordings

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// read takes all events that there are from a place on.
func (f *follower) read(t *testing.T) {
	t.Helper()
	for {
		e, next, err := f.tail.ReadAt(f.at)
		if errors.Is(err, io.EOF) {
			return
		}
		must(t, err)
		f.at = next
		if e.Kind == CastOutput {
			f.got = append(f.got, e.Bytes()...)
		}
	}
}

type follower struct {
	tail *Tail
	at   Pos
	got  []byte
}

// follow reads to the end of the cast, waiting for it to grow; pause is called
// before each wait.
func (f *follower) follow(t *testing.T, pause func()) {
	for {
		grown, ended := f.tail.Grown(), f.tail.Ended()
		f.read(t)
		if ended {
			return
		}
		pause()
		<-grown
	}
}

// TestFollowersMissNothing: followers that join at any time, quick ones and
// slow ones, read the very bytes that were written, and the writer waits for
// none of them.
func TestFollowersMissNothing(t *testing.T) {
	r := create(t, openLibrary(t, t.TempDir()), visitNumber(1))
	s := shell(t, r, ptyInfo)
	var wrote bytes.Buffer
	var all []*follower
	var reading sync.WaitGroup
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // not a secret
	for i := range 400 {
		chunk := make([]byte, 1+dice.IntN(300))
		for j := range chunk {
			chunk[j] = "abc\x1b[m\r\né€🙂\xff\xc3"[dice.IntN(19)]
		}
		must(t, s.Output(chunk))
		wrote.Write(chunk)
		if i%40 != 0 {
			continue
		}
		tail, err := s.Follow()
		must(t, err)
		f := &follower{tail: tail}
		all = append(all, f)
		slow := i%80 == 0
		reading.Go(func() {
			f.follow(t, func() {
				if !slow {
					return
				}
				timer := time.NewTimer(time.Millisecond)
				<-timer.C
			})
		})
	}
	must(t, s.Close(Exit{}))
	reading.Wait()
	// What is left of an unfinished character stands in the cast as its bytes.
	for i, f := range all {
		if !bytes.Equal(f.got, wrote.Bytes()) {
			t.Errorf("follower %d read %d bytes, %d were written", i, len(f.got), wrote.Len())
		}
		must(t, f.tail.Close())
	}
	seal(t, r)
}

// TestFollowerWakes: a follower that has read all waits, and is woken by
// output, by the end, and by a visit that ends without an exit.
func TestFollowerWakes(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *Recording, *Shell){
		"exit": func(t *testing.T, r *Recording, s *Shell) { must(t, s.Close(Exit{})); seal(t, r) },
		"seal": func(t *testing.T, r *Recording, _ *Shell) { seal(t, r) },
	} {
		t.Run(name, func(t *testing.T) {
			r := create(t, openLibrary(t, t.TempDir()), visitNumber(1))
			s := shell(t, r, ptyInfo)
			tail, err := s.Follow()
			must(t, err)
			defer func() { must(t, tail.Close()) }()
			f := &follower{tail: tail}
			waiting := make(chan struct{}, 10)
			done := make(chan struct{})
			go func() {
				defer close(done)
				f.follow(t, func() { waiting <- struct{}{} })
			}()
			<-waiting
			must(t, s.Output([]byte("one")))
			<-waiting
			must(t, s.Output([]byte("two")))
			<-waiting
			end(t, r, s)
			<-done
			if string(f.got) != "onetwo" {
				t.Errorf("it read %q", f.got)
			}
			if grown := tail.Grown(); !isClosed(grown) {
				t.Error("a cast that has ended lets its followers wait")
			}
		})
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestFollowAfterTheEnd: what has ended can be followed while the visit lasts,
// and afterwards it is an error and no crash.
func TestFollowAfterTheEnd(t *testing.T) {
	r := create(t, openLibrary(t, t.TempDir()), visitNumber(1))
	s := shell(t, r, ptyInfo)
	must(t, s.Output([]byte("all of it")))
	must(t, s.Close(Exit{}))
	tail, err := s.Follow()
	must(t, err)
	f := &follower{tail: tail}
	f.follow(t, func() { t.Error("it waits for what can't come") })
	must(t, tail.Close())
	if string(f.got) != "all of it" {
		t.Errorf("it read %q", f.got)
	}
	seal(t, r)
	if _, err := s.Follow(); err == nil {
		t.Error("a cast of a recording that is closed was opened")
	}
}

// TestNobodyFollows: a cast that nobody follows keeps nothing for followers,
// and one whose followers have left is like it.
func TestNobodyFollows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := create(t, openLibrary(t, t.TempDir()), visitNumber(1))
		s := shell(t, r, ptyInfo)
		must(t, s.Output([]byte("x")))
		if s.file.followed.Load() != nil {
			t.Error("it keeps a wake-up for nobody")
		}
		tail, err := s.Follow()
		must(t, err)
		tail.Grown()
		must(t, tail.Close())
		must(t, s.Output([]byte("x")))
		if s.file.followed.Load() != nil {
			t.Error("it keeps a wake-up for who has left")
		}
		must(t, s.Close(Exit{}))
		seal(t, r)
	})
}
