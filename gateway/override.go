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
	"accord/wire"
)

// overrideCommands are those about overrides of the user's consent.
func overrideCommands() []command {
	return []command{
		{policy.OverrideRequest, "DEVICE --reason … [--ticket …] [--minutes N] [--capability C]… [--exercise] [--json]", "ask the supervisors to open a device where nobody answers", (*session).cmdOverrideRequest},
		{policy.OverrideDrill, "DEVICE [--reason …] [--json]", "practise it: all of it, but nothing is opened", (*session).cmdOverrideDrill},
		{policy.OverrideOpen, "N", "use an override that is approved (ssh -t); so does ssh DEVICE@GATEWAY", (*session).cmdOverrideOpen},
		{policy.OverrideList, "[--json] [--limit N]", "list them, and which reviews are due", (*session).cmdOverrideList},
		{policy.OverrideShow, "N [--json]", "print the statement that supervisors sign", (*session).cmdOverrideShow},
		{policy.OverrideApprove, "N [--json] <SIGNATURE", "approve it with your signature, see docs/override.md", (*session).cmdOverrideApprove},
		{policy.OverrideDeny, "N [REASON] [--json]", "deny it, or take back your own", (*session).cmdOverrideDeny},
		{policy.OverrideReview, "N --verdict justified|unjustified --note … [--json]", "say afterwards, as a third person, whether it was right", (*session).cmdOverrideReview},
		{policy.RosterList, "[--json]", "who may sign, by the list that devices have pinned", (*session).cmdRoster},
		{policy.RosterShow, "", "print the new list that waits for the signatures of the old one", (*session).cmdRosterShow},
		{policy.RosterSign, "<SIGNATURE", "sign it: ssh-keygen -Y sign -n roster@accord", (*session).cmdRosterSign},
	}
}

// exitStatus ends a command with a status of its own and no sentence.
type exitStatus struct{ status int }

func (e *exitStatus) Error() string { return "ended with status " + strconv.Itoa(e.status) }

func (s *session) cmdOverrideRequest(ctx context.Context, c *call) error {
	if len(c.words) < 1 {
		return &usageError{"Name a device."}
	}
	if err := c.only("reason", "ticket", "minutes", "capability", "exercise", "json"); err != nil {
		return err
	}
	want := asked{
		reason: c.sentence("reason", s.getenv("ACCORD_REASON", wire.MaxReason)),
		ticket: wire.Clean(c.last("ticket", s.getenv("ACCORD_TICKET", wire.MaxTicket)), wire.MaxTicket), capabilities: c.flags["capability"],
	}
	if len(want.capabilities) == 0 {
		want.capabilities = []string{string(wire.Shell)}
	}
	if c.has("minutes") {
		var err error
		if want.minutes, err = c.number("minutes", 0); err != nil {
			return err
		}
	}
	return s.requestOverride(ctx, c, want, c.has("exercise"))
}

func (s *session) cmdOverrideDrill(ctx context.Context, c *call) error {
	if len(c.words) < 1 {
		return &usageError{"Name a device."}
	}
	if err := c.only("reason", "json"); err != nil {
		return err
	}
	want := asked{reason: c.sentence("reason", "Exercise"), capabilities: []string{string(wire.Shell)}}
	return s.requestOverride(ctx, c, want, true)
}

// requestOverride asks and says what comes next.
func (s *session) requestOverride(ctx context.Context, c *call, want asked, exercise bool) error {
	device := c.words[0]
	if login, name, plus := strings.Cut(device, "+"); plus {
		device, want.login = name, login
	}
	o, err := s.askOverride(ctx, device, want, exercise)
	if err != nil {
		return err
	}
	return s.printCase(c, o, s.askedSentence(o))
}

// printCase tells how a case stands after a command: in a sentence, or whole.
func (s *session) printCase(c *call, o store.Override, sentence string) error {
	if c.has("json") {
		return s.printJSON(s.gateway.overrideJSON(o))
	}
	s.print(sentence + "\n")
	return nil
}

