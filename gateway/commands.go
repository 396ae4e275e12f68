package gateway

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"time"

	"accord/gateway/store"
	"accord/policy"
	"accord/tui"
	"accord/wire"
)

// command is one management command: `ssh GATEWAY NAME …`.
type command struct {
	name  policy.Command
	usage string // after the name
	about string // one line
	run   func(*session, context.Context, *call) error
}

// commands is the list of them. Whether the roles of a person let them run one
// is asked in one place, [session.allowed], before anything of it is done.
func commands() []command {
	return append([]command{
		{policy.Devices, "[NAME]… [--json]", "list the devices, or those that are named", (*session).cmdDevices},
		{policy.ClientConfig, "[--known-hosts [--key] | --ansible | --json] [--web | [--host NAME] [--port N]]", "print a ~/.ssh/config, or an inventory, for the devices", (*session).cmdClientConfig},
		{policy.DevicesRelease, "NAME", "end the quarantine of a device", (*session).cmdRelease},
		{policy.DevicesRename, "NAME NEW", "give a device another name", (*session).cmdRename},
		{policy.DevicesLabel, "NAME KEY=VALUE… [KEY=]", "change labels of a device; without a value one is taken away", (*session).cmdLabel},
		{policy.DevicesRetire, "NAME [REASON]", "take a device out of service: what is open on it ends, and its key is admitted no more", (*session).cmdRetire},
		{policy.DevicesKeyRotate, "NAME", "have a device make itself another key, and refuse the old one from then on", (*session).cmdKeyRotate},
		{policy.DevicesUpdate, "NAME…|KEY=VALUE… [--to VERSION | --back | --cancel]", "order devices to run the newest release, this one, or the one before; those that are away get it when they call", (*session).cmdUpdate},
		{policy.DevicesUpdates, "[--json]", "say which release each device runs, what was ordered, and what came of it", (*session).cmdUpdates},
		{policy.Enroll, "[--name NAME | --count N] [--label KEY=VALUE]… [--life 1h] [--web | --agentless] [--json]", "print the line that lets one device join, or N lines for N devices; --agentless: one that only has OpenSSH", (*session).cmdEnroll},
		{policy.Visits, "[--json]", "list the visits that are asked for or open, or watch and end them on a terminal (ssh -t)", (*session).cmdVisits},
		{policy.Watch, "VISIT", "watch a visit live (needs a terminal: ssh -t)", (*session).cmdWatch},
		{policy.Say, "VISIT TEXT [--json]", "say a line that technician and user both see", (*session).cmdSay},
		{policy.Kill, "VISIT [REASON] [--json]", "end a visit at once", (*session).cmdKill},
		{policy.Recordings, "[--json] [--limit N]", "list the recordings, or pick one on a terminal (ssh -t)", (*session).cmdRecordings},
		{policy.Play, "VISIT", "play a recording (needs a terminal: ssh -t)", (*session).cmdPlay},
		{policy.Verify, "VISIT [--json]", "check a recording against its chain, seal and receipt", (*session).cmdVerify},
		{policy.Audit, "[--person P] [--device D] [--visit V] [--kind K] [--since TIME] [--until TIME] [--limit N] [--follow] [--json] | --check", "show the audit log, go on with what comes (--follow), or prove it (--check)", (*session).cmdAudit},
		{policy.Status, "[--json]", "say how the gateway fares: devices, visits, reviews, recordings, log, refusals, configuration", (*session).cmdStatus},
		{policy.PeopleList, "[--json]", "list the people: roles, locks, charter, training, keys, last login", (*session).cmdPeople},
		{policy.LockPerson, "PERSON [REASON] [--json]", "bar a person, and end at once what they have open", (*session).cmdLock},
		{policy.UnlockPerson, "PERSON [--json]", "end a lock; nobody ends their own", (*session).cmdUnlock},
		{policy.CharterList, "[--json] [--limit N]", "list who signed the charter", (*session).cmdCharter},
		{policy.CharterShow, "", "print the charter", (*session).cmdCharterShow},
		{policy.CharterSign, "", "read the charter, and sign it (ssh -t)", (*session).cmdCharterSign},
		{policy.ExplainOwn, "[PERSON] DEVICE [CAPABILITY] [at TIME] [--json]", "say what the rules let you, or somebody else, do there, why, and what would change it", (*session).cmdExplain},
		{policy.Rules, "[--json]", "list the rules and groups in force", (*session).cmdRules},
	}, overrideCommands()...)
}

