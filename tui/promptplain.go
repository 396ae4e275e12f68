package tui

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// errAgain asks the first question again: the line was no answer.
var errAgain = errors.New("the line was no answer")

// plainAsking is the prompt in the line mode. The same guard stands before
// each line: what was typed, or begun, before the keyboard had been silent
// since the question is no answer.
type plainAsking struct {
	*lineMode
	prompt   Prompt
	guard    guard
	shown    time.Time
	extended int
	warned   bool
	// also takes a line that is meant for the screen around the prompt, at
	// any time; it may be nil.
	also func(line string) bool
}

func askPlain(ctx context.Context, t *Terminal, p Prompt, seen func()) (Answer, error) {
	m := &plainAsking{lineMode: t.lines(PhrasesFor(t.Locale()).With(p.Actions)), prompt: p, shown: time.Now()}
	var once sync.Once
	m.touched = func() { once.Do(seen) }
	a, err := m.run(ctx)
	m.say(m.ph.outcome(a, p))
	return a, err
}

// run asks until there is an answer, the time is up or the user leaves.
func (m *plainAsking) run(ctx context.Context) (Answer, error) {
	m.say(m.prompt.Text(m.ph))
	a, err := m.first(ctx)
	for errors.Is(err, errAgain) {
		a, err = m.first(ctx)
	}
	if err != nil {
		a = Answer{Choice: None}
	}
	a.Language = m.ph.Tag.String()
	a.Extended = m.extended
	a.Guard = Guard{Quiet: m.guard.quiet, Early: m.guard.early, Open: time.Since(m.shown)}
	return a, err
}

// plainOption is one numbered way to answer.
type plainOption struct {
	key  string
	pick func(context.Context) (Answer, error)
}

func (m *plainAsking) options() []plainOption {
	var all []plainOption
	if len(m.prompt.Capabilities) > 1 {
		if slices.Contains(m.prompt.Capabilities, viewCapability) {
			all = append(all, plainOption{"PlainView", func(ctx context.Context) (Answer, error) {
				return m.approve(ctx, []string{viewCapability})
			}})
		}
		all = append(all, plainOption{"PlainFewer", m.fewer})
	}
	if m.prompt.LaterLeft > 0 {
		all = append(all, plainOption{"PlainLater", m.later})
	}
	all = append(all, plainOption{"PlainRefuse", m.refuse}, plainOption{"PlainStranger", m.stranger})
	if m.prompt.Extend != nil && m.prompt.Extensions > 0 {
		all = append(all, plainOption{"PlainMore", m.more})
	}
	return all
}

// first asks the first question: the code for everything, or a number.
func (m *plainAsking) first(ctx context.Context) (Answer, error) {
	options := m.options()
	for i, o := range options {
		m.say(strconv.Itoa(i+1) + ". " + m.ph.Say(o.key))
	}
	left := time.Until(m.prompt.Deadline).Round(countdownStep)
	m.say(m.ph.Say("Countdown", "Time", m.ph.lasting(left)))
	text, err := m.line(ctx, m.ph.Say("PlainCodeAll", "Code", m.prompt.Code))
	if err != nil {
		return Answer{}, err
	}
	if text == m.prompt.Code {
		return Answer{Choice: Approve, Granted: slices.Clone(m.prompt.Capabilities)}, nil
	}
	n, err := m.number(text, len(options))
	if err != nil {
		return Answer{}, err
	}
	return options[n].pick(ctx)
}

// number reads a number from 1 to most as an index.
func (m *plainAsking) number(text string, most int) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > most {
		m.say(m.ph.Say("PlainNumberWrong", "N", most))
		return 0, errAgain
	}
	return n - 1, nil
}

// choice asks for one of some options, once.
func (m *plainAsking) choice(ctx context.Context, title string, options []string) (int, error) {
	m.say(title)
	for i, o := range options {
		m.say(strconv.Itoa(i+1) + ". " + o)
	}
	text, err := m.line(ctx, m.ph.Say("PlainNumber", "N", len(options)))
	if err != nil {
		return 0, err
	}
	return m.number(text, len(options))
}

// approve asks for the code that grants these capabilities.
func (m *plainAsking) approve(ctx context.Context, granted []string) (Answer, error) {
	text, err := m.line(ctx, m.ph.Say("CodeOnly", "Code", m.prompt.Code, "What", m.ph.shorts(granted)))
	if err != nil {
		return Answer{}, err
	}
	if text != m.prompt.Code {
		m.say(m.ph.Say("PlainWrongCode"))
		return Answer{}, errAgain
	}
	return Answer{Choice: Approve, Granted: granted}, nil
}

