package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/gateway/store"
	"accord/policy"
	"accord/tui"
	"accord/wire"
)

// Exit statuses of what the gateway itself says. 255 is ssh's own.
const (
	exitOK      = 0
	exitFailed  = 1
	exitUsage   = 2
	exitRefused = 3 // the policy or the user said no
	exitNobody  = 4 // there was no answer, or the device is away
)

// reserved are user names that never name a device.
func reserved(name string) bool { return name == "accord" || name == "gw" || name == "list" }

// target is where the SSH user name points: [LOGIN+]DEVICE.
type target struct{ login, device string }

// where reads the user name. What names no device is the list, and a name that
// was surely meant for one is said to be unknown.
func (s *session) where(ctx context.Context) (t target, unknown string, err error) {
	t.device = s.user
	login, device, plus := strings.Cut(s.user, "+")
	if plus {
		t.login, t.device = login, device
	}
	if reserved(t.device) && !plus {
		return target{}, "", nil
	}
	_, err = s.gateway.store.DeviceByName(ctx, t.device)
	switch {
	case err == nil:
		return t, "", nil
	case errors.Is(err, store.ErrNotFound), errors.Is(err, store.ErrInvalid):
		return target{}, wire.Clean(t.device, wire.MaxName), nil
	}
	return target{}, "", err
}

// run is the story of one session: where to, then there, then how it went.
func (s *session) run(ctx context.Context) (status int) {
	t, unknown, err := s.where(ctx)
	if err != nil {
		s.say("The gateway can't read its list of devices; its admin finds why in its log.")
		s.gateway.log.Error("list of devices", "error", err)
		return exitFailed
	}
	switch {
	case t.device != "":
		return s.goTo(ctx, t)
	case s.command != "":
		return s.manage(ctx, unknown)
	case s.pty == nil:
		return s.lost(unknown)
	}
	return s.browse(ctx, unknown)
}

// lost answers an `ssh -T gw`, which has no terminal to show the list in.
func (s *session) lost(unknown string) int {
	if unknown != "" {
		s.say(fmt.Sprintf("No device is called %s.", unknown))
	}
	s.say("Name a device (ssh DEVICE@gateway) or a command (ssh gateway help), or leave out -T to see the list.")
	return exitUsage
}

// browse shows the list, goes to the device that is picked, and comes back.
func (s *session) browse(ctx context.Context, unknown string) int {
	list := tui.DeviceList{Organisation: s.gateway.cfg.Organisation, Person: s.person.Name}
	if ok, _ := policy.May(s.person.Person, policy.Enroll); ok {
		list.Enroll = "ssh … enroll"
	}
	if unknown != "" && strings.Contains(s.user, "+") {
		list.Notice = fmt.Sprintf("No device is called %s.", unknown)
	}
	for {
		picked, err := s.pick(ctx, list)
		if err != nil {
			return leaving(err)
		}
		list.Notice, list.Cursor = "", picked
		if err := s.visitFromList(ctx, target{device: picked}); err != nil {
			return leaving(err)
		}
	}
}

func leaving(err error) int {
	if errors.Is(err, tui.ErrLeft) || errors.Is(err, errGone) {
		return exitOK
	}
	return exitFailed
}

// pick shows the list, kept up to date while it is open.
func (s *session) pick(ctx context.Context, list tui.DeviceList) (string, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	updates := make(chan []tui.Device)
	var err error
	next := s.gateway.changes.next()
	if list.Devices, err = s.devices(ctx); err != nil {
		return "", err
	}
	list.Updates = updates
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.follow(ctx, next, updates)
	}()
	picked, err := tui.Devices(ctx, s.terminal(), list)
	cancel()
	<-done
	return picked.Device, err
}

// follow sends the list anew at each change, at most a few times a second.
func (s *session) follow(ctx context.Context, next <-chan struct{}, updates chan<- []tui.Device) {
	for {
		select {
		case <-next:
		case <-ctx.Done():
			return
		}
		next = s.gateway.changes.next()
		now, err := s.devices(ctx)
		if err != nil {
			return
		}
		select {
		case updates <- now:
		case <-ctx.Done():
			return
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return
		}
	}
}

