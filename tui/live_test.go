package tui

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// terminalText makes output that moves about, colours, scrolls and breaks off in
// the middle of sequences and characters.
func terminalText() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		pieces := rapid.SliceOfN(rapid.SampledFrom([]string{
			"a", "word ", "日本", "é", "\r\n", "\r", "\n", "\b", "\t", "\x1b[31m", "\x1b[0m", "\x1b[2J", "\x1b[H", "\x1b[5;7H", "\x1b[K",
			"\x1b[?1049h", "\x1b[?1049l", "\x1b[2;5r", "\x1b7", "\x1b8", "\x1b]0;t\x07", "\x1b[?25l", "\x1bM", "\x1b[3", "\xe2\x82", "line\r\nline\r\nline\r\nline\r\nline\r\n",
		}), 0, 30).Draw(t, "pieces")
		return strings.Join(pieces, "")
	})
}

// TestWatchersSeeWhatThePlayerShows: whenever somebody joins, and however what
// comes is cut into pieces, they see in the end what the player shows at the
// end of the same recording.
func TestWatchersSeeWhatThePlayerShows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Event {
			if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
				return Event{Kind: EventResize, Width: rapid.IntRange(1, 40).Draw(t, "width"), Height: rapid.IntRange(1, 12).Draw(t, "height")}
			}
			return Event{Kind: EventOutput, Data: []byte(terminalText().Draw(t, "text"))}
		}), 0, 12).Draw(t, "events")
		join := rapid.IntRange(0, len(events)).Draw(t, "join")
		tail := newTail(20, 6)
		tail.add(events[:join]...)
		l := follow(tail)
		defer l.close()
		for _, e := range events[join:] {
			tail.add(e)
		}
		tail.finish()
		<-l.done
		r := newReel(&fakeSource{width: 20, height: 6, events: events})
		p := progress{}
		for !p.reached {
			p = r.work(context.Background(), 1<<62)
		}
		if got := l.look(); !reflect.DeepEqual(got.frame, p.frame) {
			t.Fatalf("the watcher sees\n%s\nthe player\n%s", frameText(got.frame), frameText(p.frame))
		}
	})
}

func frameText(f *frame) string {
	var lines []string
	for y := range f.height {
		lines = append(lines, f.text(y))
	}
	return strings.Join(lines, "\n")
}

// TestNobodyWaitsForThePicture: a screen that takes no picture for long, as that
// of a stopped terminal, gets the present one and none between.
func TestNobodyWaitsForThePicture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tail := newTail(80, 24, "start\r\n")
		l := follow(tail)
		defer l.close()
		synctest.Wait()
		if s := l.next(t.Context()); !strings.Contains(frameText(s.frame), "start") || s.behind {
			t.Fatalf("shows %q, behind %v", frameText(s.frame), s.behind)
		}
		for range 1000 {
			tail.add(Event{Kind: EventOutput, Data: []byte(strings.Repeat("more and more\r\n", 100))})
		}
		tail.add(Event{Kind: EventOutput, Data: []byte("present")})
		synctest.Wait() // all of it is read, and nobody has looked
		s := l.next(t.Context())
		if !strings.HasSuffix(strings.TrimSpace(frameText(s.frame)), "present") {
			t.Errorf("shows %q", frameText(s.frame))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if s := l.next(ctx); s != nil {
			t.Errorf("another picture comes: %q", frameText(s.frame))
		}
	})
}

// TestLiveEnds: the end, a cast that breaks and a screen that is left.
func TestLiveEnds(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	broken := newTail(80, 24, "as far as it goes")
	broken.broken = errors.New("line 2 is no event")
	l := follow(broken)
	<-l.done
	if s := l.look(); !s.ended || !s.broken || !strings.Contains(frameText(s.frame), "as far as it goes") {
		t.Errorf("ended %v, broken %v", s.ended, s.broken)
	}
	l.close()
	open := newTail(80, 24, "x")
	l = follow(open)
	l.close()
	if s := l.look(); !s.ended || s.broken || !open.isClosed() || !broken.isClosed() {
		t.Errorf("ended %v, broken %v, closed %v %v", s.ended, s.broken, open.isClosed(), broken.isClosed())
	}
}

// TestRushWithoutPictures: while the beginning is read there is none.
func TestRushWithoutPictures(t *testing.T) {
	l := &live{em: newEmulation(80, 24), changed: make(chan struct{}, 1)}
	if s := l.look(); s.frame != nil || !s.behind {
		t.Errorf("a picture of what is long over is drawn: %v", s)
	}
}

func BenchmarkFollow(b *testing.B) {
	for name, line := range map[string]string{
		"text":   "drwxr-xr-x 10 root root  4096 Nov 22 16:24 something.go and more\r\n",
		"colour": "\x1b[12;3H\x1b[31mhello\x1b[0m world \x1b[1;44mab\x1b[K",
	} {
		b.Run(name, func(b *testing.B) {
			data := strings.Repeat(line, 1<<20/len(line))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				tail := newTail(80, 24, data)
				tail.finish()
				l := follow(tail)
				<-l.done
				l.close()
			}
		})
	}
}
