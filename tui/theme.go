package tui

import "charm.land/lipgloss/v2"

// The styles of all screens. They use the terminal's own sixteen colours, so
// that they stay readable on any background, and colour is never the only
// sign of anything.
var (
	styleTitle    = lipgloss.NewStyle().Bold(true)
	styleStrong   = lipgloss.NewStyle().Bold(true)
	styleDim      = lipgloss.NewStyle().Faint(true)
	styleGood     = lipgloss.NewStyle().Foreground(lipgloss.Green)
	styleWarn     = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	styleBad      = lipgloss.NewStyle().Foreground(lipgloss.Red).Bold(true)
	styleKey      = lipgloss.NewStyle().Foreground(lipgloss.Cyan)
	stylePicked   = lipgloss.NewStyle().Reverse(true)
	styleOverride = lipgloss.NewStyle().Foreground(lipgloss.Red).Reverse(true).Bold(true)
	styleBanner   = lipgloss.NewStyle().Foreground(lipgloss.Yellow).Reverse(true).Bold(true)
)