// goTo is `ssh DEVICE@gw`: one visit, then the client's own exit.
func (s *session) goTo(ctx context.Context, t target) int {
	if s.pty != nil && s.command == "" {
		return s.goToTerminal(ctx, t)
	}
	v, err := s.obtain(ctx, t, s.wantedFromEnv(), func(v *visit) error { return s.waitQuietly(ctx, v) })
	if err != nil {
		s.say(s.sentence(err))
		return statusOf(err)
	}
	defer v.release()
	s.exit = outcome{}
	if err := s.relayed(ctx, v); err != nil {
		s.say(s.sentence(err))
		return exitFailed
	}
	return s.exit.status
}

func (s *session) goToTerminal(ctx context.Context, t target) int {
	err := s.visitFromList(ctx, t)
	if err != nil {
		return leaving(err)
	}
	return s.exit.status
}

// visitFromList asks for a visit on the technician's terminal, goes through
// with it and shows how it ended. An error means that the session is over.
func (s *session) visitFromList(ctx context.Context, t target) error {
	s.exit = outcome{status: exitRefused}
	v, err := s.obtain(ctx, t, nil, func(v *visit) error { return s.waitOnScreen(ctx, v) })
	switch {
	case errors.Is(err, tui.ErrBack):
		return nil
	case errors.Is(err, tui.ErrLeft), ctx.Err() != nil:
		return err
	case err != nil:
		return s.notice(ctx, err)
	}
	rerr := s.relayed(ctx, v)
	if ctx.Err() != nil {
		v.release()
		return errGone
	}
	v.release()
	if errors.Is(rerr, errNotStarted) {
		return s.notice(ctx, rerr)
	}
	return s.close(ctx, v)
}

// close is the last screen of a visit: how it ended, and the technician's
// closing note. Where other sessions of the visit go on, it says so.
func (s *session) close(ctx context.Context, v *visit) error {
	if v.isOpen() {
		return tui.Notice(ctx, s.terminal(), tui.Note{
			Title: "The visit goes on in another window.",
			Lines: []string{"This session on " + v.home.device.Name + " has ended; the visit ends with its last session."},
		})
	}
	select {
	case <-v.done:
	case <-ctx.Done():
		return errGone
	}
	why := v.why()
	note, err := tui.ClosingNote(ctx, s.terminal(), tui.Summary{
		Device: v.home.device.Name, Visit: v.req.Visit, Began: v.openedAt, Ended: time.Now(),
		By: why.by, Cause: why.cause, Recording: v.req.Visit,
	})
	if note = wire.Clean(note, wire.MaxReason); note != "" {
		if nerr := s.gateway.visitNoted(v, note); nerr != nil {
			s.gateway.log.Error("a closing note was not kept", "visit", v.req.Visit, "error", nerr)
		}
	}
	if errors.Is(err, tui.ErrBack) {
		return nil
	}
	return err
}

// notice tells why there was no visit, and waits for a key.
func (s *session) notice(ctx context.Context, err error) error {
	n := tui.Note{Title: s.sentence(err), Kind: tui.NoteBad}
	if a, ok := errors.AsType[*answered](err); ok && a.Choice == wire.Later {
		n.Kind, n.Appointment = tui.NoteInfo, *a.Later
	}
	return tui.Notice(ctx, s.terminal(), n)
}

// asked is what a technician asks for.
type asked struct {
	reason, ticket string
	minutes        int
	capabilities   []string
	login          string
}

// wantedFromEnv is the request of a session without a form: a shell, with what
// SetEnv says.
func (s *session) wantedFromEnv() *asked {
	minutes, _ := strconv.Atoi(s.getenv("ACCORD_MINUTES", 8))
	return &asked{
		reason: s.getenv("ACCORD_REASON", wire.MaxReason), ticket: s.getenv("ACCORD_TICKET", wire.MaxTicket),
		minutes: minutes, capabilities: []string{string(wire.Shell)},
	}
}

