package tui

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	uv "github.com/charmbracelet/ultraviolet"
	"github.com/charmbracelet/x/ansi"
)

// lineLongest bounds an answer in the line mode, in bytes; what is typed
// beyond it is not taken.
const lineLongest = 1000

// lineMode asks questions one a line, without moving the cursor, for screen
// readers, dumb terminals and pipes. Each question takes exactly one line off
// the input; the rest stays for whatever reads next.
//
// On the raw side of a pty it echoes and edits by itself, as nobody else does;
// a [Terminal] with Piped set is taken to echo by itself, or not to need it.
type lineMode struct {
	t   *Terminal
	ph  *Phrases
	dec uv.EventDecoder
	// touched is called at the first key of a line; it may be nil.
	touched func()
}

// lines puts the terminal into the line mode, in the language of ph.
func (t *Terminal) lines(ph *Phrases) *lineMode { return &lineMode{t: t, ph: ph} }

// typedLine is one line, the time of its first key, and whether a part of it
// was pasted.
type typedLine struct {
	text   string
	first  time.Time
	pasted bool
}

// say prints text, which may have several lines, and ends the line. On a terminal
// lines are broken between words. The text must be clean.
func (l *lineMode) say(text string) { l.write(l.broken(text) + "\n") }

// broken breaks text between words, on a terminal.
func (l *lineMode) broken(text string) string {
	if l.t.Piped {
		return text
	}
	if size, _ := l.t.Window.Size(); size.Width > 0 {
		return ansi.Wrap(text, size.Width, "")
	}
	return text
}

func (l *lineMode) write(text string) {
	if !l.t.Piped {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	// A terminal that can't be written to ends its input as well.
	_, _ = io.WriteString(l.t.Out, text)
}

// ask prints a question, broken as lines are, and returns the line typed after it,
// without spaces at its ends. A closed input or Ctrl-C is [ErrLeft], also in
// mid-line.
func (l *lineMode) ask(ctx context.Context, question string) (string, error) {
	l.write(l.broken(question) + " ")
	var line typedLine
	err := l.read(ctx, &line)
	return strings.TrimSpace(line.text), err
}

// choose prints a question with numbered options and returns the index of the
// one whose number was typed. It asks again until a number fits.
func (l *lineMode) choose(ctx context.Context, question string, options []string) (int, error) {
	l.say(question)
	for i, o := range options {
		l.say(fmt.Sprintf("  %d. %s", i+1, o))
	}
	for {
		text, err := l.ask(ctx, l.ph.Say("PlainNumber", "N", len(options)))
		if err != nil {
			return 0, err
		}
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(options) {
			return n - 1, nil
		}
		l.say(l.ph.Say("PlainNumberWrong", "N", len(options)))
	}
}

// read takes what is left of a line. Where it ends with an error, the line may
// be gone on with.
func (l *lineMode) read(ctx context.Context, line *typedLine) error {
	for {
		ev, err := l.t.In.next(ctx, &l.dec)
		if err != nil {
			return leftBy(ctx, err)
		}
		if line.first.IsZero() {
			line.first = ev.at
			if l.touched != nil {
				l.touched()
			}
		}
		switch msg := ev.msg.(type) {
		case tea.PasteMsg:
			line.pasted = true
			l.add(line, strings.Join(strings.Fields(msg.Content), " "))
		case tea.KeyPressMsg:
			if ended, err := l.key(line, msg); ended || err != nil {
				return err
			}
		}
	}
}

// key edits the line; it reports the end of the line, or that it was left.
func (l *lineMode) key(line *typedLine, key tea.KeyPressMsg) (ended bool, err error) {
	switch key.String() {
	case "ctrl+c":
		l.echo("\n")
		return false, ErrLeft
	case "ctrl+d":
		if line.text == "" {
			l.echo("\n")
			return false, ErrLeft
		}
	case "enter":
		// The carriage return of a piped CR LF says nothing that the line
		// feed will not say.
		if l.t.Piped {
			return false, nil
		}
		l.echo("\n")
		return true, nil
	case "ctrl+j":
		l.echo("\n")
		return true, nil
	case "backspace", "ctrl+h":
		_, n := utf8.DecodeLastRuneInString(line.text)
		l.erase(line, len(line.text)-n)
	case "ctrl+u":
		l.erase(line, 0)
	default:
		l.add(line, key.Text)
	}
	return false, nil
}

func (l *lineMode) add(line *typedLine, text string) {
	if len(line.text)+len(text) > lineLongest {
		return
	}
	line.text += text
	l.echo(text)
}

// erase shortens the line to n bytes.
func (l *lineMode) erase(line *typedLine, n int) {
	l.echo(strings.Repeat("\b \b", ansi.StringWidth(line.text[n:])))
	line.text = line.text[:n]
}

func (l *lineMode) echo(text string) {
	if !l.t.Piped {
		l.write(text)
	}
}

// leftBy turns the end of an input into the error of the screen that was read
// from it: the cause of the context's end, or [ErrLeft].
func leftBy(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, errTaken):
		return ErrLeft
	}
	return fmt.Errorf("%w: %w", ErrLeft, err)
}
