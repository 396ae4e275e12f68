package recordings

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// Library is the folder of all recordings. One process at a time has it open.
// All methods may be called from any goroutine.
type Library struct {
	cfg      Config
	sign     Sign
	root     *os.Root
	lock     *os.File
	encoders sync.Pool

	mu     sync.Mutex
	open   map[string]*Recording // by visit; nil while one is made or recovered
	closed bool
}

// Open opens the folder of recordings, and makes it when it is missing. It
// fails when the folder can't be written or another process has it open
// ([ErrInUse]): without recordings there are no visits.
func Open(cfg Config, sign Sign) (*Library, error) {
	if err := cfg.Check(); err != nil {
		return nil, err
	}
	if sign == nil {
		return nil, errors.New("recordings need a key to seal them with")
	}
	l, err := open(cfg, sign)
	if err != nil {
		return nil, fmt.Errorf("recordings.dir %s can't be used: %w", cfg.Dir, err)
	}
	return l, nil
}

func open(cfg Config, sign Sign) (_ *Library, err error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(cfg.Dir)
	if err != nil {
		return nil, err
	}
	l := &Library{cfg: cfg, sign: sign, root: root, open: make(map[string]*Recording)}
	l.encoders.New = func() any { return new(encoder) }
	defer func() {
		if err != nil {
			l.closeFiles()
		}
	}()
	if l.lock, err = lockFolder(root, cfg.Dir); err != nil {
		return nil, err
	}
	return l, l.probe()
}

// probe writes a file and takes it away again.
func (l *Library) probe() error {
	const name = ".probe"
	d := folder{l.root}
	if err := d.remove(name); err != nil {
		return err
	}
	if err := d.write(name, []byte("probe\n")); err != nil {
		return err
	}
	return d.remove(name)
}

// Close stops the recordings that still run, without sealing them: the next
// [Library.Recover] closes them as interrupted. It waits for their goroutines.
func (l *Library) Close() error {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil
	}
	l.closed = true
	running := make([]*Recording, 0, len(l.open))
	for _, r := range l.open {
		if r != nil {
			running = append(running, r)
		}
	}
	l.mu.Unlock()
	var errs []error
	for _, r := range running {
		if r.halt() == nil {
			if r.Err() == nil {
				errs = append(errs, r.flush())
			}
			r.release()
		}
	}
	l.closeFiles()
	return errors.Join(errs...)
}

func (l *Library) closeFiles() {
	l.root.Close()
	if l.lock != nil {
		l.lock.Close()
	}
}

// claim takes a visit for this process to write to; forget gives it back.
func (l *Library) claim(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return errors.New("the recordings are closed")
	}
	if _, taken := l.open[id]; taken {
		return ErrExists
	}
	l.open[id] = nil
	return nil
}

func (l *Library) forget(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, id)
}

// Create starts the recording of a visit. Its folder must not exist
// ([ErrExists]). When it returns, the folder is on disk and the chain has its
// first line. Every other error is a [Failure]: there can be no visit.
func (l *Library) Create(v Visit) (*Recording, error) {
	v.State, v.End = StateOpen, nil
	v = v.normal()
	if err := v.check(); err != nil {
		return nil, newFailure(err)
	}
	err := l.claim(v.ID)
	var r *Recording
	if err == nil {
		if r, err = l.create(v); err != nil {
			l.forget(v.ID)
		}
	}
	if errors.Is(err, ErrExists) {
		return nil, ErrExists
	}
	if err != nil {
		return nil, newFailure(fmt.Errorf("start the recording %s: %w", v.ID, err))
	}
	l.mu.Lock()
	l.open[v.ID] = r
	l.mu.Unlock()
	go r.flusher()
	return r, nil
}

// create builds the folder under a hidden name and moves it to its place, so
// that a folder in its place always has a chain.
func (l *Library) create(v Visit) (*Recording, error) {
	if err := l.checkSpace(); err != nil {
		return nil, err
	}
	day, err := l.makeDay(v.ID)
	if err != nil {
		return nil, err
	}
	name, hidden := filepath.Join(day, v.ID), filepath.Join(day, hiddenPrefix+v.ID)
	if (folder{l.root}).exists(name) {
		return nil, ErrExists
	}
	if err := l.root.Mkdir(hidden, 0o700); err != nil {
		return nil, err
	}
	r, err := l.begin(hidden, v)
	if err != nil {
		return nil, errors.Join(err, l.root.RemoveAll(hidden))
	}
	if err = l.root.Rename(hidden, name); err == nil {
		err = syncDir(l.root, day)
	}
	if err != nil {
		r.closeFiles()
		return nil, errors.Join(err, l.root.RemoveAll(hidden))
	}
	return r, nil
}

// hiddenPrefix starts the name of a folder that isn't ready.
const hiddenPrefix = ".new-"

// makeDay makes the folders of a visit's day and puts their names on disk.
func (l *Library) makeDay(id string) (string, error) {
	year, month, day, err := visitDay(id)
	if err != nil {
		return "", err
	}
	parent := "."
	for _, part := range []string{year, month, day} {
		path := filepath.Join(parent, part)
		err := l.root.Mkdir(path, 0o700)
		if err == nil {
			err = syncDir(l.root, parent)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		parent = path
	}
	return parent, nil
}

// checkSpace refuses to start on a disk that is nearly full.
func (l *Library) checkSpace() error {
	bytes, err := freeSpace(l.lock, l.cfg.Dir)
	if err != nil {
		return wrapSyscall("look for free space in", l.cfg.Dir, err)
	}
	if free := bytes >> 20; free < l.cfg.MinFreeMiB {
		return fmt.Errorf("%d MiB are free in %s, recordings.min_free_mib asks for %d: %w",
			free, l.cfg.Dir, l.cfg.MinFreeMiB, errNoSpace)
	}
	return nil
}

// begin opens a new folder and fills it.
func (l *Library) begin(path string, v Visit) (*Recording, error) {
	root, err := l.root.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	r := &Recording{
		lib: l, dir: folder{root}, opened: v,
		failed: make(chan struct{}), dirty: make(chan struct{}, 1), full: make(chan struct{}, 1),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	if err := r.fill(); err != nil {
		r.closeFiles()
		return nil, err
	}
	return r, nil
}
