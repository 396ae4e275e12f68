package tui

import (
	"context"
	"errors"
	"sync"
	"time"

	tea "charm.land/bubbletea/v2"
)

// errPrompt refuses a prompt that no answer could be given to.
var errPrompt = errors.New("the request names no technician, no capability or no two-digit code, so it can't be shown")

// Ask shows one request to the device's user and waits for the answer. What
// was typed before is thrown away. seen is called once, from a goroutine of
// its own, when the user first touches the keyboard, and not after Ask has
// returned; it may be nil.
//
// An error means that there is no answer: [ErrTime], [ErrLeft], the cause of
// ctx's end, or a terminal that can't be used. The Answer then says [None],
// with the guard's times.
func Ask(ctx context.Context, t *Terminal, p Prompt, seen func()) (Answer, error) {
	if !p.answerable() {
		return Answer{Choice: None}, errPrompt
	}
	if seen == nil {
		seen = func() {}
	}
	t.In.Discard()
	if t.Plain() {
		return askPlain(ctx, t, p, seen)
	}
	var out outbox
	m := newAsking(newPage(t), p, time.Now(), func() tea.Cmd { return out.send(seen) }, nil)
	if p.Extend != nil {
		m.extend = func() tea.Cmd {
			return func() tea.Msg {
				deadline, ok := p.Extend()
				return extendedMsg{p.ID, deadline, ok}
			}
		}
	}
	err := run(ctx, t, m)
	out.flush()
	if err == nil {
		err = m.err
	}
	if !m.done {
		m.give(Answer{Choice: None}, err)
	}
	t.lines(m.ph).say(m.ph.outcome(m.answer, p))
	return m.answer, err
}

// outcome says what an answer came to.
func (p *Phrases) outcome(a Answer, asked Prompt) string {
	switch a.Choice {
	case Approve:
		return p.Say("OutcomeApprove", "Technician", asked.person(), "What", p.shorts(a.Granted))
	case Later:
		return p.Say("OutcomeLater", "Time", a.Later.Format("15:04"))
	case Refuse:
		if a.Stranger {
			return p.Say("OutcomeStranger")
		}
		return p.Say("OutcomeRefuse")
	}
	return p.Say("OutcomeNone")
}

// outbox performs what a screen tells the outside, in order, one at a time and
// away from the screen's own goroutine.
type outbox struct {
	busy  sync.Mutex // held while performing; taken before mu
	mu    sync.Mutex // guards queue
	queue []func()
}

// send queues a call and returns the command that performs it.
func (o *outbox) send(call func()) tea.Cmd {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.queue = append(o.queue, call)
	return func() tea.Msg {
		o.flush()
		return nil
	}
}

// flush performs what is queued and waits for what is being performed.
func (o *outbox) flush() {
	o.busy.Lock()
	defer o.busy.Unlock()
	for {
		o.mu.Lock()
		queue := o.queue
		o.queue = nil
		o.mu.Unlock()
		if len(queue) == 0 {
			return
		}
		for _, call := range queue {
			call()
		}
	}
}
