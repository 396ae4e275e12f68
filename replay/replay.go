// Package replay plays what was recorded: it hands the casts of recordings to
// the player of tui.
package replay

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// Play plays a visit's folder, a single cast of any origin, or a frame log, on a
// terminal.
func Play(ctx context.Context, t *tui.Terminal, path string) error {
	rec, done, err := load(path, nil)
	if err != nil {
		return err
	}
	defer done()
	return tui.Play(ctx, t, rec)
}

// load opens what there is to play. Screens are shown on s if it is not nil.
func load(path string, s *stage) (tui.Recording, func(), error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return tui.Recording{}, nil, fmt.Errorf("there is nothing to play: %w", err)
	case info.IsDir():
		return visit(path, s)
	case framesFile(path):
		return frames(path, s)
	}
	return cast(path)
}

// frames is a single frame log as a recording.
func frames(path string, s *stage) (tui.Recording, func(), error) {
	p, err := openPictures(path, s)
	if err != nil {
		return tui.Recording{}, nil, err
	}
	name := wire.Clean(p.name(filepath.Base(path)), wire.MaxName)
	return tui.Recording{Title: name, Tracks: []tui.Track{{Name: name, Pictures: p}}}, p.close, nil
}

// cast is a single file as a recording.
func cast(path string) (tui.Recording, func(), error) {
	s, err := open(path)
	if err != nil {
		return tui.Recording{}, nil, err
	}
	return tui.Recording{Title: s.title, Tracks: []tui.Track{{Name: wire.Clean(filepath.Base(path), wire.MaxName), Source: s}}}, s.close, nil
}

// visit is a whole visit as a recording: its casts and frame logs, each from when
// it began. One that can't be read is said, and the others play.
func visit(dir string, stage *stage) (tui.Recording, func(), error) {
	text, err := os.ReadFile(filepath.Join(dir, "visit.json"))
	if err != nil {
		return tui.Recording{}, nil, fmt.Errorf("this folder holds no recording: %w", err)
	}
	var v recordings.Visit
	if err := json.Unmarshal(text, &v); err != nil {
		return tui.Recording{}, nil, fmt.Errorf("visit.json can't be read, `accord verify` says more: %w", err)
	}
	rec := tui.Recording{Title: title(v), Notice: notice(v)}
	var starts map[string]time.Duration
	rec.Story, starts = storyOf(dir)
	names, err := numbered(dir, ".*")
	if err != nil {
		return tui.Recording{}, nil, err
	}
	var closers []func()
	for _, name := range names {
		track, done, err := track(name, stage)
		if err != nil {
			rec.Notice = wire.Clean(err.Error(), wire.MaxReason)
			continue
		}
		if done == nil {
			continue
		}
		closers = append(closers, done)
		track.Offset = starts[filepath.Base(name)]
		rec.Tracks = append(rec.Tracks, track)
	}
	return rec, func() {
		for _, done := range closers {
			done()
		}
	}, nil
}

// numbered are the files of a visit's folder whose names begin with a number and
// end so, in their order.
func numbered(dir, end string) ([]string, error) {
	names, err := fs.Glob(os.DirFS(dir), "[0-9][0-9][0-9]*"+end)
	for i, name := range names {
		names[i] = filepath.Join(dir, name)
	}
	return names, err
}

// track opens a file of a visit; done is nil for one that is nothing to play.
func track(name string, stage *stage) (_ tui.Track, done func(), err error) {
	base := filepath.Base(name)
	switch filepath.Ext(name) {
	case ".cast":
		s, err := open(name)
		if err != nil {
			return tui.Track{}, nil, err
		}
		return tui.Track{Name: wire.Clean(s.name(base), wire.MaxName), Source: s}, s.close, nil
	case ".frames":
		p, err := openPictures(name, stage)
		if err != nil {
			return tui.Track{}, nil, err
		}
		return tui.Track{Name: wire.Clean(p.name(base), wire.MaxName), Pictures: p}, p.close, nil
	}
	return tui.Track{}, nil, nil
}

func title(v recordings.Visit) string {
	return wire.Clean(fmt.Sprintf("%s on %s, %s", v.Technician.Name, v.Device.Name, v.Opened.Local().Format("2 January 2006 15:04")), wire.MaxLine)
}

func notice(v recordings.Visit) string {
	switch {
	case v.State == recordings.StateInterrupted && v.End != nil:
		return wire.Clean("interrupted: "+v.End.Cause, wire.MaxLine)
	case v.End == nil:
		return "this visit has no end yet"
	}
	return ""
}

// indexEvery is how many events lie between two kept places.
const indexEvery = 256

// source is a cast as the player reads it: a position is the number of the
// event. Places are kept for every 256th.
type source struct {
	cast  *recordings.Cast
	raw   bool // it is of a terminal; else a line ends with LF alone
	title string
	kept  []recordings.Pos // of events 0, 256, …
	at    recordings.Pos   // of event number
	index int64
}

func open(path string) (*source, error) {
	c, err := recordings.OpenCast(path)
	if err != nil {
		return nil, err
	}
	h := c.Header()
	s := &source{cast: c, raw: h.PTY || h.Visit == "", kept: []recordings.Pos{{}}}
	s.title = wire.Clean(h.Title, wire.MaxLine)
	if s.title == "" {
		s.title = wire.Clean(filepath.Base(path), wire.MaxLine)
	}
	return s, nil
}

func (s *source) close() { _ = s.cast.Close() }

// name says what ran in the shell.
func (s *source) name(file string) string {
	if h := s.cast.Header(); h.Command != "" {
		return file + " " + h.Command
	}
	return file
}

func (s *source) Header() (width, height int, title string) {
	h := s.cast.Header()
	return h.Width, h.Height, s.title
}

func (s *source) ReadAt(pos int64) (tui.Event, int64, error) {
	if err := s.seek(pos); err != nil {
		return tui.Event{}, pos, err
	}
	e, err := s.step()
	if err != nil {
		return tui.Event{}, pos, err
	}
	return event(e, s.raw), s.index, nil
}

// seek goes to an event by its number, from the nearest place that is known.
func (s *source) seek(pos int64) error {
	if pos < 0 {
		return errors.New("a place before the beginning")
	}
	near := min(pos/indexEvery, int64(len(s.kept)-1))
	if s.index > pos || s.index < near*indexEvery {
		s.at, s.index = s.kept[near], near*indexEvery
	}
	for s.index < pos {
		if _, err := s.step(); err != nil {
			return err
		}
	}
	return nil
}

func (s *source) step() (recordings.CastEvent, error) {
	e, next, err := s.cast.ReadAt(s.at)
	if err != nil {
		return e, err
	}
	s.at = next
	s.index++
	if s.index == int64(len(s.kept))*indexEvery {
		s.kept = append(s.kept, next)
	}
	return e, nil
}

// event is an event as screens take it. What no terminal has seen is text, in
// which LF begins a line.
func event(e recordings.CastEvent, raw bool) tui.Event {
	ev := tui.Event{At: e.Time, Width: e.Width, Height: e.Height}
	switch e.Kind {
	case recordings.CastOutput:
		ev.Kind, ev.Data = tui.EventOutput, []byte(e.Text)
		if !raw {
			ev.Data = bytes.ReplaceAll(ev.Data, []byte("\n"), []byte("\r\n"))
		}
	case recordings.CastResize:
		ev.Kind = tui.EventResize
	case recordings.CastMark:
		ev.Kind, ev.Data = tui.EventMark, []byte(wire.Clean(e.Text, wire.MaxLine))
	}
	return ev
}
