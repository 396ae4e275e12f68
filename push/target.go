package push

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"accord/packaging"
	"accord/wire"
)

// target is one host.
type target struct {
	*run
	host    string
	line    []string // of ssh
	said    answers  // of look.sh
	pin     *pin     // of the gateway that it has joined
	program *Program // to install; nil: what is there stays
	address string   // to join
	token   string
	// arrives is what is to be said when the gateway sees it online; late, when
	// that is waited for no longer.
	arrives *Outcome
	late    time.Time
	runs    string // the version that a new program says of itself
	outcome Outcome
}

// pin is what a device keeps of its gateway, as far as it is read here.
type pin struct {
	Key          string `json:"key"`
	Device       string `json:"device"`
	Organisation string `json:"organisation"`
}

func (t *target) ended() bool { return t.outcome.Outcome != "" }

func (t *target) stage(s Stage) { t.tell(Progress{Host: t.host, Stage: s}) }

// end says what came of it.
func (t *target) end(o Outcome) {
	o.Host = t.host
	o.Sentence, o.Device, o.Version, o.From = wire.Clean(o.Sentence, wire.MaxReason), wire.Clean(o.Device, wire.MaxName),
		wire.Clean(o.Version, wire.MaxName), wire.Clean(o.From, wire.MaxName)
	t.outcome = o
	t.stage(o.Outcome)
}

func (t *target) fail(err error) {
	sentence := err.Error()
	if e, ok := errors.AsType[*stepError](err); ok {
		sentence = e.sentence(t)
	}
	o := Outcome{Outcome: Failed, Sentence: sentence}
	if t.pin != nil {
		o.Device = t.pin.Device
	}
	t.end(o)
}

// look finds out what the host is, and whether it can be helped.
func (t *target) look(ctx context.Context) {
	t.stage(Looking)
	ctx, cancel := context.WithTimeoutCause(ctx, lookLimit, errors.New("it has not answered for a minute"))
	defer cancel()
	t.line = t.Shell.line(ctx, t.host)
	home := "home=\n"
	if t.Home {
		home = "home=1\n"
	}
	var err error
	if t.said, err = t.Shell.script(ctx, t.line, t.host, "", home+lookScript, strings.NewReader("")); err == nil {
		err = t.judge()
	}
	if err != nil {
		t.fail(err)
		return
	}
	t.stage(Waiting)
}

// judge refuses a host that can't have an agent, or has another one's.
func (t *target) judge() error {
	switch t.said["sudo"] {
	case "none":
		return fmt.Errorf("%s is not root there, and there is no sudo: log in as root, or install for %[1]s alone (--home)", t.said["user"])
	case "refused":
		return fmt.Errorf("%s is not root there, and sudo wants more (%s): log in as root, or install for %[1]s alone (--home)", t.said["user"], t.said["why"])
	}
	if err := t.readPin(); err != nil {
		return err
	}
	if t.said["package"] != "" {
		return nil // its program is the package's
	}
	kind := platform(t.said["os"], t.said["arch"])
	if kind == "" {
		return fmt.Errorf("it is a machine that there is no Accord for: %s %s", t.said["os"], t.said["arch"])
	}
	program, err := t.Programs.For(kind)
	if err == nil && program.Sum != t.said["sum"] {
		t.program = program
	}
	return err
}

func (t *target) readPin() error {
	if t.said["pin"] == "" {
		return nil
	}
	var p pin
	if err := json.Unmarshal([]byte(t.said["pin"]), &p); err != nil {
		return errors.New("what it keeps of the gateway that it has joined can't be read: let it join anew there, with accord join")
	}
	key, err := fingerprint(p.Key)
	if err != nil {
		return err
	}
	if key != t.Gateway {
		return fmt.Errorf("it belongs to another gateway, of %s (%s), as %s: to move it, run accord join there", p.Organisation, key, p.Device)
	}
	t.pin = &p
	return nil
}

// version is what runs there now; "" for none.
func (t *target) version() string { return version(t.said["version"]) }

// version is the version in what a program says of itself.
func version(line string) string {
	words := strings.Fields(line)
	if len(words) < 2 {
		return ""
	}
	return strings.TrimSuffix(words[1], ",")
}

// service is what starts the agent there; its Path is empty where nothing does.
func (t *target) service() packaging.Service { return packaging.AgentService(t.said["manager"]) }

func (t *target) managed() bool { return t.service().Path != "" }

// invite fetches a token for a host that has to join.
func (t *target) invite(ctx context.Context) {
	if t.ended() || t.pin != nil {
		return
	}
	var err error
	if t.address, t.token, err = t.invites.one(ctx, t.Tokens); err != nil {
		t.fail(err)
	}
}

