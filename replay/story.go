package replay

import (
	"encoding/json"
	"net"
	"strconv"
	"time"

	"accord/recordings"
	"accord/tui"
	"accord/wire"
)

// storyMost bounds the happenings of a visit that are told.
const storyMost = 100_000

// Story makes what people read of the events of a visit's timeline. They must
// come in order, and are taken for hostile.
type Story struct {
	// Begins has files told when they begin, too.
	Begins bool

	places map[int64]string // of connections that go on, by number
	tools  map[int]string   // of sessions that copy, by number
}

// told is all that a story wants of an event's data; each kind has some of it.
type told struct {
	Command string                `json:"command"`
	Files   int                   `json:"files"`
	Tool    string                `json:"tool"`
	Path    string                `json:"path"`
	To      struct{ Path string } `json:"to"`
	Way     string                `json:"direction"`
	Bytes   int64                 `json:"bytes"`
	State   string                `json:"state"`
	Why     string                `json:"why"`
	Op      string                `json:"op"`
	Error   string                `json:"error"`
	Network string                `json:"network"`
	Host    string                `json:"host"`
	Port    int                   `json:"port"`
	Socket  string                `json:"socket"`
	Number  int64                 `json:"number"`
	Reverse bool                  `json:"reverse"`
	Choice  string                `json:"choice"`
	Granted []string              `json:"granted"`
	Wanted  []string              `json:"capabilities"`
	Left    []string              `json:"left"`
	Cause   string                `json:"cause"`
	Up      json.RawMessage       `json:"up"` // a number, or an object with bytes
	Down    json.RawMessage       `json:"down"`
}

// Tell is what people read of an event; false where they read nothing.
func (s *Story) Tell(kind string, data []byte) (tui.Happening, bool) {
	var d told
	if len(data) > 0 && json.Unmarshal(data, &d) != nil {
		return tui.Happening{}, false
	}
	var h tui.Happening
	switch kind {
	case recordings.KindShell:
		h = tui.Happening{Kind: tui.HappenShell, Name: d.Command}
	case recordings.KindScreen:
		h.Kind = tui.HappenScreen
	case recordings.KindEnded:
		h = tui.Happening{Kind: tui.HappenEnded, Why: d.Cause}
	case "paused":
		h.Kind = tui.HappenPaused
	case "resumed":
		h.Kind = tui.HappenResumed
	case "reduced":
		h = tui.Happening{Kind: tui.HappenReduced, What: names(d.Left)}
	case "further":
		h = tui.Happening{Kind: tui.HappenMore, What: names(d.Wanted)}
	case "consent":
		h = tui.Happening{Kind: tui.HappenNotGranted}
		if len(d.Granted) > 0 {
			h = tui.Happening{Kind: tui.HappenGranted, What: names(d.Granted)}
		}
	default:
		h = s.files(kind, d)
		if h.Kind == "" {
			h = s.connections(kind, d)
		}
	}
	h.Name, h.To, h.Why = wire.Clean(h.Name, wire.MaxReason), wire.Clean(h.To, wire.MaxReason), wire.Clean(h.Why, wire.MaxReason)
	return h, h.Kind != ""
}

func names(list []string) []string {
	var clean []string
	for _, one := range list {
		clean = append(clean, wire.Clean(one, wire.MaxName))
	}
	return clean
}

// files tells of what copies.
func (s *Story) files(kind string, d told) tui.Happening {
	switch {
	case kind == "files":
		if s.tools == nil {
			s.tools = make(map[int]string)
		}
		s.tools[d.Files] = d.Tool
		return tui.Happening{Kind: tui.HappenFiles, Name: d.Tool}
	case kind == "files.ended":
		tool := s.tools[d.Files]
		delete(s.tools, d.Files)
		if d.Up != nil {
			return tui.Happening{Kind: tui.HappenOpaque, Name: tool, Up: count(d.Up), Down: count(d.Down)}
		}
	case kind == "file" && s.Begins:
		return tui.Happening{Kind: tui.HappenBegins, Name: d.Path}
	case kind == "file.ended":
		h := tui.Happening{Kind: tui.HappenGet, Name: d.Path, Size: d.Bytes}
		if d.Way == "put" {
			h.Kind = tui.HappenPut
		}
		if d.State != "whole" {
			h.Why = d.State
			if d.Why != "" {
				h.Why = d.Why
			}
		}
		return h
	case kind == "file.refused":
		return tui.Happening{Kind: tui.HappenRefused, Name: d.Path, Why: d.Why}
	case kind == "file.changed" && d.Error == "":
		return tui.Happening{Kind: change(d.Op), Name: d.Path, To: d.To.Path}
	}
	return tui.Happening{}
}

// change is the kind of what was done to a file.
func change(op string) string {
	switch op {
	case "list":
		return tui.HappenList
	case "mkdir":
		return tui.HappenMkdir
	case "rmdir":
		return tui.HappenRmdir
	case "remove":
		return tui.HappenRemove
	case "rename":
		return tui.HappenRename
	case "link", "symlink":
		return tui.HappenLink
	}
	return tui.HappenChange
}

// connections tells of what is forwarded.
func (s *Story) connections(kind string, d told) tui.Happening {
	place := d.Socket
	if place == "" && d.Port > 0 {
		place = net.JoinHostPort(d.Host, strconv.Itoa(d.Port))
	} else if place == "" {
		place = d.Host
	}
	switch kind {
	case "forward":
		if s.places == nil {
			s.places = make(map[int64]string)
		}
		s.places[d.Number] = place
		if d.Reverse {
			return tui.Happening{Kind: tui.HappenReverse, Name: place}
		}
		return tui.Happening{Kind: tui.HappenForward, Name: place}
	case "forward.ended":
		place = s.places[d.Number]
		delete(s.places, d.Number)
		return tui.Happening{Kind: tui.HappenForwardEnds, Name: place, Up: count(d.Up), Down: count(d.Down)}
	case "listen":
		return tui.Happening{Kind: tui.HappenListen, Name: place}
	case "listen.ended":
		return tui.Happening{Kind: tui.HappenListenEnds, Name: place}
	}
	return tui.Happening{}
}

// count reads a number of bytes.
func count(text json.RawMessage) int64 {
	var n int64
	var object struct{ Bytes int64 }
	if json.Unmarshal(text, &n) != nil && json.Unmarshal(text, &object) == nil {
		return object.Bytes
	}
	return n
}

// storyOf is what happened in a visit, and when its casts and frame logs began.
func storyOf(dir string) (list []tui.Happening, starts map[string]time.Duration) {
	starts = make(map[string]time.Duration)
	var s Story
	for e, err := range recordings.ReadTimeline(dir) {
		if err != nil || e.Kind == recordings.KindTorn {
			return append(list, tui.Happening{At: last(list), Kind: tui.HappenInterruption}), starts
		}
		at := time.Duration(e.T * float64(time.Second))
		var begun struct {
			Cast   string `json:"cast"`
			Frames string `json:"frames"`
		}
		if (e.Kind == recordings.KindShell || e.Kind == recordings.KindScreen) && json.Unmarshal(e.Data, &begun) == nil {
			starts[begun.Cast+begun.Frames] = at
		}
		if h, tells := s.Tell(e.Kind, e.Data); tells && len(list) < storyMost {
			h.At = max(at, last(list))
			list = append(list, h)
		}
	}
	return list, starts
}

func last(list []tui.Happening) time.Duration {
	if len(list) == 0 {
		return 0
	}
	return list[len(list)-1].At
}