// obtain brings a visit that is open: the technician's own on that device, or
// a new one that the policy allows and the user approves. want is nil where
// a form is to be filled in; wait sees the technician through the waiting. The
// caller must release what it gets.
func (s *session) obtain(ctx context.Context, t target, want *asked, wait func(*visit) error) (*visit, error) {
	g := s.gateway
	v := g.visits.join(s.person, t.device, t.login)
	if v == nil {
		h, err := g.reach(ctx, t.device)
		if err != nil {
			return nil, err
		}
		if v, err = s.propose(ctx, h, t, want); err != nil {
			return nil, err
		}
	}
	if err := s.await(ctx, v, wait); err != nil {
		v.release()
		return nil, err
	}
	return v, nil
}

// await waits until the visit is open, or says why it is not.
func (s *session) await(ctx context.Context, v *visit, wait func(*visit) error) error {
	if err := wait(v); err != nil {
		return err
	}
	select {
	case <-v.decided:
	default:
		return v.why()
	}
	switch {
	case v.failure != nil:
		return v.failure
	case v.consent.Choice != wire.Approve:
		return &answered{v.consent, v.home.device.Name}
	}
	select {
	case <-v.opened:
		return nil
	case <-v.done:
		return v.why()
	case <-ctx.Done():
		return errGone
	}
}

// answered is an answer of the device's user that is not a yes.
type answered struct {
	*wire.Consent
	device string
}

func (a *answered) Error() string {
	switch a.Choice {
	case wire.Later:
		return fmt.Sprintf("Not now: the user of %s asks you to come back at %s.", a.device, a.Consent.Later.Format("15:04 on 2 January"))
	case wire.Refuse:
		if a.Stranger {
			return fmt.Sprintf("The user of %s refused: they do not know you. A supervisor is told.", a.device)
		}
		if a.Why != "" {
			return fmt.Sprintf("The user of %s refused: %s", a.device, a.Why)
		}
		return fmt.Sprintf("The user of %s refused.", a.device)
	}
	if a.Why != "" {
		return a.Why
	}
	return fmt.Sprintf("Nobody at %s answered.", a.device)
}

// decide asks the policy about a request.
func (s *session) decide(h *home, a asked, now time.Time) policy.Decision {
	return policy.Decide(policy.Request{
		Person: s.person.Person, Device: h.device.Name, Labels: h.device.Labels, Capabilities: a.capabilities,
		Minutes: a.minutes, Reason: a.reason, Ticket: a.ticket, Login: a.login,
	}, policy.Facts{
		Policy: s.gateway.rules, Offers: texts(h.hello.Capabilities), Logins: h.hello.Logins, Open: s.gateway.visits.of(s.person),
	}, now)
}

func texts(list []wire.Capability) []string {
	out := make([]string, len(list))
	for i, c := range list {
		out[i] = string(c)
	}
	return out
}

// deniedByPolicy is a no of the policy; its text is the policy's sentence.
type deniedByPolicy struct{ policy.Decision }

func (e *deniedByPolicy) Error() string {
	hint := ""
	if e.Verdict == policy.Incomplete {
		hint = ` Add it on the command line: ssh -o 'SetEnv ACCORD_REASON="…" ACCORD_TICKET="…"' …`
	}
	return e.Why + hint
}

// propose puts a request to the device, by form or from what the client sent.
func (s *session) propose(ctx context.Context, h *home, t target, want *asked) (*visit, error) {
	if want == nil {
		filled, err := s.form(ctx, h, t)
		if err != nil {
			return nil, err
		}
		want = filled
	} else {
		want.login = t.login
	}
	d := s.decide(h, *want, time.Now())
	if d.Verdict != policy.Allow {
		return nil, &deniedByPolicy{d}
	}
	var caps []wire.Capability
	for _, c := range want.capabilities {
		caps = append(caps, wire.Capability(c))
	}
	return s.gateway.begin(s.person, h, d, wire.Request{Capabilities: caps, Login: want.login})
}