// usageError is a command that was called wrongly.
type usageError struct{ sentence string }

func (e *usageError) Error() string { return e.sentence }

// manage runs a management command.
func (s *session) manage(ctx context.Context, unknown string) int {
	words, err := split(s.command)
	if err != nil || len(words) == 0 {
		s.say("The command can't be read: a quote is open.")
		return exitUsage
	}
	if words[0] == "help" || words[0] == "--help" || words[0] == "-h" {
		return s.help(ctx, words[1:])
	}
	cmd, rest := find(words)
	if more := within(words[0]); cmd == nil && len(more) > 0 {
		hint := "these are: " + strings.Join(more, ", ") + "."
		if near := wire.Near(strings.Join(words[:min(2, len(words))], " "), more); near != "" {
			hint = "did you mean " + near + "?"
		}
		s.say(wire.Clean(s.command, wire.MaxLine) + " is no command of the gateway; " + hint)
		return exitUsage
	}
	if cmd == nil {
		s.say(s.noCommand(ctx, words[0], unknown))
		return exitUsage
	}
	if slices.Equal(rest, []string{"--help"}) || slices.Equal(rest, []string{"-h"}) {
		s.print(cmd.teach())
		return exitOK
	}
	c, err := parseCall(rest, cmd.options())
	if denied := s.allowed(cmd.name, "command "+string(cmd.name)); denied != nil {
		err = denied
	}
	if err == nil {
		err = cmd.run(s, ctx, c)
	}
	return s.commandStatus(cmd, err)
}

// noCommand says that a word is no command of the gateway, which unknown, where
// somebody wanted to go, is no device of, either.
func (s *session) noCommand(ctx context.Context, word, unknown string) string {
	if unknown != "" {
		if e := s.gateway.missing(ctx, unknown); e.near != "" {
			return e.Error()
		}
	}
	names := []string{"help"}
	for _, c := range commands() {
		first, _, _ := strings.Cut(string(c.name), " ")
		if !slices.Contains(names, first) && s.offers(c.name) {
			names = append(names, first)
		}
	}
	word = wire.Clean(word, wire.MaxName)
	hint := "`help` lists them"
	if near := wire.Near(word, names); near != "" {
		hint = "did you mean " + near + "? `help` lists them all"
	}
	if unknown != "" {
		return fmt.Sprintf("no device is called %s, and %s is no command of the gateway; %s.", unknown, word, hint)
	}
	return fmt.Sprintf("%s is no command of the gateway; %s.", word, hint)
}

// allowed is the one place where it is asked whether the roles of a person let
// them do something. What is going on is asked again: roles can be taken away
// meanwhile. A no is noted.
func (s *session) allowed(c policy.Command, what string) error {
	ok, why := policy.May(s.me(), c)
	return s.may(what, ok, why)
}

// offers says whether a screen or the help names a command to a person. It
// allows nothing.
func (s *session) offers(c policy.Command) bool {
	ok, _ := policy.May(s.me(), c)
	return ok
}

func (s *session) commandStatus(cmd *command, err error) int {
	var usage *usageError
	switch {
	case err == nil, errors.Is(err, tui.ErrLeft), errors.Is(err, errGone):
		return exitOK
	case errors.As(err, &usage):
		s.say(usage.sentence + " Usage: " + string(cmd.name) + " " + cmd.usage)
		return exitUsage
	}
	if e, ok := errors.AsType[*exitStatus](err); ok {
		return e.status
	}
	s.say(s.sentence(err))
	if _, ok := errors.AsType[*ruledOut](err); ok {
		return exitRefused
	}
	if _, ok := errors.AsType[*notAllowed](err); ok {
		return exitRefused
	}
	return exitFailed
}

