package tui

import (
	"io"
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// tableGap is the space between two columns, in cells.
const tableGap = 2

// Table writes plain aligned columns, for commands that run without a
// terminal. The cells must be clean; rows may be shorter than the header.
// Where a line would be wider than width, the widest columns are cut with "…";
// a width of 0 or less sets no limit. The error is the writer's.
func Table(w io.Writer, header []string, rows [][]string, width int) error {
	all := rows
	if len(header) > 0 {
		all = append([][]string{header}, rows...)
	}
	widths := columnWidths(all, width)
	var b strings.Builder
	for _, row := range all {
		b.WriteString(tableLine(row, widths))
		b.WriteByte('\n')
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// columnWidths finds how wide each column is: as its widest cell, the widest
// made narrower until all fit into limit.
func columnWidths(rows [][]string, limit int) []int {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], ansi.StringWidth(cell))
		}
	}
	if limit <= 0 {
		return widths
	}
	total := tableGap * (len(widths) - 1)
	for _, n := range widths {
		total += n
	}
	for ; total > limit; total-- {
		widest := 0
		for i, n := range widths {
			if n > widths[widest] {
				widest = i
			}
		}
		if len(widths) == 0 || widths[widest] <= 1 {
			break
		}
		widths[widest]--
	}
	return widths
}

// tableLine writes one row without spaces at its end.
func tableLine(row []string, widths []int) string {
	var b strings.Builder
	for i, cell := range row {
		if i > 0 {
			b.WriteString(strings.Repeat(" ", tableGap))
		}
		b.WriteString(toWidth(cell, widths[i]))
	}
	return strings.TrimRight(b.String(), " ")
}

// toWidth brings a text to exactly width cells.
func toWidth(text string, width int) string {
	text = ansi.Truncate(text, width, "…")
	return text + strings.Repeat(" ", max(0, width-ansi.StringWidth(text)))
}
