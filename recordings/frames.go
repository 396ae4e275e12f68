package recordings

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"accord/recordings/framelog"
	"accord/recordings/rfb"
)

// FramesInfo says how a screen is recorded.
type FramesInfo struct {
	Name string `json:"name,omitempty"` // of the screen, clean
	// Rate is how many pictures a second are taken at most, 1 to 20; 0 is 5.
	Rate int `json:"rate"`
	// Strict keeps every picture exactly, however many bytes video takes.
	Strict bool `json:"strict,omitempty"`
}

const (
	framesRate    = 5 // pictures a second
	maxFramesRate = 20
	maxFramesName = 1024 // bytes

	// framesFlush is how old what waits for the file may get. With the rest
	// between two pictures it stays below a second, so that [Frames.Gate] holds
	// nobody up who records onto a disk that answers.
	framesFlush = 600 * time.Millisecond
	// framesLag is how far the recorder may be behind.
	framesLag = time.Second

	// A file is followed by another when it has become as old, or as large.
	framesAge  = 24 * time.Hour
	framesSize = 2 << 30
)

// Frames records one screen. All methods may be called from any goroutine.
//
// Its goroutine looks at the screen when there is something new, at most Rate
// times a second, and writes what has changed. A slow disk costs pictures, never
// memory: what the screen shows meanwhile is looked at afterwards.
type Frames struct {
	rec   *Recording
	info  FramesInfo
	view  *rfb.View
	every time.Duration // between two pictures

	woken chan struct{} // holds one token while there is work
	stop  chan struct{}
	done  chan struct{} // closed when the goroutine has ended

	mu       sync.Mutex // no other lock is taken under it
	inbox    []framesInput
	lost     int       // inputs that found the inbox full
	dirty    time.Time // when the oldest picture came that was not looked at; zero for none
	waiting  time.Time // the same of one that is not in the file
	progress chan struct{}
	stopped  bool
	err      error // set before done is closed

	// The goroutine's.
	log           *framelog.Writer
	file          *growing
	name          string
	start         time.Time // of the file
	due           time.Time // of the next picture
	width, height int
	paused        bool
	more          bool // not all is in the file, or not as it shall be
}

// framesInput is something that happened at the screen.
type framesInput struct {
	at      time.Time
	pointer bool
	x, y    int
	buttons uint8
	write   func(w *framelog.Writer, t time.Duration) error // nil for a pointer
}

// maxInbox bounds the inputs that wait for the recorder.
const maxInbox = 1024

// Frames starts the recorder of a screen. Close it when the screen is no longer
// shown; the end of the recording closes it too.
func (r *Recording) Frames(info FramesInfo, s *rfb.Screen) (*Frames, error) {
	if len(info.Name) > maxFramesName {
		return nil, fmt.Errorf("the name of a screen may have %d bytes", maxFramesName)
	}
	if info.Rate == 0 {
		info.Rate = framesRate
	}
	info.Rate = min(max(info.Rate, 1), maxFramesRate)
	if err := r.Err(); err != nil {
		return nil, err
	}
	f := &Frames{
		rec: r, info: info, every: time.Second / time.Duration(info.Rate),
		woken: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}), progress: make(chan struct{}),
	}
	if err := f.begin(); err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		f.file.end()
		return nil, ErrSealed
	}
	r.frames = append(slices.Clone(r.frames), f)
	f.view = s.View()
	go f.run()
	return f, nil
}

// begin starts a file, the screen's first or one that follows another.
func (f *Frames) begin() error {
	r := f.rec
	r.mu.Lock()
	err := f.create()
	r.mu.Unlock()
	if err != nil {
		return err
	}
	return r.event(KindScreen, struct {
		Frames string `json:"frames"`
		FramesInfo
	}{f.name, f.info})
}

// create makes the file with its header and hands it to the flusher. The caller
// holds the recording's lock.
func (f *Frames) create() error {
	r := f.rec
	if r.stopped {
		return ErrSealed
	}
	if r.count == maxShells {
		return fmt.Errorf("this visit has %d shells and screens already: ask for another visit", maxShells)
	}
	name := fmt.Sprintf("%03d.frames", r.count+1)
	file, err := r.create(name)
	if err != nil {
		return r.fail(fmt.Errorf("start a frame log: %w", err))
	}
	r.count++
	f.name, f.file, f.start = name, file, time.Now()
	r.watch(file)
	r.logs++
	f.log, err = framelog.NewWriter(f, framelog.Meta{
		Start: f.start, Visit: r.opened.ID, Name: f.info.Name, Rate: f.info.Rate, Strict: f.info.Strict,
	})
	if err != nil {
		file.end()
		return r.fail(fmt.Errorf("start a frame log: %w", err))
	}
	return f.log.Paused(0, f.paused)
}

// Write appends to the file; only the frame log's writer calls it.
func (f *Frames) Write(p []byte) (int, error) {
	if err := f.rec.Err(); err != nil {
		return 0, err
	}
	if err := f.file.append(p); err != nil {
		return 0, f.rec.fail(fmt.Errorf("write a frame log: %w", err))
	}
	f.rec.grew(len(p))
	return len(p), nil
}