func (s *session) askedSentence(o store.Override) string {
	key := "GwOverrideAsked"
	if o.Exercise {
		key = "GwOverrideAskedExercise"
	}
	return s.phrases().Say(key, "Number", o.Number, "Device", o.Device, "Count", o.Needed, "Time", clock(o.Until))
}

// askOverride makes a case of what the technician asks for, if the rules let
// them: its statement has a number made by the device for it alone.
func (s *session) askOverride(ctx context.Context, device string, want asked, exercise bool) (store.Override, error) {
	g, now := s.gateway, time.Now()
	h, err := g.reach(ctx, device)
	if err != nil {
		return store.Override{}, err
	}
	d := s.decide(h, want, now)
	rules := g.law().policy.Override
	attempts, err := g.attempts(ctx, s.person.Name, h.device.Key, now.Add(-rules.Within))
	if err != nil {
		return store.Override{}, err
	}
	cases, err := g.cases(ctx)
	if err != nil {
		return store.Override{}, err
	}
	ruling := rules.MayRequest(s.question(h, want), d, moments(attempts), cases, exercise, now)
	if !ruling.Allowed {
		g.denied(s.person, "override of "+h.device.Name, ruling.Why)
		return store.Override{}, &ruledOut{ruling}
	}
	nonce, err := g.askNonce(ctx, h)
	if err != nil {
		return store.Override{}, err
	}
	roster, err := g.rosterOf(ctx, h)
	if err != nil {
		return store.Override{}, err
	}
	o := s.statement(h, want, d, now)
	o.Exercise, o.Attempts, o.Emergency, o.Nonce = exercise, attempts, ruling.Emergency, nonce.Nonce
	o.Until = o.Asked.Add(rules.Life)
	if nonce.Until.Before(o.Until) {
		o.Until = nonce.Until.Truncate(time.Second)
	}
	return s.keepOverride(ctx, h, o, max(rules.Signers, roster.Signers))
}

// statement is what is asked for, as it will be signed.
func (s *session) statement(h *home, want asked, d policy.Decision, now time.Time) wire.Override {
	o := wire.Override{
		Organisation: wire.Clean(s.gateway.cfg.Organisation, wire.MaxName), Device: h.device.Name, DeviceKey: h.device.Key,
		Technician: s.person.Name, Full: wire.Clean(s.me().Full, wire.MaxName), Key: s.person.fingerprint,
		Login: want.login, Minutes: d.Minutes, Reason: wire.Clean(d.Reason, wire.MaxReason), Ticket: wire.Clean(d.Ticket, wire.MaxTicket),
		Asked: now.UTC().Truncate(time.Second),
	}
	for _, c := range want.capabilities {
		o.Capabilities = append(o.Capabilities, wire.Capability(c))
	}
	return o
}

func (s *session) keepOverride(ctx context.Context, h *home, o wire.Override, needed int) (store.Override, error) {
	made, err := s.gateway.store.RequestOverride(ctx, store.OverrideRequest{
		Exercise: o.Exercise, DeviceKey: h.device.Key, Technician: o.Technician, TechnicianKey: o.Key, Needed: needed, Until: o.Until,
		Statement: func(number int) ([]byte, error) {
			o.Number = number
			return o.Text(), o.Check()
		},
		Data: map[string]string{
			"reason": o.Reason, "ticket": o.Ticket, "capabilities": strings.Join(texts(o.Capabilities), " "),
			"minutes": strconv.Itoa(o.Minutes), "attempts": strconv.Itoa(len(o.Attempts)),
		},
	}, s.entry())
	if errors.Is(err, store.ErrExists) {
		return made, errors.New("you have an override for " + h.device.Name + " that still waits or can be used; `override list` shows it, `override deny N` takes it back")
	}
	if err == nil {
		s.gateway.overridesChanged(true)
	}
	return made, err
}

// ruledOut is a no of the rules about overrides.
type ruledOut struct{ policy.Ruling }

func (e *ruledOut) Error() string { return e.Why }

