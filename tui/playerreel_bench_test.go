package tui

import (
	"bytes"
	"context"
	"io"
	"math/rand"
	"testing"
	"time"
)

func BenchmarkSeek(b *testing.B) {
	for name, line := range map[string]string{
		"text":   "drwxr-xr-x 10 root root  4096 Nov 22 16:24 something.go and more\r\n",
		"colour": "\x1b[12;3H\x1b[31mhello\x1b[0m world \x1b[1;44mab\x1b[K",
	} {
		b.Run(name, func(b *testing.B) { benchmarkSeek(b, line) })
	}
}

// benchmarkSeek jumps about in ten megabytes of output, once the work ahead
// is done; the time of that work is reported apart.
func benchmarkSeek(b *testing.B, line string) {
	src := &fakeSource{width: 80, height: 24}
	data := bytes.Repeat([]byte(line), 10<<20/len(line))
	for at := time.Duration(0); len(data) > 0; at += 100 * time.Millisecond {
		n := min(len(data), 4000)
		src.add(at, EventOutput, string(data[:n]))
		data = data[n:]
	}
	r := newReel(src)
	began := time.Now()
	for p := (progress{more: true}); p.more || !p.reached; {
		p = r.work(context.Background(), 0)
	}
	ahead := time.Since(began)
	random := rand.New(rand.NewSource(1))
	worst := time.Duration(0)
	for b.Loop() {
		to := time.Duration(random.Int63n(int64(r.length)))
		began := time.Now()
		for p := (progress{}); !p.reached; {
			p = r.work(context.Background(), to)
		}
		worst = max(worst, time.Since(began))
	}
	b.ReportMetric(float64(ahead.Milliseconds()), "ms-ahead")
	b.ReportMetric(float64(len(r.points)), "checkpoints")
	b.ReportMetric(float64(worst.Milliseconds()), "ms-worst")
}

// fakeSource is a recording held in memory.
type fakeSource struct {
	width, height int
	events        []Event
	broken        error // at the end
}

func (s *fakeSource) add(at time.Duration, kind, data string) {
	s.events = append(s.events, Event{At: at, Kind: kind, Data: []byte(data)})
}

func (s *fakeSource) Header() (width, height int, title string) { return s.width, s.height, "" }

func (s *fakeSource) ReadAt(pos int64) (Event, int64, error) {
	if pos < int64(len(s.events)) {
		return s.events[pos], pos + 1, nil
	}
	if s.broken != nil {
		return Event{}, pos, s.broken
	}
	return Event{}, pos, io.EOF
}