// Close writes what is shown now and ends the file. It waits for the disk, and
// returns why the recording has failed, if it has. Further calls do nothing.
func (f *Frames) Close() error {
	f.mu.Lock()
	stopped := f.stopped
	f.stopped = true
	f.mu.Unlock()
	if !stopped {
		close(f.stop)
	}
	<-f.done
	f.rec.dropFrames(f)
	return f.err
}

// dropFrames forgets a screen that is closed.
func (r *Recording) dropFrames(f *Frames) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.frames = slices.DeleteFunc(slices.Clone(r.frames), func(o *Frames) bool { return o == f })
}

// run is the recorder.
func (f *Frames) run() {
	defer close(f.done)
	defer f.view.Close()
	defer func() { f.file.end() }()
	timer := time.NewTimer(framesAge)
	defer timer.Stop()
	for {
		select {
		case <-f.view.News():
		case <-f.woken:
		case <-timer.C:
		case <-f.stop:
			f.err = f.finish()
			return
		case <-f.rec.failed:
			f.err = f.rec.Err()
			return
		}
		if rest := time.Until(f.due); rest > 0 {
			timer.Reset(rest)
			select {
			case <-timer.C:
			case <-f.stop:
				f.err = f.finish()
				return
			}
		}
		if f.err = f.work(); f.err != nil {
			f.err = f.rec.fail(fmt.Errorf("write a frame log: %w", f.err))
			return
		}
		timer.Reset(f.rest())
	}
}

// rest is how long the recorder may sleep if nothing happens.
func (f *Frames) rest() time.Duration {
	if f.more {
		return f.every
	}
	return framesAge
}

// work looks at the screen and writes what there is to write.
func (f *Frames) work() error {
	began := time.Now()
	if began.Sub(f.start) >= framesAge || f.log.Size() >= framesSize {
		if err := f.turn(); err != nil {
			return err
		}
	}
	if err := f.shoot(); err != nil {
		return err
	}
	now := time.Since(f.start)
	if f.log.Waits(now) >= framesFlush {
		if err := f.log.Flush(); err != nil {
			return err
		}
	}
	f.arrived()
	if missed := int(time.Since(began) / f.every); missed > 0 {
		if err := f.log.Dropped(time.Since(f.start), missed); err != nil {
			return err
		}
	}
	f.more = f.log.Waits(now) > 0 || f.log.Unsettled()
	f.due = began.Add(f.every)
	return nil
}

// shoot writes what happened, and takes a picture.
func (f *Frames) shoot() error {
	f.mu.Lock()
	inbox, lost := f.inbox, f.lost
	f.inbox, f.lost = nil, 0
	if f.waiting.IsZero() {
		f.waiting = f.dirty
	}
	f.dirty = time.Time{}
	f.mu.Unlock()
	if f.width == 0 {
		if err := f.picture(); err != nil { // before which there is nothing to write to
			return err
		}
	}
	for _, in := range inbox {
		if err := f.input(in); err != nil {
			return err
		}
	}
	if lost > 0 {
		if err := f.log.Mark(time.Since(f.start), map[string]any{"kind": "lost", "inputs": lost}); err != nil {
			return err
		}
	}
	return f.picture()
}

// picture writes what has changed on the screen.
func (f *Frames) picture() error {
	now := time.Since(f.start)
	width, height := f.width, f.height
	f.view.Take(func(c rfb.Changes) {
		f.log.Look(now, c)
		width, height = c.Frame.Width, c.Frame.Height
	})
	for _, r := range f.log.PutOff() {
		f.view.Invalidate(r)
	}
	if err := f.log.Put(now); err != nil {
		return err
	}
	return f.sized(width, height)
}

func (f *Frames) input(in framesInput) error {
	t := in.at.Sub(f.start)
	if in.pointer {
		return f.log.Pointer(t, in.x, in.y, in.buttons)
	}
	return in.write(f.log, t)
}

// sized tells the timeline when the screen has another size.
func (f *Frames) sized(width, height int) error {
	if width == f.width && height == f.height {
		return nil
	}
	f.width, f.height = width, height
	return f.rec.event(KindScreenSize, struct {
		Frames string `json:"frames"`
		Width  int    `json:"width"`
		Height int    `json:"height"`
	}{f.name, width, height})
}

// arrived lets those go on who wait for what is in the file now.
func (f *Frames) arrived() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.log.Waits(0) == 0 {
		f.waiting = time.Time{}
	}
	close(f.progress)
	f.progress = make(chan struct{})
}

// turn ends the file and begins the next.
func (f *Frames) turn() error {
	if err := f.end(); err != nil {
		return err
	}
	f.file.end()
	f.width, f.height = 0, 0
	return f.begin()
}

// finish writes the state that is shown, and the end.
func (f *Frames) finish() error {
	err := f.rec.Err()
	if err == nil {
		f.log.Finish()
		err = f.shoot()
	}
	if err == nil {
		err = f.end()
	}
	if err != nil && !errors.Is(err, ErrSealed) {
		err = f.rec.fail(fmt.Errorf("end a frame log: %w", err))
	}
	return err
}

func (f *Frames) end() error {
	if err := f.log.Close(time.Since(f.start)); err != nil {
		return err
	}
	return f.rec.event(KindScreenEnd, struct {
		Frames string `json:"frames"`
	}{f.name})
}