// attempts are the requests of a technician to a device that its user, or the
// device for want of one, answered with something else than a yes: signed by
// the device, so that a request which was withdrawn is none. Oldest first.
func (g *Gateway) attempts(ctx context.Context, technician, deviceKey string, since time.Time) ([]wire.Attempt, error) {
	visits, err := g.store.Visits(ctx, store.VisitFilter{Technician: technician, Since: since})
	if err != nil {
		return nil, err
	}
	var list []wire.Attempt
	for _, v := range visits {
		if v.DeviceKey != deviceKey || len(v.Consent) == 0 || overrideIn(v.Consent) {
			continue
		}
		outcome := map[store.VisitState]string{store.Unanswered: "no answer", store.Refused: "refused", store.Postponed: "later"}[v.State]
		if outcome != "" && len(list) < statedAttempts {
			list = append(list, wire.Attempt{At: v.Answered.UTC().Truncate(time.Second), Visit: v.ID, Outcome: outcome})
		}
	}
	slices.Reverse(list)
	return list, nil
}

// statedAttempts bounds the attempts that a statement names.
const statedAttempts = 8

func moments(list []wire.Attempt) []policy.Attempt {
	out := make([]policy.Attempt, len(list))
	for i, a := range list {
		out[i].At = a.At
	}
	return out
}

// cases are the overrides that were used and not reviewed yet.
func (g *Gateway) cases(ctx context.Context) ([]policy.Case, error) {
	used, err := g.store.Overrides(ctx, store.OverrideFilter{State: store.OverrideUsed})
	if err != nil {
		return nil, err
	}
	list := make([]policy.Case, len(used))
	for i, o := range used {
		list[i] = caseOf(o)
	}
	return list, nil
}

// caseOf is an override as the rules see it.
func caseOf(o store.Override) policy.Case {
	c := policy.Case{
		Number: o.Number, Exercise: o.Exercise, Technician: o.Technician, Until: o.Until, Ended: o.Ended,
		Reviewed: o.State == store.OverrideReviewed,
	}
	for _, s := range o.Signatures {
		c.Signers = append(c.Signers, s.Signer)
	}
	return c
}

// findOverride finds the case that a command names. A technician who is
// nothing else finds only their own.
func (s *session) findOverride(ctx context.Context, word string) (store.Override, error) {
	number, err := strconv.Atoi(word)
	if err != nil || number < 1 {
		return store.Override{}, &usageError{"An override is named by its number; `override list` shows them."}
	}
	o, err := s.gateway.store.Override(ctx, number)
	hidden := err == nil && !s.seesAll() && o.Technician != s.person.Name
	if hidden {
		s.gateway.denied(s.person, fmt.Sprintf("see override %d", number), "It is "+o.Technician+"'s.")
	}
	if hidden || errors.Is(err, store.ErrNotFound) { // the same answer: who may not see it does not learn that it is there
		return o, fmt.Errorf("there is no override %d that you may see; `override list` shows them", number)
	}
	return o, err
}

func (s *session) seesAll() bool {
	me := s.me()
	return me.Has(policy.Supervisor) || me.Has(policy.Auditor)
}

// cmdOverrideShow prints the very bytes that are signed, and nothing else: they
// are piped to ssh-keygen.
func (s *session) cmdOverrideShow(ctx context.Context, c *call) error {
	if len(c.words) != 1 {
		return &usageError{"Name an override by its number."}
	}
	if err := c.only("json"); err != nil {
		return err
	}
	o, err := s.findOverride(ctx, c.words[0])
	if err != nil {
		return err
	}
	if c.has("json") {
		return s.printJSON(s.gateway.overrideJSON(o))
	}
	s.print(string(o.Statement))
	return nil
}