// install does what look found to be missing.
func (t *target) install(ctx context.Context) {
	if t.ended() {
		return
	}
	if t.pin != nil && t.program == nil && (!t.managed() || t.said["active"] == "active") {
		t.done(answers{})
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, installLimit, errors.New("it was not done after half an hour"))
	defer cancel()
	said, err := t.copy(ctx)
	if err == nil && said["failed"] != "" {
		err = &stepError{said["failed"], lastLine(said["why"])}
	}
	if err != nil {
		t.fail(err)
		return
	}
	t.done(said)
}

// copy runs install.sh, which reads the program.
func (t *target) copy(ctx context.Context) (answers, error) {
	var in io.Reader = strings.NewReader("")
	if t.program == nil {
		t.stage(Joining)
	} else {
		f, err := os.Open(t.program.Path)
		if err != nil {
			return nil, fmt.Errorf("the program to install: %w", err)
		}
		defer func() { _ = f.Close() }()
		in = &counted{Reader: f, total: t.program.Size, tell: t.copied}
	}
	before := ""
	if !t.Home && t.said["uid"] != "0" {
		before = "sudo -n "
	}
	script, err := t.settings()
	if err != nil {
		return nil, err
	}
	return t.Shell.script(ctx, t.line, t.host, before, script+installScript, in)
}

// copied tells how much of the program is on its way, and then what comes next.
func (t *target) copied(done, total int64) {
	if done >= total {
		t.stage(Joining)
		return
	}
	t.tell(Progress{Host: t.host, Stage: Copying, Done: done, Total: total})
}

// places are where things go: of the program, the configuration, the state.
func (t *target) places() (program, config, state string) {
	if t.Home {
		home := t.said["home"]
		return filepath.Join(home, ".local/bin/accord"), filepath.Join(home, ".config/accord/agent.toml"), filepath.Join(home, ".local/state/accord/agent")
	}
	if t.said["package"] != "" {
		return packaging.Program, "/etc/accord/agent.toml", "/var/lib/accord/agent"
	}
	return "/usr/local/bin/accord", "/etc/accord/agent.toml", "/var/lib/accord/agent"
}

// settings is what install.sh must know.
func (t *target) settings() (string, error) {
	program, config, state := t.places()
	text := t.Settings
	if t.Home {
		text = strings.Replace(text, "\nstate = \"/var/lib/accord/agent\"", "\nstate = "+strconv.Quote(state), 1)
	}
	if t.User != "" {
		text = strings.Replace(text, "\nuser = \"\"", "\nuser = "+strconv.Quote(t.User), 1)
	}
	if t.Home && text == t.Settings {
		return "", errors.New("the configuration to install has no agent.state")
	}
	unit, sum, restart := "", "", ""
	if t.said["package"] == "" {
		unit = t.service().Text
	}
	if t.program != nil {
		sum = t.program.Sum
		if t.said["active"] == "active" {
			restart = "1"
		}
	}
	var b strings.Builder
	for _, v := range [][2]string{
		{"program", program}, {"config", config}, {"settings", text}, {"unit", unit}, {"sum", sum}, {"address", t.address},
		{"token", t.token}, {"name", t.Name}, {"manager", t.said["manager"]}, {"service", t.service().Path},
		{"restart", restart}, {"inside", t.said["inside"]},
	} {
		b.WriteString(v[0] + "=" + quote(v[1]) + "\n")
	}
	return b.String(), nil
}

// done says what was done.
func (t *target) done(said answers) {
	o := Outcome{Outcome: Same, Version: t.version(), Device: said["device"]}
	if t.pin != nil {
		o.Device = t.pin.Device
	}
	if t.program != nil {
		o.Outcome, o.Version, o.From = Updated, t.program.Version, t.version()
	}
	if t.pin == nil {
		o.Outcome = Joined
	}
	program, config, _ := t.places()
	switch {
	case said["later"] != "":
		o.Sentence = "it goes on with the old program until: " + t.service().Restart
	case t.managed():
	case t.Home:
		o.Sentence = cmp.Or(again(o.From), "start it as "+t.said["user"]+":") + " " + program + " agent --config " + config
	case o.Outcome != Same:
		o.Sentence = cmp.Or(again(o.From), "nothing there looks after services; start it with:") + " " + program + " agent"
	}
	if o.Outcome == Same && !t.managed() {
		o.Sentence = ""
	}
	if hint := said["hint"]; hint != "" {
		o.Sentence = strings.TrimPrefix(o.Sentence+". "+hint, ". ")
	}
	if t.managed() && said["later"] == "" {
		t.arrives, t.runs = &o, version(said["version"])
		t.stage(Awaiting)
		return
	}
	t.end(o)
}

// again is what is said where an older program may be running.
func again(from string) string {
	if from == "" {
		return ""
	}
	return "where it runs, start it again:"
}

// counted tells how much was read.
type counted struct {
	io.Reader
	done, total int64
	tell        func(done, total int64)
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	before := c.done * 100 / max(c.total, 1)
	c.done += int64(n)
	if n > 0 && c.done*100/max(c.total, 1) > before { // each percent, not each read
		c.tell(c.done, c.total)
	}
	return n, err
}
