package tui

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"
)

// plainWatch prints what comes as lines: the text of the shells without what
// moves the cursor, and what happens in the visit. Its reader answers with
// lines of their own.
func plainWatch(ctx context.Context, t *Terminal, w Watching) error {
	l := &lineWatch{lineMode: t.lines(PhrasesFor(t.Locale())), w: w, followed: make(map[string]bool)}
	ctx, cancel := context.WithCancel(ctx)
	defer l.all.Wait()
	defer cancel()
	l.say(l.ph.Say("WatchTitle", "Technician", w.Scene.Technician, "Device", w.Scene.Device) + " · " + l.ph.Say("WatchPlainKeys"))
	for _, row := range w.Scene.rows(l.sheet()) {
		if row[1] != "" {
			l.say("  " + row[0] + ": " + row[1])
		}
	}
	l.take(ctx, w.Scene)
	left := make(chan error, 1)
	l.all.Go(func() { left <- l.answers(ctx) })
	for {
		select {
		case scene, open := <-w.Updates:
			if !open {
				cancel()
				return nil
			}
			l.take(ctx, scene)
		case err := <-left:
			return err
		}
	}
}

// lineWatch is a visit that is watched in the line mode.
type lineWatch struct {
	*lineMode
	w        Watching
	scene    Scene
	followed map[string]bool
	all      sync.WaitGroup
	out      sync.Mutex // one line at a time
}

// line prints one line, from any goroutine.
func (l *lineWatch) line(text string) {
	l.out.Lock()
	defer l.out.Unlock()
	l.say(text)
}

// take says what has changed, and follows the shells that are new.
func (l *lineWatch) take(ctx context.Context, now Scene) {
	for _, said := range newLines(l.scene.Said, now.Said) {
		l.line("* " + said.From + ": " + said.Text)
	}
	was, is := l.scene.rows(l.sheet()), now.rows(l.sheet())
	for _, i := range []int{5, 6} { // who watches, how it is
		if l.scene.Device != "" && was[i][1] != is[i][1] && is[i][1] != "" {
			l.line("* " + is[i][0] + ": " + is[i][1])
		}
	}
	if now.Screen && !l.scene.Screen {
		l.line("* " + l.ph.Say("WatchScreenOpenPlain"))
	}
	l.scene = now
	for _, shell := range now.Shells {
		if l.followed[shell.ID] {
			continue
		}
		l.followed[shell.ID] = true
		l.all.Go(func() { l.print(ctx, shell) })
	}
}

// newLines are those said since.
func newLines(was, now []Spoken) []Spoken {
	for i := range now {
		rest := now[:len(now)-i]
		if len(rest) <= len(was) && equalTail(was, rest) {
			return now[len(rest):]
		}
	}
	return now
}

// equalTail reports whether rest are the last lines of was.
func equalTail(was, rest []Spoken) bool {
	for i, said := range rest {
		if was[len(was)-len(rest)+i] != said {
			return false
		}
	}
	return len(rest) > 0
}

// print prints one shell until it ends.
func (l *lineWatch) print(ctx context.Context, shell LiveShell) {
	tail, err := shell.Follow()
	if err != nil {
		l.line("* " + l.ph.Say("WatchCantFollow"))
		return
	}
	defer tail.Close()
	b := backlog{most: pastMost}
	var text plainText
	for ctx.Err() == nil {
		ev, err := tail.Next()
		if errors.Is(err, io.EOF) {
			b.print(l)
			b.most = burstMost
			err = tail.Wait(ctx)
		} else if err == nil && ev.Kind == EventOutput {
			text.write(ev.Data, b.add)
		}
		if err != nil {
			text.end(b.add)
			b.print(l)
			return
		}
	}
}

// Bounds of what is printed at once, in lines: of what was there before the
// watcher came, and of what comes faster than it can be printed.
const (
	pastMost  = 20
	burstMost = 500
)

// backlog are the last lines of what has been read and not yet printed.
type backlog struct {
	most  int
	lines []string
	left  int // lines before them that are left out
}

func (b *backlog) add(line string) {
	b.lines = append(b.lines, line)
	if len(b.lines) >= 2*b.most {
		b.cut()
	}
}

func (b *backlog) cut() {
	over := max(len(b.lines)-b.most, 0)
	b.left += over
	b.lines = append(b.lines[:0], b.lines[over:]...)
}

// print prints them, and says what was left out.
func (b *backlog) print(l *lineWatch) {
	b.cut()
	if b.left > 0 {
		l.line("* " + l.ph.Say("WatchLeftOut", "Count", b.left))
	}
	for _, line := range b.lines {
		l.line(line)
	}
	b.lines, b.left = b.lines[:0], 0
}

// answers reads what the watcher wants.
func (l *lineWatch) answers(ctx context.Context) error {
	for {
		var in typedLine
		if err := l.read(ctx, &in); err != nil {
			return err
		}
		word, rest, _ := strings.Cut(strings.TrimSpace(in.text), " ")
		var act WatchAction
		switch {
		case word == "q":
			return nil
		case word == "s" && rest != "":
			act = SayLine{strings.TrimSpace(strings.Map(seen, rest))}
		case word == "x" && l.w.MayEnd:
			act = EndVisit{}
		case word == "":
			continue
		default:
			l.line(l.ph.Say("WatchPlainKeys"))
			continue
		}
		if err := l.w.Act(act); err != nil {
			l.line(err.Error())
		}
	}
}

// plainText makes lines of a shell's output: text alone, what a program wrote
// over being gone.
type plainText struct {
	sieve  sieve
	passed []byte
	line   []byte
	cr     bool // the next text begins the line anew
}

// plainLine bounds a line, in bytes.
const plainLine = 4 << 10

func (t *plainText) write(data []byte, line func(string)) {
	t.sieve.width, t.sieve.height = 80, 24
	t.passed = t.sieve.pass(t.passed[:0], data)
	for i := 0; i < len(t.passed); i++ {
		switch b := t.passed[i]; b {
		case '\n':
			t.end(line)
		case '\r':
			t.cr = true
		case '\b':
			t.line = t.line[:max(len(t.line)-1, 0)]
		case esc:
			i += sequence(t.passed[i:]) - 1
		default:
			if t.cr {
				t.line, t.cr = t.line[:0], false
			}
			if b >= 0x20 && len(t.line) < plainLine {
				t.line = append(t.line, b)
			}
		}
	}
}

// end prints what there is of a line.
func (t *plainText) end(line func(string)) {
	text := strings.TrimRight(strings.Map(seen, strings.ToValidUTF8(string(t.line), "")), " ")
	if text != "" {
		line(text)
	}
	t.line, t.cr = t.line[:0], false
}

// sequence is the length of a sequence that a sieve let through; it is whole.
func sequence(p []byte) int {
	if len(p) < 2 {
		return len(p)
	}
	for i := 1; i < len(p); i++ {
		if b := p[i]; i == 1 && b == '[' || b < 0x40 && (p[1] == '[' || b < 0x30) {
			continue
		}
		return i + 1
	}
	return len(p)
}
