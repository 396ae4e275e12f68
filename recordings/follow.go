package recordings

import "fmt"

// Follow opens a cast that is still being written, for reading from its start.
// Who reads it never waits for the writer, nor the writer for them: all that
// they share is the file and the wake-up of [Tail.Grown]. The caller closes it.
func (s *Shell) Follow() (*Tail, error) {
	f, err := s.rec.dir.open(s.name)
	if err != nil {
		return nil, fmt.Errorf("follow a cast: %w", err)
	}
	c, err := NewCast(f)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("follow a cast: %w", err)
	}
	c.close = f.Close
	return &Tail{Cast: c, file: s.file}, nil
}

// Tail is a cast that may still grow. It reads what any reader of the file
// does: an event is in it before it was forwarded.
type Tail struct {
	*Cast
	file *growing
}

// Grown returns a channel that is closed when there may be more to read, or
// nothing will come any more. Ask for it first and read to the end then:
// what is written in between closes it too.
func (t *Tail) Grown() <-chan struct{} { return t.file.grown() }

// Ended reports that nothing is written any more. Ask first and read to the end
// then.
func (t *Tail) Ended() bool { return t.file.ended.Load() }

// grown is closed by the next append, or by the end.
func (g *growing) grown() <-chan struct{} {
	fresh := make(chan struct{})
	for {
		if there := g.followed.Load(); there != nil {
			return *there
		}
		if g.followed.CompareAndSwap(nil, &fresh) {
			if g.ended.Load() {
				g.wake()
			}
			return fresh
		}
	}
}

// wake closes what followers wait for. Where there are none it costs one load.
func (g *growing) wake() {
	if g.followed.Load() == nil {
		return
	}
	if waiting := g.followed.Swap(nil); waiting != nil {
		close(*waiting)
	}
}
