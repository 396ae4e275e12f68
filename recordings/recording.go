package recordings

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// When a flush is due. The disk's own time comes on top, so the interval stays
// below 250 ms on a disk that answers at all.
const (
	flushEvery = 200 * time.Millisecond // after the first byte that waits
	flushBytes = 64 << 10               // bytes that wait
)

// reserveSize is held back so that a full disk can still take the last line of
// the chain, the last event, the final visit.json (twice while it is
// replaced) and the seal.
const reserveSize = 1 << 20

// maxShells bounds the casts and frame logs of one visit.
const maxShells = 9999

// Recording is the running recording of one visit. All methods may be called
// from any goroutine.
type Recording struct {
	lib    *Library
	dir    folder
	opened Visit // as it was at the start; does not change

	timeline *timeline
	head     atomic.Pointer[Head] // the last that is on disk
	failure  atomic.Pointer[Failure]
	failed   chan struct{} // closed once failure is set
	failOnce sync.Once

	mu      sync.Mutex // guards the following; no other lock is taken under it
	shells  []*Shell   // those that are open
	frames  []*Frames  // likewise
	copies  []*File    // likewise
	count   int        // casts and frame logs so far
	logs    int        // the latter
	files   []*growing // those the flusher watches
	fresh   bool       // a file was created since the folder was synced
	sums    []fileSum  // of files that are complete and chained
	stopped bool       // no shell may be added; Seal or Close has begun

	// The flusher's. It owns chain until done is closed, then Seal does.
	chain   *chain
	pending atomic.Int64
	dirty   chan struct{} // holds one token while something waits
	full    chan struct{} // holds one token while flushBytes wait
	stop    chan struct{}
	done    chan struct{}
}

// ID is the visit's id.
func (r *Recording) ID() string { return r.opened.ID }

// Head is where the chain stands on disk. It is never ahead of the disk.
func (r *Recording) Head() Head { return *r.head.Load() }

// Err is nil while the recording goes on, and the same [Failure] for ever after
// it failed.
func (r *Recording) Err() error {
	if f := r.failure.Load(); f != nil {
		return f
	}
	return nil
}

// Failed is closed when the recording has failed. Then the visit must end.
func (r *Recording) Failed() <-chan struct{} { return r.failed }

// fail ends the recording for ever. It returns the first failure.
func (r *Recording) fail(cause error) error {
	r.failOnce.Do(func() {
		r.failure.Store(newFailure(cause))
		close(r.failed)
	})
	return r.Err()
}

// Event puts an event on the timeline, written before it returns. The kind is
// up to 32 lower case letters, dots and dashes, and none that this package
// writes itself; data becomes JSON of at most 1 MiB. An event that can't be
// encoded is an error and does not end the recording; one that can't be
// written does.
func (r *Recording) Event(kind string, data any) error {
	switch kind {
	case KindOpened, KindShell, KindExit, KindScreen, KindScreenSize, KindScreenEnd, KindEnded, KindTorn:
		return fmt.Errorf("event %s is written by the recording itself", kind)
	}
	if !eventKind.MatchString(kind) {
		return fmt.Errorf("event %q is no kind: up to 32 lower case letters, dots and dashes are", kind)
	}
	return r.event(kind, data)
}

func (r *Recording) event(kind string, data any) error {
	if err := r.Err(); err != nil {
		return err
	}
	n, err := r.timeline.add(kind, data)
	if disk := new(diskError); errors.As(err, &disk) {
		return r.fail(fmt.Errorf("write an event: %w", disk.error))
	}
	if err == nil {
		r.grew(n)
	}
	return err
}

// grew tells the flusher that n more bytes wait.
func (r *Recording) grew(n int) {
	wake(r.dirty)
	if r.pending.Add(int64(n)) >= flushBytes {
		wake(r.full)
	}
}