// form asks the technician for reason, ticket, capabilities and minutes.
func (s *session) form(ctx context.Context, h *home, t target) (*asked, error) {
	device, err := s.device(ctx, h)
	if err != nil {
		return nil, err
	}
	preset := s.wantedFromEnv()
	probe := s.decide(h, asked{capabilities: texts(h.hello.Capabilities), login: t.login}, time.Now())
	if probe.Verdict == policy.Deny {
		return nil, &deniedByPolicy{probe}
	}
	o := probe.Obligations
	f := tui.RequestForm{
		Device: device, Organisation: s.gateway.cfg.Organisation,
		Reason: preset.reason, Ticket: preset.ticket, Login: t.login, Wanted: preset.capabilities,
		ReasonRequired: o.ReasonRequired, ReasonMin: o.ReasonMin, TicketRequired: o.TicketRequired, TicketLooks: o.TicketPattern,
		Minutes: probe.Minutes, MinutesMax: o.LongestMinutes,
	}
	if o.TicketPattern != "" {
		f.TicketFits = func(ticket string) bool {
			a := asked{capabilities: texts(h.hello.Capabilities)[:1], reason: strings.Repeat("x", o.ReasonMin), ticket: ticket}
			return s.decide(h, a, time.Now()).Verdict == policy.Allow
		}
	}
	fields, err := tui.AskRequest(ctx, s.terminal(), f)
	if err != nil {
		return nil, err
	}
	return &asked{
		reason: wire.Clean(fields.Reason, wire.MaxReason), ticket: wire.Clean(fields.Ticket, wire.MaxTicket),
		minutes: fields.Minutes, capabilities: fields.Capabilities, login: fields.Login,
	}, nil
}

// waitOnScreen shows the state of the prompt. Leaving the screen withdraws the
// request.
func (s *session) waitOnScreen(ctx context.Context, v *visit) error {
	states, stop := v.follow(ctx)
	defer stop()
	return tui.Wait(ctx, s.terminal(), tui.Waiting{
		Device: v.home.device.Name, Organisation: v.req.Organisation, Reason: v.req.Reason, Ticket: v.req.Ticket,
		Capabilities: texts(v.req.Capabilities), Minutes: v.req.Minutes, Began: v.asked,
	}, states)
}

// waitQuietly waits with a line on standard error, for tools.
func (s *session) waitQuietly(ctx context.Context, v *visit) error {
	select {
	case <-v.decided:
		return nil
	default:
	}
	states, stop := v.follow(ctx)
	defer stop()
	said := ""
	for st := range states {
		if line := quietLine(v, st.Phase); line != said {
			said = line
			s.say(line)
		}
	}
	if ctx.Err() != nil {
		return errGone
	}
	return nil
}

func quietLine(v *visit, phase string) string {
	device := v.home.device.Name
	switch phase {
	case tui.PhaseQueued:
		return "waiting: the user of " + device + " is answering another request first"
	case tui.PhaseShown:
		return "waiting: the user of " + device + " is being asked"
	case tui.PhaseRead:
		return "waiting: the user of " + device + " is reading the request"
	case tui.PhaseUnreachable:
		return "waiting: nobody is reached at " + device + "; it keeps trying"
	}
	return "waiting for the consent of the user of " + device + "; recorded from its start; Ctrl-C withdraws the request"
}

// follow gives the states of the prompt, closed when there is an answer or the
// visit is over.
func (v *visit) follow(ctx context.Context) (<-chan tui.WaitState, func()) {
	ctx, cancel := context.WithCancel(ctx)
	out, done := make(chan tui.WaitState), make(chan struct{})
	go func() {
		defer close(done)
		defer close(out)
		for {
			state, changed := v.state()
			select {
			case out <- state:
			case <-v.decided:
				return
			case <-v.done:
				return
			case <-ctx.Done():
				return
			}
			select {
			case <-changed:
			case <-v.decided:
				return
			case <-v.done:
				return
			case <-ctx.Done():
				return
			}
		}
	}()
	return out, func() { cancel(); <-done }
}

