package gateway

import (
	"context"
	"errors"
	"strings"
	"time"

	"accord/policy"
	"accord/tui"
	"accord/wire"
)

// visitJSON is a visit as scripts read it.
type visitJSON struct {
	Visit        string            `json:"visit"`
	State        string            `json:"state"` // asked or open
	Technician   string            `json:"technician"`
	Device       string            `json:"device"`
	Reason       string            `json:"reason"`
	Ticket       string            `json:"ticket"`
	Capabilities []wire.Capability `json:"capabilities"`
	Asked        time.Time         `json:"asked"`
	Until        *time.Time        `json:"until,omitempty"`
	Paused       bool              `json:"paused"` // by the user
	Held         bool              `json:"held"`   // a colleague must watch, and nobody does
	Screen       bool              `json:"screen"` // the device's screen is open
	Watchers     []watcherJSON     `json:"watchers"`
}

type watcherJSON struct {
	Name  string `json:"name"`
	Hands bool   `json:"hands"` // types too
}

func (v *visit) json() visitJSON {
	line := visitJSON{
		Visit: v.req.Visit, State: "asked", Technician: v.person.Name, Device: v.home.device.Name,
		Reason: v.req.Reason, Ticket: v.req.Ticket, Capabilities: v.req.Capabilities, Asked: v.asked.UTC(), Watchers: []watcherJSON{},
	}
	if !v.isOpen() {
		return line
	}
	line.State, line.Until, line.Capabilities = "open", stamp(v.until), v.may()
	line.Paused, line.Held, line.Screen = v.audience.isPaused(), v.audience.held(), v.screens.live() != nil
	for _, w := range v.audience.names() {
		line.Watchers = append(line.Watchers, watcherJSON{w.Name, w.Hands})
	}
	return line
}

// line is a visit in the list on a terminal.
func (v *visit) line() tui.VisitLine {
	j := v.json()
	line := tui.VisitLine{
		Visit: j.Visit, Open: j.State == "open", Technician: j.Technician, Device: j.Device, Reason: j.Reason, Ticket: j.Ticket,
		Watchers: v.audience.names(), Paused: j.Paused, Held: j.Held,
	}
	if line.Open {
		line.Until = v.until
	}
	return line
}

// cmdVisits lists the visits; on a terminal they can be watched and ended.
func (s *session) cmdVisits(ctx context.Context, c *call) error {
	if err := c.none("json"); err != nil {
		return err
	}
	list := []visitJSON{}
	for _, v := range s.gateway.visits.all() {
		list = append(list, v.json())
	}
	switch {
	case c.has("json"):
		return s.printJSON(list)
	case s.pty != nil:
		if err := s.browseVisits(ctx); !errors.Is(err, tui.ErrBack) {
			return err
		}
		return nil
	}
	var rows [][]string
	for _, v := range list {
		until := "-"
		if v.Until != nil {
			until = v.Until.Local().Format("15:04")
		}
		rows = append(rows, []string{v.Visit, v.state(), v.Technician, v.Device, until, v.watchers(), v.Ticket, v.Reason})
	}
	return s.listed("No visit is asked for or open.", []string{"VISIT", "STATE", "TECHNICIAN", "DEVICE", "UNTIL", "WATCHED BY", "TICKET", "REASON"}, rows)
}

func (v visitJSON) state() string {
	switch {
	case v.Held:
		return "held"
	case v.Paused:
		return "paused"
	}
	return v.State
}

func (v visitJSON) watchers() string {
	names := make([]string, len(v.Watchers))
	for i, w := range v.Watchers {
		names[i] = w.Name
	}
	if len(names) == 0 {
		return "-"
	}
	return strings.Join(names, ",")
}

// browseVisits is the list on a terminal, until its reader goes back
// ([tui.ErrBack]) or leaves.
func (s *session) browseVisits(ctx context.Context) error {
	list := tui.VisitList{MayWatch: s.offers(policy.Watch), MayEnd: s.offers(policy.Kill)}
	for {
		if err := s.allowed(policy.Visits, "command visits"); err != nil {
			return err
		}
		picked, err := s.pickVisit(ctx, list)
		if err != nil {
			return err
		}
		list.Notice, list.Cursor = "", picked.Visit
		if picked.End {
			err = s.kill(picked.Visit, "")
		} else {
			err = s.watch(ctx, picked.Visit)
		}
		if ctx.Err() != nil || errors.Is(err, tui.ErrLeft) {
			return err
		}
		if err != nil {
			list.Notice = s.sentence(err)
		}
	}
}

// pickVisit shows the list, kept up to date while it is open.
func (s *session) pickVisit(ctx context.Context, list tui.VisitList) (tui.VisitPicked, error) {
	now := func() (lines []tui.VisitLine, err error) {
		if !s.offers(policy.Visits) {
			return nil, nil // any more
		}
		for _, v := range s.gateway.visits.all() {
			lines = append(lines, v.line())
		}
		return lines, nil
	}
	ctx, cancel := context.WithCancel(ctx)
	updates, done := make(chan []tui.VisitLine), make(chan struct{})
	next := s.gateway.changes.next()
	list.Visits, _ = now()
	list.Updates = updates
	go func() {
		defer close(done)
		followList(ctx, &s.gateway.changes, next, now, updates)
	}()
	picked, err := tui.Visits(ctx, s.terminal(), list)
	cancel()
	<-done
	return picked, err
}

func (s *session) cmdWatch(ctx context.Context, c *call) error {
	if err := c.exactly(1); err != nil {
		return err
	}
	if s.pty == nil {
		return &usageError{"To watch takes a terminal: ssh -t."}
	}
	return s.watch(ctx, c.words[0])
}

func (s *session) cmdSay(_ context.Context, c *call) error {
	if err := c.only("json"); err != nil {
		return err
	}
	if len(c.words) < 2 {
		return &usageError{"Name a visit, and what is to be said."}
	}
	v, err := s.findVisit(c.words[0])
	if err != nil {
		return err
	}
	ok, why := policy.MaySay(s.me(), s.person.fingerprint, v.watchFacts())
	if err := s.may("say "+v.req.Visit, ok, why); err != nil {
		return err
	}
	text := wire.Clean(strings.Join(c.words[1:], " "), wire.MaxReason)
	if err := v.utter(s.person.Name, text); err != nil {
		return err
	}
	if c.has("json") {
		return s.printJSON(map[string]string{"visit": v.req.Visit, "from": s.person.Name, "text": text})
	}
	s.print("Said to technician and user.\n")
	return nil
}

func (s *session) cmdKill(_ context.Context, c *call) error {
	if err := c.only("json"); err != nil {
		return err
	}
	if len(c.words) < 1 {
		return &usageError{"Name a visit."}
	}
	v, err := s.findVisit(c.words[0])
	if err != nil {
		return err
	}
	if err := s.kill(v.req.Visit, strings.Join(c.words[1:], " ")); err != nil {
		return err
	}
	if c.has("json") {
		return s.printJSON(map[string]string{"visit": v.req.Visit, "device": v.home.device.Name, "by": v.why().by, "cause": v.why().cause})
	}
	s.print("Visit " + v.req.Visit + " is over; everything of it on " + v.home.device.Name + " is closed.\n")
	return nil
}

// kill ends a visit and waits until it is over.
func (s *session) kill(id, why string) error {
	v, err := s.findVisit(id)
	if err != nil {
		return err
	}
	if err := s.endVisit(v, why); err != nil {
		return err
	}
	<-v.done
	return nil
}
