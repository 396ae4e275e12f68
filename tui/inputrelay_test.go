package tui

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"
)

// sink takes what is relayed and counts the writes.
type sink struct {
	mu     sync.Mutex
	got    bytes.Buffer
	wrote  chan struct{} // one for each write, if not nil
	refuse error
}

func (s *sink) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse != nil {
		return 0, s.refuse
	}
	s.got.Write(p)
	if s.wrote != nil {
		s.wrote <- struct{}{}
	}
	return len(p), nil
}

func (s *sink) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.got.String()
}

// relaying starts a relay and returns its end.
func relaying(raw *RawInput, w io.Writer) <-chan error {
	ended := make(chan error, 1)
	go func() { ended <- raw.Relay(w) }()
	return ended
}

func TestRelayTakesAllToTheEnd(t *testing.T) {
	r, w := io.Pipe()
	in := NewInput(r)
	var s sink
	ended := relaying(in.Raw(), &s)
	want := bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	for rest := want; len(rest) > 0; {
		n := min(len(rest), 7777)
		if _, err := w.Write(rest[:n]); err != nil {
			t.Fatal(err)
		}
		rest = rest[n:]
	}
	w.Close()
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("the relay ended with %v", err)
	}
	if s.text() != string(want) {
		t.Errorf("%d bytes came of %d, or others", len(s.text()), len(want))
	}
}

func TestRelayBeginsWithWhatScreensLeft(t *testing.T) {
	r, w := io.Pipe()
	in := NewInput(r)
	write(t, w, "typed ahead, ")
	s := &sink{wrote: make(chan struct{}, 8)}
	raw := in.Raw()
	ended := relaying(raw, s)
	<-s.wrote
	write(t, w, "and then")
	<-s.wrote
	raw.Close()
	if err := <-ended; !errors.Is(err, errTaken) {
		t.Errorf("the relay ended with %v", err)
	}
	write(t, w, " for the next")
	w.Close()
	rest, err := io.ReadAll(in.Raw())
	if s.text() != "typed ahead, and then" || string(rest) != " for the next" || err != nil {
		t.Errorf("the relay got %q, the next phase %q, %v", s.text(), rest, err)
	}
}

func TestRelayThatIsRefusedLeavesTheRest(t *testing.T) {
	r, w := io.Pipe()
	in := NewInput(r)
	s := &sink{wrote: make(chan struct{}, 8)}
	ended := relaying(in.Raw(), s)
	write(t, w, "a")
	<-s.wrote
	gone := errors.New("the device is gone")
	s.mu.Lock()
	s.refuse = gone
	s.mu.Unlock()
	write(t, w, "b") // on its way when the device went
	if err := <-ended; !errors.Is(err, gone) {
		t.Errorf("the relay ended with %v", err)
	}
	write(t, w, "c")
	w.Close()
	if rest, err := io.ReadAll(in.Raw()); string(rest) != "c" || err != nil {
		t.Errorf("the next phase got %q, %v", rest, err)
	}
}

// TestRelayWaitsForItsLastWrite: what a relay takes is written when it returns.
func TestRelayWaitsForItsLastWrite(t *testing.T) {
	r, w := io.Pipe()
	in := NewInput(r)
	s := &sink{wrote: make(chan struct{})}
	raw := in.Raw()
	ended := relaying(raw, s)
	for range 100 {
		write(t, w, "x")
		select {
		case <-ended:
			t.Fatal("the relay ended by itself")
		case <-s.wrote:
		}
	}
	write(t, w, "last")
	raw.Close()
	var err error
	select {
	case err = <-ended: // Close came before the goroutine that reads
	case <-s.wrote:
		err = <-ended
	}
	w.Close()
	rest, rerr := io.ReadAll(in.Raw())
	if all := s.text() + string(rest); len(all) != 104 || rerr != nil || !errors.Is(err, errTaken) {
		t.Errorf("%d bytes of 104 came; %v, %v", len(all), rerr, err)
	}
}

func write(t *testing.T, w io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
}

func BenchmarkRelay(b *testing.B) {
	chunk := make([]byte, 32<<10)
	b.SetBytes(int64(len(chunk)))
	in := NewInput(&endless{chunk: chunk, left: b.N})
	if err := in.Raw().Relay(io.Discard); !errors.Is(err, io.EOF) {
		b.Fatal(err)
	}
}

// endless reads the same chunk again and again.
type endless struct {
	chunk []byte
	left  int
}

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	e.left--
	return copy(p, e.chunk), nil
}