// statusOf is the exit status for an error of obtain.
func statusOf(err error) int {
	if a, ok := errors.AsType[*answered](err); ok {
		if a.Choice == wire.None {
			return exitNobody
		}
		return exitRefused
	}
	if _, ok := errors.AsType[*deniedByPolicy](err); ok {
		return exitRefused
	}
	if _, ok := errors.AsType[*awayError](err); ok {
		return exitNobody
	}
	return exitFailed
}

// awayError is a device that can't be reached now.
type awayError struct{ sentence string }

func (e *awayError) Error() string { return e.sentence }

// reach finds the live link of a device by name, or says since when and why
// there is none.
func (g *Gateway) reach(ctx context.Context, name string) (*home, error) {
	d, err := g.store.DeviceByName(ctx, name)
	if err != nil {
		return nil, err
	}
	if !d.QuarantinedSince.IsZero() {
		return nil, &awayError{fmt.Sprintf("%s is in quarantine since %s: %s. An admin must release it.", name, clock(d.QuarantinedSince), d.QuarantineWhy)}
	}
	if h := g.homes.get(d.Key); h != nil {
		return h, nil
	}
	return nil, &awayError{fmt.Sprintf("%s is away since %s: %s.", name, clock(d.Since), d.Why)}
}

func clock(t time.Time) string {
	if t.IsZero() {
		return "its enrolment"
	}
	return t.Local().Format("15:04 on 2 January")
}

// sentence is what the person reads of an error; what is no sentence of ours
// stays in the log.
func (s *session) sentence(err error) string {
	var e ending
	switch {
	case errors.As(err, &e):
		return e.cause
	case errors.Is(err, store.ErrUnavailable):
		s.gateway.log.Error("state", "error", err)
		return "The gateway can't write its records, so it opens nothing; its admin finds why in its log."
	}
	return wire.Clean(err.Error(), wire.MaxReason)
}

// devices is the list as this person sees it.
func (s *session) devices(ctx context.Context) ([]tui.Device, error) {
	all, err := s.gateway.store.Devices(ctx)
	if err != nil {
		return nil, err
	}
	appointments, err := s.gateway.store.Appointments(ctx, s.person.Name, time.Now())
	if err != nil {
		return nil, err
	}
	busy := make(map[string][]string)
	for _, v := range s.gateway.visits.all() {
		if v.isOpen() && !slices.Contains(busy[v.home.device.Name], v.person.Name) {
			busy[v.home.device.Name] = append(busy[v.home.device.Name], v.person.Name)
		}
	}
	list := make([]tui.Device, 0, len(all))
	for _, d := range all {
		line := s.gateway.line(d)
		line.Busy = strings.Join(busy[d.Name], ", ")
		for _, a := range appointments {
			if a.Device == d.Name {
				line.Appointment = a.Later
			}
		}
		list = append(list, line)
	}
	return list, nil
}

// device is one line of it.
func (s *session) device(ctx context.Context, h *home) (tui.Device, error) {
	d, err := s.gateway.store.DeviceByKey(ctx, h.device.Key)
	if err != nil {
		return tui.Device{}, err
	}
	return s.gateway.line(d), nil
}

// line is a device as a line of the list.
func (g *Gateway) line(d store.Device) tui.Device {
	line := tui.Device{
		Name: d.Name, OS: d.OS, Labels: labelText(d.Labels), State: tui.Away, Since: d.Since, Why: d.Why,
		Capabilities: d.Capabilities, Logins: d.Logins,
	}
	switch {
	case !d.QuarantinedSince.IsZero():
		line.State, line.Since, line.Why = tui.Quarantined, d.QuarantinedSince, d.QuarantineWhy
	case g.homes.get(d.Key) != nil:
		line.State, line.Why = tui.Online, ""
	}
	return line
}

func labelText(m map[string]string) string {
	list := make([]string, 0, len(m))
	for k, v := range m {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
