package tui

import (
	"slices"
	"strings"

	"charm.land/bubbles/v2/textinput"
	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
)

// pickRow is a line of a list that one picks from.
type pickRow struct {
	id    string
	cells []string // one for each column
	words string   // what the filter looks at, lower case
	sign  lipgloss.Style
}

// pickColumn is shown in windows of at least the width from, in cells. The
// cells of the signed column are drawn in the row's own style.
type pickColumn struct {
	title  string
	from   int
	signed bool
}

// picker is the part that all lists share: a filter that takes every printable
// key, and a cursor that stays on its row when the rows change.
type picker struct {
	columns []pickColumn
	rows    []pickRow // those there are
	shown   []pickRow // those the filter leaves
	filter  textinput.Model
	at      int
}

func newPicker(filter, cursor string, columns ...pickColumn) picker {
	p := picker{columns: columns, filter: newEntry(100, filter)}
	p.filter.Focus()
	p.shown = []pickRow{{id: cursor}}
	return p
}

// set replaces the rows. The cursor stays on the same id, or else at the same
// height.
func (p *picker) set(rows []pickRow) {
	p.rows = rows
	id := p.current().id
	words := strings.Fields(strings.ToLower(p.filter.Value()))
	p.shown = slices.DeleteFunc(slices.Clone(rows), func(r pickRow) bool {
		return slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(r.words, w) })
	})
	if i := slices.IndexFunc(p.shown, func(r pickRow) bool { return r.id == id }); i >= 0 {
		p.at = i
	}
	p.move(0)
}

// current is the row under the cursor; its id is "" where there is none.
func (p *picker) current() pickRow {
	if p.at >= len(p.shown) {
		return pickRow{}
	}
	return p.shown[p.at]
}

func (p *picker) move(by int) { p.at = max(0, min(p.at+by, len(p.shown)-1)) }

// key moves or filters; leap is a page, in rows. It reports a key that it has
// no use for.
func (p *picker) key(msg tea.KeyPressMsg, leap int) (used bool) {
	switch msg.String() {
	case "up", "ctrl+p":
		p.move(-1)
	case "down", "ctrl+n":
		p.move(1)
	case "pgup":
		p.move(-leap)
	case "pgdown":
		p.move(leap)
	case "home":
		p.move(-len(p.shown))
	case "end":
		p.move(len(p.shown))
	case "esc":
		if p.filter.Value() == "" {
			return false
		}
		p.filter.SetValue("")
		p.set(p.rows)
	case "enter", "ctrl+c":
		return false
	default:
		p.typed(msg)
	}
	return true
}

// typed hands a key or a paste to the filter. A slash first only says that a
// filter follows, as in many programs and as its sign suggests.
func (p *picker) typed(msg tea.Msg) {
	was := p.filter.Value()
	if key, ok := msg.(tea.KeyPressMsg); ok && was == "" && key.Text == "/" {
		return
	}
	edit(&p.filter, msg)
	if p.filter.Value() != was {
		p.set(p.rows)
	}
}

// table draws the header and the rows in width cells, for a window of total
// cells.
func (p *picker) table(width, total int) (header string, lines []string) {
	var titles []string
	var cols []int
	for i, c := range p.columns {
		if total >= c.from {
			cols = append(cols, i)
			titles = append(titles, c.title)
		}
	}
	rows := [][]string{titles}
	for _, r := range p.shown {
		cells := make([]string, len(cols))
		for i, c := range cols {
			cells[i] = r.cells[c]
		}
		rows = append(rows, cells)
	}
	widths := columnWidths(rows, width-2)
	for i, r := range p.shown {
		if i == p.at {
			lines = append(lines, stylePicked.Render(toWidth("› "+tableLine(rows[i+1], widths), width)))
			continue
		}
		cells := rows[i+1]
		for j, c := range cols {
			if p.columns[c].signed {
				cells[j] = r.sign.Render(toWidth(cells[j], widths[j]))
			}
		}
		lines = append(lines, "  "+tableLine(cells, widths))
	}
	return styleDim.Render("  " + tableLine(titles, widths)), lines
}

// filterView draws the filter, or what it is for.
func (p *picker) filterView(on *page) string {
	prompt := styleKey.Render("/ ")
	if p.filter.Value() == "" {
		return prompt + stylePicked.Render(" ") + styleDim.Render(" "+on.ph.Say("TechFilterHint"))
	}
	return prompt + entryView(p.filter, on.inner()-2)
}