func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// flusher flushes until it is stopped or fails. It sleeps while nothing waits.
func (r *Recording) flusher() {
	defer close(r.done)
	timer := time.NewTimer(flushEvery)
	defer timer.Stop()
	for {
		select {
		case <-r.dirty:
		case <-r.stop:
			return
		}
		timer.Reset(flushEvery)
		select {
		case <-timer.C:
		case <-r.full:
		case <-r.stop:
			return
		}
		if err := r.flush(); err != nil {
			_ = r.fail(fmt.Errorf("flush: %w", err)) // Err has it
			return
		}
	}
}

// flush puts all that was written on disk and extends the chain.
func (r *Recording) flush() error {
	r.pending.Store(0)
	r.mu.Lock()
	files, fresh := r.files, r.fresh
	r.fresh = false
	r.mu.Unlock()
	if fresh {
		if err := r.dir.sync(); err != nil {
			return err
		}
	}
	ended := make([]bool, len(files)) // before the sizes are looked at
	for i, g := range files {
		ended[i] = g.ended.Load()
	}
	if _, err := r.chain.extend(files); err != nil {
		return err
	}
	head := r.chain.head
	r.head.Store(&head)
	r.retire(files, ended)
	return nil
}

// retire closes the files that ended and are chained to their end.
func (r *Recording) retire(files []*growing, ended []bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := make([]*growing, 0, len(r.files))
	for i, g := range files {
		if !ended[i] || g.written.Load() != g.chained {
			kept = append(kept, g)
			continue
		}
		r.sums = append(r.sums, g.sum())
		g.f.Close()
	}
	r.files = append(kept, r.files[len(files):]...)
}

// watch hands a file to the flusher. The caller holds mu.
func (r *Recording) watch(g *growing) {
	r.files = append(r.files, g)
	r.fresh = true
}

// halt stops the flusher and lets nothing in any more: no shell, and no byte
// of those there are.
func (r *Recording) halt() error {
	r.mu.Lock()
	if r.stopped {
		r.mu.Unlock()
		return ErrSealed
	}
	r.stopped = true
	shells, frames, copies := r.shells, r.frames, r.copies
	r.mu.Unlock()
	for _, s := range shells {
		s.cutOff()
	}
	for _, f := range frames {
		_ = f.Close() // a failure is the recording's
	}
	for _, f := range copies {
		f.end()
	}
	close(r.stop)
	<-r.done
	return nil
}

// release closes the files; the recording is of no use afterwards.
func (r *Recording) release() {
	r.closeFiles()
	r.lib.forget(r.opened.ID)
}

func (r *Recording) closeFiles() {
	for _, g := range r.files {
		g.f.Close()
	}
	if r.chain != nil {
		r.chain.file.f.Close()
	}
	_ = r.dir.close() // its files were synced before
}

// fill writes the first files: visit.json, the timeline with its first event,
// the chain with its first line.
func (r *Recording) fill() error {
	text, err := r.opened.encode()
	if err != nil {
		return err
	}
	visit, err := r.create(visitFile)
	if err != nil {
		return err
	}
	r.watch(visit)
	if err := visit.append(text); err != nil {
		return err
	}
	visit.ended.Store(true)
	lines, err := r.create(timelineFile)
	if err != nil {
		return err
	}
	r.watch(lines)
	r.timeline = &timeline{start: time.Now(), file: lines}
	if _, err := r.timeline.add(KindOpened, r.opened); err != nil {
		return err
	}
	if err := r.dir.reserve(reserveFile, reserveSize); err != nil {
		return err
	}
	links, err := r.create(chainFile)
	if err != nil {
		return err
	}
	r.chain = &chain{file: links}
	return r.flush()
}

// create makes a file that grows and must not exist.
func (r *Recording) create(name string) (*growing, error) {
	f, err := r.dir.create(name)
	if err != nil {
		return nil, err
	}
	g, err := grow(name, f, 0, nil)
	if err != nil {
		f.Close()
	}
	return g, err
}
