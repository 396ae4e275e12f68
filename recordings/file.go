package recordings

import (
	"fmt"
	"slices"
	"sync"
)

// maxCopies bounds the copies of files in one visit, so that however many it
// moves it has numbers left for its shells and screens.
const maxCopies = maxShells - 999

// File keeps the begin of a file that a visit copied. Its methods may be called
// from any goroutine.
type File struct {
	rec  *Recording
	name string
	left int64 // bytes that it may still take

	mu     sync.Mutex // the writer's lock of file
	file   *growing
	closed bool
}

// File starts the copy of a file that goes through the visit. It is nil where
// the configuration keeps none, or the visit has as many copies as it can have;
// then all methods do nothing.
func (r *Recording) File() (*File, error) {
	limit := r.lib.cfg.CopyFilesKiB << 10
	if err := r.Err(); err != nil || limit == 0 {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stopped {
		return nil, ErrSealed
	}
	if r.count >= maxCopies {
		return nil, nil
	}
	name := fmt.Sprintf("%03d.file", r.count+1)
	g, err := r.create(name)
	if err != nil {
		return nil, r.fail(fmt.Errorf("start the copy of a file: %w", err))
	}
	r.count++
	r.watch(g)
	f := &File{rec: r, name: name, left: limit, file: g}
	r.copies = append(slices.Clone(r.copies), f)
	return f, nil
}

// Name is the file's name in the recording's folder; empty for none.
func (f *File) Name() string {
	if f == nil {
		return ""
	}
	return f.name
}

// Append keeps bytes that come next, as long as there is room for them. When it
// returns nil they may go on.
func (f *File) Append(p []byte) error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return ErrSealed
	}
	if err := f.rec.Err(); err != nil {
		return err
	}
	p = p[:min(int64(len(p)), f.left)]
	if len(p) == 0 {
		return nil
	}
	if err := f.file.append(p); err != nil {
		return f.rec.fail(fmt.Errorf("write the copy of a file: %w", err))
	}
	f.left -= int64(len(p))
	f.rec.grew(len(p))
	return nil
}

// Close ends the copy.
func (f *File) Close() {
	if f == nil {
		return
	}
	f.end()
	r := f.rec
	r.mu.Lock()
	defer r.mu.Unlock()
	r.copies = slices.DeleteFunc(slices.Clone(r.copies), func(o *File) bool { return o == f })
}

func (f *File) end() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.closed {
		f.closed = true
		f.file.end()
	}
}
