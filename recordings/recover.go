package recordings

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Recovered is a recording that [Library.Recover] found without a seal.
type Recovered struct {
	ID  string
	Dir string
	// Head is the sealed head.
	Head Head
	// End says how it was closed: interrupted, or complete if only the seal
	// itself was missing.
	End End
	// Err is why it could not be closed. The folder was left as it is.
	Err error
}

// Recover closes what a crash left: every recording without a seal that is not
// running in this process gets one. Bytes that were written but not chained
// are chained; a last line that was cut stays as it is. A folder that is not
// what its chain says, or can't be written, is left alone and reported by
// name, and does not keep the others from being closed. The error is the
// context's, or about a folder that can't be listed.
func (l *Library) Recover(ctx context.Context) ([]Recovered, error) {
	var done []Recovered
	var errs []error
	for day, err := range l.days("") {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		names, err := (folder{l.root}).list(day)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, name := range names {
			if err := context.Cause(ctx); err != nil {
				return done, err
			}
			if r, found := l.recoverAt(day, name); found {
				done = append(done, r)
			}
		}
	}
	return done, errors.Join(errs...)
}

// recoverAt closes one folder, if it is one that has to be closed. What a crash
// left of a folder that was not ready is removed: that visit never opened.
func (l *Library) recoverAt(day, name string) (r Recovered, found bool) {
	id, hidden := strings.CutPrefix(name, hiddenPrefix)
	path := filepath.Join(day, name)
	if !visitID.MatchString(id) || !hidden && (folder{l.root}).exists(filepath.Join(path, sealFile)) {
		return r, false
	}
	if l.claim(id) != nil {
		return r, false
	}
	defer l.forget(id)
	r = Recovered{ID: id, Dir: filepath.Join(l.cfg.Dir, path)}
	if hidden {
		r.Err = l.root.RemoveAll(path)
		return r, r.Err != nil
	}
	root, err := l.root.OpenRoot(path)
	if err != nil {
		r.Err = fmt.Errorf("recover the recording %s: %w", id, err)
		return r, true
	}
	defer root.Close()
	w := wreck{id: id, dir: folder{root}}
	if err := w.close(l.sign); err != nil {
		r.Err = fmt.Errorf("recover the recording %s: %w", id, err)
		return r, true
	}
	r.Head, r.End = w.chain.head, w.end
	return r, true
}

// wreck is a recording that a crash left.
type wreck struct {
	id    string
	dir   folder
	found *survey
	story story

	chain *chain
	files []*growing
	end   End
}

func (w *wreck) close(sign Sign) (err error) {
	if err := w.examine(); err != nil {
		return err
	}
	defer w.closeFiles()
	if err := w.reopen(); err != nil {
		return err
	}
	if err := w.tellEnd(); err != nil {
		return err
	}
	if _, err := w.chain.extend(w.files); err != nil {
		return err
	}
	sums := make([]fileSum, len(w.files))
	for i, g := range w.files {
		sums[i] = g.sum()
	}
	return conclude(w.dir, sign, w.story.opened.with(w.end), w.chain, sums)
}

// examine refuses a folder that is not what its chain says: a seal would give
// credit to whoever changed it.
func (w *wreck) examine() (err error) {
	if w.found, err = w.dir.survey(nil); err != nil {
		return err
	}
	if len(w.found.problems) > 0 {
		return asError(w.found.problems)
	}
	if w.story, err = w.dir.story(); err != nil {
		return err
	}
	text, err := w.story.opened.encode()
	if err != nil {
		return err
	}
	if w.story.opened.ID != w.id || sumOf(text) != w.found.first {
		return errors.New("its timeline opens with another visit than its chain")
	}
	return nil
}

// reopen opens the files where the chain left them. What stands in the way of
// finishing is removed: blocks held back, files not in their place yet, and a
// line of the chain that was cut, which nobody was told of.
func (w *wreck) reopen() error {
	for _, name := range []string{reserveFile, visitFile + fresh, sealFile + fresh} {
		if err := w.dir.remove(name); err != nil {
			return err
		}
	}
	f, err := w.dir.reopen(chainFile)
	if err != nil {
		return err
	}
	w.chain = &chain{head: w.found.head}
	if err = f.Truncate(w.found.size); err == nil {
		w.chain.file, err = grow(chainFile, f, w.found.size, w.found.whole)
	}
	if err != nil {
		f.Close()
		return err
	}
	names, err := w.dir.names()
	if err != nil {
		return err
	}
	for _, name := range names {
		if name == timelineFile || shows(name) || fileName.MatchString(name) {
			if err := w.reopenFile(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *wreck) reopenFile(name string) error {
	f, err := w.dir.reopen(name)
	if err != nil {
		return err
	}
	c := w.found.files[name]
	if c == nil {
		c = &covered{}
	}
	g, err := grow(name, f, c.size, c.whole)
	if err != nil {
		f.Close()
		return err
	}
	w.files = append(w.files, g)
	return nil
}

// tellEnd puts the end on the timeline, if it isn't there.
func (w *wreck) tellEnd() error {
	at := slices.IndexFunc(w.files, func(g *growing) bool { return g.name == timelineFile })
	if at < 0 {
		return errors.New("its timeline is missing")
	}
	lines := w.files[at]
	if w.story.end != nil {
		w.end = *w.story.end
		return w.checkTails(lines)
	}
	last := make([]byte, 1)
	if _, err := lines.f.ReadAt(last, lines.written.Load()-1); err != nil && err != io.EOF {
		return err
	}
	if last[0] != '\n' {
		if err := lines.append([]byte("\n")); err != nil {
			return err
		}
	}
	w.end = End{
		State: StateInterrupted, Ended: stamp(w.found.time), By: "gateway",
		Cause: "The gateway stopped during the visit. The recording was closed when it was started again.",
	}
	for _, g := range w.files {
		switch {
		case castName.MatchString(g.name):
			w.end.Shells++
			w.end.Bytes += g.written.Load()
		case framesName.MatchString(g.name):
			w.end.Screens++
			w.end.Bytes += g.written.Load()
		}
	}
	t := timeline{start: w.story.opened.Opened, file: lines}
	_, err := t.add(KindEnded, w.end)
	return err
}

// checkTails refuses files that grew after the end was chained: the last flush
// covers everything.
func (w *wreck) checkTails(lines *growing) error {
	if lines.written.Load() != lines.chained {
		return nil
	}
	for _, g := range w.files {
		if g.written.Load() != g.chained {
			return asError([]Problem{{File: g.name, From: g.chained, To: g.written.Load(), After: w.end.Ended, What: whatAdded + " after the end of the visit"}})
		}
	}
	return nil
}

func (w *wreck) closeFiles() {
	if w.chain != nil && w.chain.file != nil {
		w.chain.file.f.Close()
	}
	for _, g := range w.files {
		g.f.Close()
	}
}