// find finds the command that some words begin with, the longest one, and what
// stands behind its name.
func find(words []string) (found *command, rest []string) {
	for _, c := range commands() {
		name := strings.Fields(string(c.name))
		if len(name) > len(words) || !slices.Equal(name, words[:len(name)]) {
			continue
		}
		if found == nil || len(words)-len(name) < len(rest) {
			found, rest = &c, words[len(name):]
		}
	}
	return found, rest
}

// within lists the commands of several words that begin with this one.
func within(word string) (list []string) {
	for _, c := range commands() {
		if strings.HasPrefix(string(c.name), word+" ") {
			list = append(list, string(c.name))
		}
	}
	return list
}

// teach is what the help says of a command.
func (c *command) teach() string {
	return fmt.Sprintf("  %s\n      %s\n", strings.TrimSpace(string(c.name)+" "+c.usage), c.about)
}

// options are the flags that stand in its usage.
func (c *command) options() (list []string) {
	for word := range strings.FieldsFuncSeq(c.usage, func(r rune) bool { return r != '-' && (r < 'a' || r > 'z') }) {
		if name, ok := strings.CutPrefix(word, "--"); ok {
			list = append(list, name)
		}
	}
	return list
}

// help teaches all commands, or those that the words name or begin.
func (s *session) help(ctx context.Context, words []string) int {
	if len(words) == 0 {
		s.overview()
		return exitOK
	}
	wanted, taught := strings.Join(words, " "), false
	for _, c := range commands() {
		if name := string(c.name); name == wanted || strings.HasPrefix(name, wanted+" ") {
			s.print(c.teach())
			taught = true
		}
	}
	if !taught {
		s.say(s.noCommand(ctx, words[0], ""))
		return exitUsage
	}
	return exitOK
}

func (s *session) overview() {
	var b strings.Builder
	b.WriteString("ssh GATEWAY                 the list of devices\n" +
		"ssh DEVICE@GATEWAY          straight to a device; LOGIN+DEVICE@GATEWAY as another account\n" +
		"ssh GATEWAY COMMAND         one of these:\n\n")
	for _, c := range commands() {
		if s.offers(c.name) {
			b.WriteString(c.teach())
		}
	}
	fmt.Fprintf(&b, "\nYou are %s (%s).\n", s.person.Name, strings.Join(s.me().Roles, ", "))
	s.print(b.String())
}

// print writes text for people: on a terminal the lines end as it wants them.
func (s *session) print(text string) {
	if s.pty != nil {
		text = strings.ReplaceAll(text, "\n", "\r\n")
	}
	_, _ = io.WriteString(s.ch, text)
}

func (s *session) printJSON(v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	s.print(string(text) + "\n")
	return nil
}

// listed prints a table, and says what there is none of where it has no rows.
func (s *session) listed(none string, header []string, rows [][]string) error {
	if len(rows) == 0 {
		s.say(none)
		return nil
	}
	return s.table(header, rows)
}

// table prints aligned columns, as wide as the terminal is.
func (s *session) table(header []string, rows [][]string) error {
	width := 0
	if s.pty != nil {
		size, _ := s.window.Size()
		width = size.Width
	}
	var b strings.Builder
	if err := tui.Table(&b, header, rows, width); err != nil {
		return err
	}
	s.print(b.String())
	return nil
}

func (s *session) cmdDevices(ctx context.Context, c *call) error {
	if err := c.only("json"); err != nil {
		return err
	}
	all, err := s.gateway.store.Devices(ctx)
	if err != nil {
		return err
	}
	var unknown *exitStatus
	if len(c.words) > 0 {
		all, unknown = s.among(ctx, all, c.words)
	}
	if unknown == nil || len(all) > 0 || c.has("json") {
		err = s.listDevices(c, all)
	}
	if err == nil && unknown != nil {
		return unknown
	}
	return err
}

// among are the devices of these names. Each that there is none of is told, and
// makes the command fail in the end.
func (s *session) among(ctx context.Context, all []store.Device, names []string) ([]store.Device, *exitStatus) {
	var failed *exitStatus
	sub := slices.DeleteFunc(within("devices"), func(c string) bool { return !s.offers(policy.Command(c)) })
	if near := wire.Near("devices "+names[0], sub); near != "" && len(names) > 1 {
		s.say("devices " + wire.Clean(names[0], wire.MaxName) + " is no command of the gateway; did you mean " + near + "?")
		return nil, &exitStatus{exitUsage}
	}
	for _, name := range names {
		if !slices.ContainsFunc(all, func(d store.Device) bool { return d.Name == name }) {
			s.say(s.gateway.missing(ctx, name).in(s.phrases()))
			failed = &exitStatus{exitUsage}
		}
	}
	return slices.DeleteFunc(all, func(d store.Device) bool { return !slices.Contains(names, d.Name) }), failed
}

