package tui

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"
)

// sampleStory is one of each kind that a person may meet, every two seconds.
func sampleStory() []Happening {
	list := []Happening{
		{Kind: HappenFiles, Name: "sftp"},
		{Kind: HappenList, Name: "/etc"},
		{Kind: HappenGet, Name: "/etc/cups/cupsd.conf", Size: 6421},
		{Kind: HappenPut, Name: "/home/anna/a file.pdf", Size: 3_000_000, Why: "the connection was lost"},
		{Kind: HappenRename, Name: "/tmp/a", To: "/tmp/b"},
		{Kind: HappenRefused, Name: "/root/.ssh/id", Why: "files.get was not granted"},
		{Kind: HappenMore, What: []string{"forward"}},
		{Kind: HappenGranted, What: []string{"forward"}},
		{Kind: HappenForward, Name: "localhost:631"},
		{Kind: HappenForwardEnds, Name: "localhost:631", Up: 812, Down: 93_000},
		{Kind: HappenListen, Name: "localhost:4000"},
		{Kind: HappenReverse, Name: "localhost:4000"},
		{Kind: HappenPaused},
		{Kind: HappenResumed},
		{Kind: HappenReduced, What: []string{"shell"}},
		{Kind: HappenOpaque, Name: "rsync", Up: 10, Down: 2_000_000_000},
		{Kind: HappenEnded, Why: "stopped by the user"},
	}
	for i := range list {
		list[i].At = time.Duration(2*i) * time.Second
	}
	return list
}

// TestPlayerStory: a visit without a shell plays as what happened in it.
func TestPlayerStory(t *testing.T) {
	for _, lang := range []string{"en", "fr"} {
		for _, size := range []Size{{80, 24}, {40, 12}} {
			p := page{ph: PhrasesFor(lang), width: size.Width, height: size.Height}
			rec := withStory(Recording{Title: "alice on laptop-7", Story: sampleStory()}, p.ph, size)
			s := newPlayScreen(context.Background(), p, rec)
			s.playing = false
			settle(s)
			s.at = s.shown.length
			settle(s)
			golden(t, fmt.Sprintf("play-story-%s-%dx%d", lang, size.Width, size.Height), s.View())
		}
	}
}

// TestPlayerMarksOfTheVisit: what happened while a shell ran is a place to jump
// to in it, by name; what was before or after it is none.
func TestPlayerMarksOfTheVisit(t *testing.T) {
	rec := Recording{Tracks: []Track{{Name: "shell", Source: sampleCast(), Offset: 5 * time.Second}}, Story: []Happening{
		{At: time.Second, Kind: HappenPut, Name: "early"},
		{At: 9 * time.Second, Kind: HappenList, Name: "no place"},
		{At: 10 * time.Second, Kind: HappenGet, Name: "/etc/hosts", Size: 3},
		{At: time.Hour, Kind: HappenPut, Name: "late"},
	}}
	s := newPlayScreen(context.Background(), testPage(), withStory(rec, PhrasesFor("en"), Size{80, 24}))
	s.playing = false
	settle(s)
	var at []time.Duration
	for range 4 {
		s.Update(pressed("m"))
		settle(s)
		at = append(at, s.at)
		if s.at == 5*time.Second && (!strings.Contains(s.told, "fetched /etc/hosts") || !strings.Contains(s.View(), "fetched /etc/hosts")) {
			t.Errorf("it is called %q", s.told)
		}
	}
	if got := fmt.Sprint(at); got != "[2s 5s 12s 12s]" {
		t.Errorf("marks at %s", got)
	}
	s.Update(pressed("tab"))
	settle(s)
	if s.which != 1 || s.at != 17*time.Second || !strings.Contains(s.View(), "sent early") || strings.Contains(s.View(), "sent late") {
		t.Errorf("track %d at %v:\n%s", s.which, s.at, s.View())
	}
}
