package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"accord/recordings/framelog"
	"accord/recordings/rfb"
	"accord/tui"
	"accord/wire"
)

// pictures is a frame log as the player reads it.
type pictures struct {
	file   *os.File
	log    *framelog.Reader
	play   *framelog.Player
	screen *rfb.Screen
	scan   int // chunk that is looked through next
	stage  *stage
}

// stage is a screen that several frame logs are shown on, one at a time.
type stage struct {
	screen *rfb.Screen
	who    *pictures // whose picture is there
}

func openPictures(path string, s *stage) (*pictures, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file: name a .frames", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	p := &pictures{file: f, screen: rfb.NewScreen(), stage: s}
	if s != nil {
		p.screen = s.screen
	}
	if p.log, err = framelog.Open(f, info.Size()); err == nil {
		p.play, err = p.log.Play()
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	return p, nil
}

func (p *pictures) close() {
	p.play.Close()
	_ = p.file.Close() // it was only read
}

// name says whose screen it is.
func (p *pictures) name(file string) string {
	if name := p.log.Meta().Name; name != "" {
		return file + " " + name
	}
	return file
}

func (p *pictures) Screen() *rfb.Screen   { return p.screen }
func (p *pictures) Length() time.Duration { return p.log.Length() }

func (p *pictures) Seek(ctx context.Context, at time.Duration) (tui.Moment, error) {
	if err := p.play.Seek(ctx, at); err != nil {
		return tui.Moment{}, err
	}
	if p.stage != nil && p.stage.who != p {
		p.stage.who = p
		p.play.Redraw()
	}
	p.play.Show(p.screen)
	p.play.Events() // the marks come from Look
	m := tui.Moment{At: p.play.At(), Next: -1, Paused: p.play.Paused()}
	if next, ok := p.play.Next(); ok {
		m.Next = next
	}
	return m, nil
}

func (p *pictures) Look(ctx context.Context) (tui.Pulse, bool) {
	if p.scan >= p.log.Chunks() {
		return tui.Pulse{}, false
	}
	a, err := p.log.Activity(ctx, p.scan)
	if err != nil {
		return tui.Pulse{}, false // the context's, or one of memory
	}
	p.scan++
	pulse := tui.Pulse{Changes: a.Pictures, Inputs: a.Inputs}
	for _, e := range a.Events {
		if text := markText(e); text != "" {
			pulse.Marks = append(pulse.Marks, tui.Bookmark{At: e.At, Text: text})
		}
	}
	return pulse, p.scan < p.log.Chunks()
}

// markText is what a mark says to a person; nothing for those that are none of
// theirs.
func markText(e framelog.Event) string {
	switch {
	case e.Kind == framelog.EventClip && e.Clip.In:
		return fmt.Sprintf("clipboard to the device: %d bytes", e.Clip.Length)
	case e.Kind == framelog.EventClip:
		return fmt.Sprintf("clipboard from the device: %d bytes", e.Clip.Length)
	case e.Kind != framelog.EventMark:
		return ""
	}
	switch m := e.Mark; m.Kind {
	case framelog.MarkName, framelog.MarkMonitors, framelog.MarkLossy:
		return ""
	case framelog.MarkPause:
		return "paused by the user"
	case framelog.MarkResume:
		return "the user went on"
	default:
		if m.Text == "" {
			return wire.Clean(m.Kind, wire.MaxLine)
		}
		return wire.Clean(m.Text, wire.MaxLine)
	}
}

// Broken names the first of what can't be read.
func (p *pictures) Broken() string {
	gaps := p.log.Gaps()
	if len(gaps) == 0 {
		return ""
	}
	g := gaps[0]
	return fmt.Sprintf("%s, %s to %s: %s", filepath.Base(p.file.Name()), g.From.Round(time.Second), g.To.Round(time.Second), g.Why)
}

// framesFile reports whether a file is a frame log by its name or its content.
func framesFile(path string) bool {
	if strings.HasSuffix(path, ".frames") {
		return true
	}
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4)
	_, err = io.ReadFull(f, head)
	return err == nil && string(head) == "\x89SFL"
}

// errNoScreen reports a visit of which no screen was recorded.
var errNoScreen = errors.New("no screen was recorded in this visit")
