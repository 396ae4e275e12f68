package tui

import (
	"context"
	"slices"

	tea "charm.land/bubbletea/v2"
)

// PushLine is a host that `accord push` works on. Its text must be clean.
type PushLine struct {
	Host string
	// Stage is "" before its turn, then one of looking, waiting, copying, joining, awaiting,
	// and at the end joined, updated, same or failed.
	Stage       string
	Done, Total int64 // bytes, while copying
}

// Pushing shows how hosts fare until updates, each a whole list, are closed. It
// returns [ErrLeft] when it was left before: Ctrl-C stops the push.
func Pushing(ctx context.Context, t *Terminal, updates <-chan []PushLine) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &pushScreen{page: newPage(t)}
	s.next = func() tea.Msg { return received(ctx, updates) }
	if err := run(ctx, t, s); err != nil {
		return err
	}
	return s.err
}

type pushScreen struct {
	page
	lines []PushLine
	next  tea.Cmd
	done  bool
	err   error
}

func (s *pushScreen) Init() tea.Cmd { return s.next }
func (s *pushScreen) Done() bool    { return s.done }

func (s *pushScreen) Update(msg tea.Msg) tea.Cmd {
	s.observe(msg)
	switch msg := msg.(type) {
	case newsMsg[[]PushLine]:
		if !msg.open {
			s.done = true
			return nil
		}
		s.lines = msg.value
		return s.next
	case tea.KeyPressMsg:
		if msg.String() == "ctrl+c" {
			s.done, s.err = true, ErrLeft
		}
	}
	return nil
}

// rank puts what moves first, then what failed, what waits, and what is done.
func (l PushLine) rank() int {
	switch l.Stage {
	case "looking", "copying", "joining", "awaiting":
		return 0
	case "failed":
		return 1
	case "joined", "updated", "same":
		return 3
	}
	return 2
}

// text is where the host is, in the reader's words.
func (s *pushScreen) text(l PushLine) string {
	switch l.Stage {
	case "looking":
		return s.ph.Say("PushLooking")
	case "waiting":
		return s.ph.Say("PushWaiting")
	case "copying":
		return s.ph.Say("PushCopying", "Percent", l.Done*100/max(l.Total, 1))
	case "joining":
		return s.ph.Say("PushJoining")
	case "awaiting":
		return s.ph.Say("PushAwaiting")
	case "joined":
		return styleGood.Render(s.ph.Say("PushJoined"))
	case "updated":
		return styleGood.Render(s.ph.Say("PushUpdated"))
	case "same":
		return styleGood.Render(s.ph.Say("PushSame"))
	case "failed":
		return styleBad.Render(s.ph.Say("PushFailed"))
	}
	return s.ph.Say("PushQueued")
}

func (s *pushScreen) View() string {
	sorted := slices.Clone(s.lines)
	slices.SortStableFunc(sorted, func(a, b PushLine) int { return a.rank() - b.rank() })
	done, failed, wide := 0, 0, 0
	for _, l := range sorted {
		wide = max(wide, len([]rune(l.Host)))
		switch l.rank() {
		case 1:
			failed++
			done++
		case 3:
			done++
		}
	}
	wide = min(wide, max(s.inner()/2, 1))
	body := make([]string, 0, len(sorted))
	for _, l := range sorted {
		body = append(body, toWidth(l.Host, wide)+"  "+s.text(l))
	}
	count := s.ph.Say("PushCount", "Done", done, "All", len(sorted), "Failed", failed)
	return s.compose([]string{s.spread(styleTitle.Render(s.ph.Say("PushTitle")), count), ""}, body,
		[]string{"", s.keys("ctrl+c", "PushKeyStop")}, 0)
}
