package tui

import (
	"context"
	"sync"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// Banner is a line above whatever screen a person has open, which may change
// at any time: something waits for them. The text must be clean.
type Banner struct {
	mu      sync.Mutex
	text    string
	rings   int
	changed chan struct{}
}

// NewBanner makes one that says nothing.
func NewBanner() *Banner { return &Banner{changed: make(chan struct{})} }

// Set says something else, nothing with "". With ring the person's terminal
// rings its bell, if a screen is open.
func (b *Banner) Set(text string, ring bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if text == b.text && !ring {
		return
	}
	b.text = text
	if ring {
		b.rings++
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

// Text is what it says now.
func (b *Banner) Text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text
}

// look is what it says, how often it has rung, and a channel that is closed
// when that changes.
func (b *Banner) look() (text string, rings int, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text, b.rings, b.changed
}

// bannerMsg tells the program what the banner says.
type bannerMsg struct {
	text string
	ring bool
}

// follow tells a program of each change until ctx ends.
func (b *Banner) follow(ctx context.Context, tell func(tea.Msg)) {
	if b == nil {
		return
	}
	text, rings, changed := b.look()
	if text != "" {
		tell(bannerMsg{text, false})
	}
	for {
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
		before := rings
		text, rings, changed = b.look()
		tell(bannerMsg{text, rings > before})
	}
}

// bannerLeast is the height of a window, in cells, that has room for a banner.
const bannerLeast = 8

// bannered is the screen's share of a window: all of it, but for the line of
// the banner.
func (m *program) bannered(size tea.WindowSizeMsg) tea.WindowSizeMsg {
	m.size = size
	if m.banner != "" && size.Height >= bannerLeast {
		size.Height--
	}
	return size
}

// underBanner draws a view below the banner.
func (m *program) underBanner(view string) string {
	if m.banner == "" || m.size.Height < bannerLeast {
		return view
	}
	return styleBanner.Render(toWidth(" "+ansi.Truncate(m.banner, max(m.size.Width-2, 1), "…"), m.size.Width)) + "\n" + view
}
