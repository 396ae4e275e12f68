package main

import (
	"fmt"
	"os"

	"golang.org/x/term"

	"accord/tui"
)

// hasTerminal reports whether the call reads from and writes to a terminal.
func (c *call) hasTerminal() bool {
	in, ok := c.stdin.(*os.File)
	out, ok2 := c.stdout.(*os.File)
	return ok && ok2 && term.IsTerminal(int(in.Fd())) && term.IsTerminal(int(out.Fd()))
}

// terminal takes the terminal for screens until done is called. Without one
// the screens' line mode reads and writes lines.
func (c *call) terminal(plain bool) (t *tui.Terminal, done func(), err error) {
	env := c.env
	if plain {
		env = append(env[:len(env):len(env)], "ACCORD_PLAIN=1")
	}
	if !c.hasTerminal() {
		return &tui.Terminal{In: tui.NewInput(c.stdin), Out: c.stdout, Window: tui.NewWindow(tui.Size{}), Env: env, Piped: true}, func() {}, nil
	}
	in, out := c.stdin.(*os.File), c.stdout.(*os.File) //nolint:forcetypeassert // hasTerminal saw to it
	was, err := term.MakeRaw(int(in.Fd()))
	if err != nil {
		return nil, nil, fmt.Errorf("take the terminal: %w", err)
	}
	window := tui.NewWindow(tui.Size{})
	measure(out, window)
	stop := followSize(out, window)
	open := alone(in)
	return &tui.Terminal{In: tui.NewInput(in), Out: out, Window: window, Env: env}, func() {
		stop()
		open()
		_ = term.Restore(int(in.Fd()), was)
	}, nil
}

// phrases are in the language of the caller's locale.
func (c *call) phrases() *tui.Phrases {
	return tui.PhrasesFor((&tui.Terminal{Env: c.env}).Locale())
}