type overrideJSON struct {
	Number     int             `json:"number"`
	State      string          `json:"state"`
	Exercise   bool            `json:"exercise"`
	Technician string          `json:"technician"`
	Device     string          `json:"device"`
	Reason     string          `json:"reason"`
	Ticket     string          `json:"ticket"`
	Minutes    int             `json:"minutes"`
	Needed     int             `json:"needed"`
	Signatures []signatureJSON `json:"signatures"`
	Asked      time.Time       `json:"asked"`
	Until      time.Time       `json:"until"`
	Cause      string          `json:"cause,omitempty"`
	By         string          `json:"by,omitempty"`
	Visit      string          `json:"visit,omitempty"`
	Used       *time.Time      `json:"used,omitempty"`
	Due        *time.Time      `json:"due,omitempty"` // of the review
	Overdue    bool            `json:"overdue"`
	Reviewer   string          `json:"reviewer,omitempty"`
	Verdict    string          `json:"verdict,omitempty"`
	Note       string          `json:"note,omitempty"`
	Statement  string          `json:"statement"`
}

type signatureJSON struct {
	Signer    string    `json:"signer"`
	Key       string    `json:"key"`
	At        time.Time `json:"at"`
	Signature string    `json:"signature"`
}

func (g *Gateway) overrideJSON(o store.Override) overrideJSON {
	said, _ := wire.ParseOverride(o.Statement) // it was checked when it was made
	rules, c := g.law().policy.Override, caseOf(o)
	j := overrideJSON{
		Number: o.Number, State: g.stateOf(o), Exercise: o.Exercise, Technician: o.Technician, Device: o.Device,
		Reason: said.Reason, Ticket: said.Ticket, Minutes: said.Minutes, Needed: o.Needed, Signatures: []signatureJSON{},
		Asked: o.Asked, Until: o.Until, Cause: o.Cause, By: o.By, Visit: o.Visit, Used: stamp(o.Used),
		Due: stamp(rules.Due(c)), Overdue: rules.Overdue(c, time.Now()),
		Reviewer: o.Reviewer, Verdict: o.Verdict, Note: o.Note, Statement: string(o.Statement),
	}
	for _, s := range o.Signatures {
		j.Signatures = append(j.Signatures, signatureJSON{s.Signer, s.Key, s.At, string(s.Signature)})
	}
	return j
}

// stateOf is how a case stands: one whose time is over has expired, whatever
// it was.
func (g *Gateway) stateOf(o store.Override) string {
	if (o.State == store.OverrideRequested || o.State == store.OverrideApproved) && !time.Now().Before(o.Until) {
		return "expired"
	}
	return string(o.State)
}

func (s *session) cmdOverrideList(ctx context.Context, c *call) error {
	if err := c.none("json", "limit"); err != nil {
		return err
	}
	limit, err := c.number("limit", 50)
	if err != nil {
		return err
	}
	f := store.OverrideFilter{Limit: limit}
	if !s.seesAll() {
		f.Technician = s.person.Name
	}
	list, err := s.gateway.store.Overrides(ctx, f)
	if err != nil {
		return err
	}
	if c.has("json") {
		out := make([]overrideJSON, 0, len(list))
		for _, o := range list {
			out = append(out, s.gateway.overrideJSON(o))
		}
		return s.printJSON(out)
	}
	var rows [][]string
	for _, o := range list {
		rows = append(rows, s.gateway.overrideRow(o))
	}
	return s.listed("There is no override that you may see.", []string{"NO", "STATE", "TECHNICIAN", "DEVICE", "SIGNED BY", "UNTIL", "REVIEW", "REASON"}, rows)
}

func (g *Gateway) overrideRow(o store.Override) []string {
	said, _ := wire.ParseOverride(o.Statement)
	rules, c := g.law().policy.Override, caseOf(o)
	signers, review := strings.Join(c.Signers, ", "), "-"
	switch {
	case o.State == store.OverrideReviewed:
		review = o.Verdict + " (" + o.Reviewer + ")"
	case rules.Overdue(c, time.Now()):
		review = "overdue since " + since(rules.Due(c))
	case !rules.Due(c).IsZero():
		review = "due " + since(rules.Due(c))
	}
	if signers == "" {
		signers = "-"
	}
	state := g.stateOf(o)
	if o.Exercise {
		state += " (exercise)"
	}
	return []string{strconv.Itoa(o.Number), state, o.Technician, o.Device, signers, since(o.Until), review, said.Reason}
}
