package tui

import (
	"io"
	"time"
)

// story is a visit's happenings as a shell of its own that the player can show:
// a line for each.
type story struct {
	width, height int
	title         string
	lines         []storyLine
}

type storyLine struct {
	at   time.Duration
	text string // with its time
	told string // and without, as a mark; "" for none
}

// withStory adds the happenings to a recording as its last track, and alone where
// there is nothing else to show: of a visit that copied files there is no
// picture.
func withStory(rec Recording, ph *Phrases, size Size) Recording {
	tell := len(rec.Tracks) == 0 && len(rec.Story) > 0
	s := &story{width: max(size.Width, 40), height: max(size.Height-2, 3), title: rec.Title}
	for _, h := range rec.Story {
		line := storyLine{at: h.At, text: ph.StoryLine(h)}
		if h.marked() {
			tell, line.told = true, ph.Happening(h)
		}
		s.lines = append(s.lines, line)
	}
	if tell {
		rec.Tracks = append(rec.Tracks[:len(rec.Tracks):len(rec.Tracks)], Track{Name: ph.Say("StoryName"), Source: s})
	}
	return rec
}

// Header implements [Source].
func (s *story) Header() (width, height int, title string) { return s.width, s.height, s.title }

// ReadAt reads a line, and after it its mark.
func (s *story) ReadAt(pos int64) (Event, int64, error) {
	if pos/2 >= int64(len(s.lines)) {
		return Event{}, pos, io.EOF
	}
	line := s.lines[pos/2]
	if pos%2 == 1 {
		return Event{At: line.at, Kind: EventMark, Data: []byte(line.told)}, pos + 1, nil
	}
	end := ""
	if pos > 0 {
		end = "\r\n"
	}
	next := pos + 1
	if line.told == "" {
		next++
	}
	return Event{At: line.at, Kind: EventOutput, Data: []byte(end + line.text)}, next, nil
}

// texts are all lines.
func (s *story) texts() []string {
	list := make([]string, len(s.lines))
	for i, line := range s.lines {
		list[i] = line.text
	}
	return list
}
