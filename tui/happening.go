package tui

import (
	"slices"
	"time"
)

// Kinds of [Happening].
const (
	HappenShell        = "StoryShell"  // a shell, or what Name says, begins
	HappenScreen       = "StoryScreen" // the screen is shown
	HappenFiles        = "StoryFiles"  // the tool Name begins to copy files
	HappenBegins       = "StoryBegins" // a file begins to go, which only who watches is told
	HappenGet          = "StoryGet"    // a file has come from the device
	HappenPut          = "StoryPut"    // and one has gone there
	HappenOpaque       = "StoryOpaque" // a tool has ended of which only Up and Down are known
	HappenList         = "StoryList"   // a folder was looked at
	HappenMkdir        = "StoryMkdir"  // what follows was done to a file or a folder
	HappenRmdir        = "StoryRmdir"
	HappenRemove       = "StoryRemove"
	HappenRename       = "StoryRename" // to To
	HappenLink         = "StoryLink"   // likewise
	HappenChange       = "StoryChange"
	HappenRefused      = "StoryRefused" // and this was not done
	HappenForward      = "StoryForward" // a connection begins
	HappenReverse      = "StoryReverse" // one from the device
	HappenForwardEnds  = "StoryForwardEnds"
	HappenListen       = "StoryListen"
	HappenListenEnds   = "StoryListenEnds"
	HappenMore         = "StoryMore"    // What is asked for besides
	HappenGranted      = "StoryGranted" // and granted
	HappenNotGranted   = "StoryNotGranted"
	HappenPaused       = "StoryPaused"
	HappenResumed      = "StoryResumed"
	HappenReduced      = "StoryReduced" // What was taken back
	HappenEnded        = "StoryEnded"   // the visit, by Why
	HappenInterruption = "StoryInterruption"
)

// Happening is something that happened in a visit, besides what its shells and
// screens show. All its text must be clean.
type Happening struct {
	At       time.Duration // since the visit's recording began
	Kind     string
	Name, To string // a file, a place, a tool
	Size     int64  // of a file, in bytes
	Up, Down int64  // bytes to the device, and from it
	Why      string
	What     []string // capabilities
}

// marked reports a place that one wants to jump to.
func (h Happening) marked() bool {
	switch h.Kind {
	case HappenGet, HappenPut, HappenOpaque, HappenRefused, HappenForward, HappenReverse, HappenListen, HappenGranted, HappenNotGranted, HappenPaused, HappenResumed, HappenReduced:
		return true
	}
	return false
}

// onScreens reports one that the record of a screen marks itself.
func (h Happening) onScreens() bool { return h.Kind == HappenPaused || h.Kind == HappenResumed }

// Happening tells of it in one line.
func (p *Phrases) Happening(h Happening) string {
	name := h.Name
	if name == "" && h.Kind == HappenShell {
		name = p.Say("WatchShell")
	}
	line := p.Say(h.Kind, "Name", name, "To", h.To, "Size", p.size(h.Size), "Up", p.size(h.Up), "Down", p.size(h.Down), "Why", h.Why, "What", p.Shorts(h.What))
	if h.Why != "" && (h.Kind == HappenGet || h.Kind == HappenPut) {
		line = p.Say("StoryPart", "Line", line, "Why", h.Why)
	}
	return line
}

// StoryLine is [Phrases.Happening] with its time.
func (p *Phrases) StoryLine(h Happening) string { return clock(h.At) + "  " + p.Happening(h) }

// marksWithin are the places in a track to jump to that a visit's story makes.
func (p *Phrases) marksWithin(story []Happening, track Track) []bookmark {
	var marks []bookmark
	for _, h := range story {
		at := h.At - track.Offset
		if at < 0 || !h.marked() || track.Pictures != nil && h.onScreens() {
			continue
		}
		if len(marks) == mostMarks {
			break
		}
		marks = append(marks, bookmark{at, shownText([]byte(p.Happening(h)))})
	}
	return marks
}

// mixed are the marks of a track and those of its visit, as far as the track
// goes.
func mixed(own, others []bookmark, length time.Duration) []bookmark {
	if len(others) == 0 {
		return own
	}
	all := slices.Clone(own)
	for _, m := range others {
		if m.at <= length {
			all = append(all, m)
		}
	}
	slices.SortStableFunc(all, func(a, b bookmark) int { return int(a.at - b.at) })
	return all
}