func (s *session) listDevices(c *call, all []store.Device) error {
	if c.has("json") {
		list := make([]deviceJSON, 0, len(all))
		for _, d := range all {
			list = append(list, s.gateway.deviceJSON(d))
		}
		return s.printJSON(list)
	}
	rows := make([][]string, 0, len(all))
	for _, d := range all {
		l := s.gateway.line(d)
		rows = append(rows, []string{l.Name, l.State, since(l.Since), l.Why, system(d), l.Labels})
	}
	return s.listed("No device has joined yet; an admin lets one join with `enroll`.", []string{"DEVICE", "STATE", "SINCE", "WHY", "SYSTEM", "LABELS"}, rows)
}

// system is what a device runs on; of one without an agent nobody knows.
func system(d store.Device) string {
	if d.Without() {
		return "no agent"
	}
	return d.OS
}

type deviceJSON struct {
	Name         string            `json:"name"`
	Key          string            `json:"key"`
	State        string            `json:"state"`
	Since        *time.Time        `json:"since,omitempty"`
	Why          string            `json:"why,omitempty"`
	OS           string            `json:"os"`
	Arch         string            `json:"arch"`
	Agent        string            `json:"agent"`
	Labels       map[string]string `json:"labels,omitempty"`
	Capabilities []string          `json:"capabilities"`
	Class        string            `json:"class"`
	Agentless    bool              `json:"agentless,omitempty"` // the gateway judges for it
	Logins       []string          `json:"logins"`
	Address      string            `json:"address,omitempty"`
	EnrolledAt   time.Time         `json:"enrolled_at"`
	EnrolledBy   string            `json:"enrolled_by"`
	Facts        *factsJSON        `json:"facts,omitempty"`
}

func (g *Gateway) deviceJSON(d store.Device) deviceJSON {
	l := g.line(d)
	return deviceJSON{
		Name: d.Name, Key: d.Key, State: l.State, Since: stamp(l.Since), Why: l.Why, OS: d.OS, Arch: d.Arch, Agent: d.Version,
		Labels: d.Labels, Capabilities: d.Capabilities, Class: cmp.Or(d.Class, wire.Attended), Agentless: d.Without(), Logins: d.Logins, Address: d.Address,
		EnrolledAt: d.EnrolledAt, EnrolledBy: d.EnrolledBy, Facts: g.toldOf(d).json(),
	}
}

// stamp leaves out a time that is not there.
func stamp(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

func since(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

// agentsAddresses are where devices call, and where they may call by WebSocket,
// if they can. The first is the second where somebody wants that, or has come by
// one.
func (s *session) agentsAddresses(wanted bool) (address, web string, err error) {
	web = s.gateway.cfg.WebSocket.URL
	if wanted && web == "" {
		return "", "", errNoWebSockets
	}
	if _, came := s.person.reached.(webAddr); came || wanted {
		return web, web, nil
	}
	return s.agentsAddress(), web, nil
}

// errNoWebSockets reports a gateway without that port.
var errNoWebSockets = errors.New("this gateway takes no WebSockets; its admin can let it (gateway.websocket)")

// agentsAddress is where devices call: as configured, and where that is every
// address of the gateway, the one that this admin has reached it at.
func (s *session) agentsAddress() string {
	host, port, err := net.SplitHostPort(s.gateway.cfg.Agents)
	if ip := net.ParseIP(host); err != nil || host != "" && (ip == nil || !ip.IsUnspecified()) {
		return s.gateway.cfg.Agents
	}
	if here, ok := s.person.reached.(*net.TCPAddr); ok {
		return net.JoinHostPort(here.IP.String(), port)
	}
	return s.gateway.cfg.Agents
}
