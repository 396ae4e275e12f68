package tui

import (
	"fmt"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// menu is a list of options of which one is picked, by its number or with the
// arrow keys and Enter; with checks, several are, and Enter ends it.
type menu struct {
	options []string
	checks  []bool
	cursor  int
}

// key moves, checks or picks. The answer counts only where picked is true; it
// is the cursor's option for a list with checks.
func (m *menu) key(k string) (option int, picked bool) {
	switch {
	case k == "up", k == "ctrl+p":
		m.cursor = max(m.cursor-1, 0)
	case k == "down", k == "ctrl+n":
		m.cursor = min(m.cursor+1, len(m.options)-1)
	case k == "enter":
		return m.cursor, true
	case k == "space" && m.checks != nil:
		m.checks[m.cursor] = !m.checks[m.cursor]
	case len(k) == 1 && k[0] >= '1' && k[0] <= '9' && int(k[0]-'1') < len(m.options):
		m.cursor = int(k[0] - '1')
		if m.checks == nil {
			return m.cursor, true
		}
		m.checks[m.cursor] = !m.checks[m.cursor]
	}
	return 0, false
}

// lines draws the menu in width cells and says on which line the cursor is.
func (m *menu) lines(width int) (lines []string, at int) {
	for i, o := range m.options {
		lead := fmt.Sprintf("  %d  ", i+1)
		if i > 8 {
			lead = "     "
		}
		if m.checks != nil {
			lead += map[bool]string{true: "[x] ", false: "[ ] "}[m.checks[i]]
		}
		if i == m.cursor {
			lead, at = ">"+lead[1:], len(lines)
		}
		text := strings.Split(ansi.Wrap(o, max(width-len(lead), 1), ""), "\n")
		for j, part := range text {
			if j > 0 {
				lead = strings.Repeat(" ", len(lead))
			}
			part = lead + part
			if i == m.cursor {
				part = stylePicked.Render(part)
			}
			lines = append(lines, part)
		}
	}
	return lines, at
}
