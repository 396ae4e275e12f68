package tui

import (
	"context"
	"fmt"
	"image"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/charmbracelet/colorprofile"
	uv "github.com/charmbracelet/ultraviolet"

	"accord/tui/picture"
)

// What a terminal is asked. The last of each part is what all terminals answer
// (DA1), and they answer in order: once that is there, nothing more comes.
const (
	askSize    = "\x1b[16t\x1b[14t" // size of a cell, of the text area
	askFence   = "\x1b[c"
	askVersion = "\x1b[>0q"
	askModes   = "\x1b[?u\x1b[?1016$p"                   // keyboard protocol, mouse in pixels
	askSixel   = "\x1b[?1;1;0S\x1b[?2;1;0S"              // registers, largest image
	askColour  = "\x1b[48;2;1;2;3m\x1bP$qm\x1b\\\x1b[0m" // which colour it is that was set

	// graphicsQuery is the number of the image that is only asked for.
	graphicsQuery = 31
)

// askWait is how long a terminal may take for the first part, a round trip
// included. One that says nothing until then gets what all can show.
const askWait = 2 * time.Second

// abilities are what a terminal can do for a screen.
type abilities struct {
	picture.Means
	answers
}

// ask finds out what the terminal can do, never by its name alone. Its keys go to
// whoever reads next; the terminal is as it was. It is asked once in its life.
func (t *Terminal) ask(ctx context.Context) (abilities, error) {
	if t.able != nil {
		return *t.able, nil
	}
	// What a terminal doesn't know it may show: on a page that is thrown away.
	if err := t.send("\x1b[?1049h\x1b[2J\x1b[H"); err != nil {
		return abilities{}, err
	}
	var got answers
	err := t.question(ctx, &got, askVersion+askSize+askModes+askSixel+askColour+askFence)
	if err == nil && got.fences > 0 && !t.multiplexed(got.version) {
		err = t.question(ctx, &got, fmt.Sprintf("\x1b_Gi=%d,s=1,v=1,a=q,t=d,f=24;AAAA\x1b\\", graphicsQuery)+askFence)
	}
	if sent := t.send("\x1b[2J\x1b[?1049l"); err == nil {
		err = sent
	}
	if err != nil {
		return abilities{}, err
	}
	t.able = &abilities{t.means(got), got}
	return *t.able, nil
}

// multiplexed reports whether something like tmux is in between, which takes the
// question for a window's title. It would hand no pictures on either.
func (t *Terminal) multiplexed(version string) bool {
	term := t.getenv("TERM")
	return strings.HasPrefix(version, "tmux") || strings.HasPrefix(term, "tmux") || strings.HasPrefix(term, "screen")
}

func (t *Terminal) send(seq string) error {
	if _, err := io.WriteString(t.Out, seq); err != nil {
		return fmt.Errorf("%w: %w", ErrLeft, err)
	}
	return nil
}

// question sends what ends with a fence and takes answers until that of the
// fence. What is no answer is put back.
func (t *Terminal) question(ctx context.Context, got *answers, seq string) error {
	if err := t.send(seq); err != nil {
		return err
	}
	kept, err := t.answered(ctx, got, got.fences+1, askWait)
	for _, ev := range slices.Backward(kept) {
		t.In.unread(ev)
	}
	return err
}

// answered takes answers until there are so many of the fence, at most for a
// time. It returns what was typed meanwhile.
func (t *Terminal) answered(ctx context.Context, got *answers, fences int, most time.Duration) (kept []event, err error) {
	waiting, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	var dec uv.EventDecoder
	for n := 0; got.fences < fences && n < inputHold; {
		ev, err := t.In.next(waiting, &dec)
		if err != nil {
			if ctx.Err() != nil || waiting.Err() == nil {
				return kept, leftBy(ctx, err)
			}
			return kept, nil
		}
		if !got.take(ev.msg) {
			kept = append(kept, ev)
			n += len(ev.raw)
		}
	}
	return kept, nil
}

// means are what can be drawn with.
func (t *Terminal) means(a answers) picture.Means {
	m := picture.Means{Cell: t.cell(a), Most: a.most}
	switch {
	case a.kitty:
		m.Way = picture.Kitty
	case a.sixel:
		m.Way, m.Colours = picture.Sixel, a.registers
		if a.registers == 0 {
			m.Colours = 16 // as many as the VT340 has
		}
	default:
		m.Colours = t.colours(a)
	}
	return m
}

// cell is the size of a cell in dots: as the terminal says, or its text area's,
// or what the client of the connection says of the window.
func (t *Terminal) cell(a answers) image.Point {
	size, _ := t.Window.Size()
	text := image.Pt(a.text.X/size.Width, a.text.Y/size.Height)
	switch {
	case a.cell.X > 0 && a.cell.Y > 0:
		return a.cell
	case text.X > 0 && text.Y > 0:
		return text
	}
	return t.Window.Cell()
}

// colours are how many a terminal shows that has no pictures.
func (t *Terminal) colours(a answers) int {
	// tmux turns all colours into those that the terminal outside has.
	if a.trueColour || strings.HasPrefix(a.version, "tmux") {
		return picture.TrueColour
	}
	switch t.profile() {
	case colorprofile.TrueColor:
		return picture.TrueColour
	case colorprofile.ANSI256:
		return 256
	}
	return 16
}