func (m *plainAsking) fewer(ctx context.Context) (Answer, error) {
	m.say(m.ph.Say("FewerTitle"))
	for i, c := range m.prompt.Capabilities {
		m.say(strconv.Itoa(i+1) + ". " + m.ph.Can(c, m.prompt.Login))
	}
	text, err := m.line(ctx, m.ph.Say("PlainNumbers"))
	if err != nil {
		return Answer{}, err
	}
	var granted []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ' ' || r == ',' }) {
		n, err := m.number(word, len(m.prompt.Capabilities))
		if err != nil {
			return Answer{}, err
		}
		if c := m.prompt.Capabilities[n]; !slices.Contains(granted, c) {
			granted = append(granted, c)
		}
	}
	if len(granted) == 0 {
		m.say(m.ph.Say("NoticeNothing"))
		return Answer{}, errAgain
	}
	return m.approve(ctx, granted)
}

func (m *plainAsking) later(ctx context.Context) (Answer, error) {
	n, err := m.choice(ctx, m.ph.Say("LaterTitle"), m.ph.all(laterKeys()))
	if err != nil {
		return Answer{}, err
	}
	if wait, ok := laterWait(n); ok {
		return Answer{Choice: Later, Later: time.Now().Add(wait)}, nil
	}
	text, err := m.line(ctx, m.ph.Say("TimeLabel"))
	if err != nil {
		return Answer{}, err
	}
	at, ok := laterAt(text, time.Now())
	if !ok {
		m.say(m.ph.Say("NoticeTime"))
		return Answer{}, errAgain
	}
	return Answer{Choice: Later, Later: at}, nil
}

func (m *plainAsking) refuse(ctx context.Context) (Answer, error) {
	options := m.ph.all(refuseKeys())
	n, err := m.choice(ctx, m.ph.Say("RefuseTitle"), options)
	if err != nil {
		return Answer{}, err
	}
	switch refuseKeys()[n] {
	case refuseSilent:
		return Answer{Choice: Refuse}, nil
	case refuseOther:
		text, err := m.line(ctx, m.ph.Say("WhyLabel"))
		return Answer{Choice: Refuse, Why: cut(text, whyLongest)}, err
	}
	return Answer{Choice: Refuse, Why: options[n]}, nil
}

func (m *plainAsking) stranger(ctx context.Context) (Answer, error) {
	about := m.ph.Say("StrangerAbout", "Technician", m.prompt.person())
	n, err := m.choice(ctx, about, m.ph.all(strangerKeys()))
	if err == nil && strangerKeys()[n] != strangerSure {
		err = errAgain
	}
	return Answer{Choice: Refuse, Stranger: true}, err
}

func (m *plainAsking) more(context.Context) (Answer, error) {
	deadline, ok := m.prompt.Extend()
	if !ok {
		m.say(m.ph.Say("NoticeNoMoreTime"))
		return Answer{}, errAgain
	}
	if deadline.IsZero() {
		return Answer{}, errAgain // it comes with the next version of the prompt
	}
	m.prompt.Deadline = deadline
	m.prompt.Extensions--
	m.extended++
	m.warned = false
	m.say(m.ph.Say("NoticeExtended"))
	return Answer{}, errAgain
}

// line reads an answer. One that began before the keyboard had been silent
// since the question, or that was pasted, is none.
func (m *plainAsking) line(ctx context.Context, question string) (string, error) {
	m.t.In.Discard()
	m.write(question + " ")
	m.guard.restart(time.Now())
	var line typedLine
	err := m.readUntil(ctx, question, &line)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(line.text)
	if m.also != nil && !line.pasted && m.also(text) {
		return "", errAgain
	}
	if line.pasted || !m.guard.key(line.first) {
		m.say(m.ph.Say("PlainEarly"))
		return "", errAgain
	}
	return text, nil
}

// readUntil reads a line until the deadline, and warns before that.
func (m *plainAsking) readUntil(ctx context.Context, question string, line *typedLine) error {
	for {
		until := m.prompt.Deadline
		if !m.warned {
			until = until.Add(-warnBefore)
		}
		limited, cancel := context.WithDeadline(ctx, until)
		err := m.read(limited, line)
		cancel()
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return err
		}
		if m.warned {
			m.say("")
			return ErrTime
		}
		m.warned = true
		m.say("\n" + m.ph.Say("CountdownLast", "Time", m.ph.lasting(warnBefore)))
		m.write(question + " " + line.text)
	}
}
