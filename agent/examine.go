package agent

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/agent/display"
	"accord/agent/proc"
	"accord/agent/surface"
	"accord/doctor"
	"accord/wire"
)

// examination is one look at a device whose agent may run meanwhile. It makes
// nothing and changes nothing.
type examination struct {
	*doctor.Report
	cfg   Config
	state state
	key   ssh.Signer // nil where it can't be read
	pin   *Pin
}

// Examine looks at this device: what its agent would start with, or runs with.
func Examine(ctx context.Context, cfg Config, r *doctor.Report) {
	if cfg.User == "" {
		cfg.User = ownerOf(cfg.State) // that of the agent, whoever looks
	}
	cfg, err := cfg.Resolved()
	if err != nil {
		r.Bad("config", "mend the configuration", "The agent would not start: %s.", err)
		return
	}
	e := &examination{Report: r, cfg: cfg, state: state(cfg.State)}
	if _, there := e.Folder("the agent's state", cfg.State, false); !there {
		if _, err := os.Stat(cfg.State); errors.Is(err, fs.ErrNotExist) {
			e.Bad("keys", "run: accord join HOST:PORT TOKEN, with the line that ssh GATEWAY enroll prints", "There is no %s: this device has not joined a gateway.", cfg.State)
			return
		}
	}
	e.accounts()
	e.service(ctx)
	e.keys()
	e.receipts()
	e.Disk(cfg.State, 0, "no receipt can be kept, and so no visit opens.")
	e.Kept()
	e.surfaces(ctx)
	if e.pin != nil {
		e.gateway(ctx)
	}
}

// accounts looks at the accounts that the configuration names.
func (e *examination) accounts() {
	const area = "config"
	names := append([]string{e.cfg.User}, e.cfg.Logins...)
	var missing []string
	for _, name := range names {
		if _, err := proc.LookupAccount(name); err != nil {
			missing = append(missing, name)
		}
	}
	switch {
	case len(missing) > 0 && missing[0] == e.cfg.User:
		e.Bad(area, "make the account, or name another in agent.user", "This device has no account %s, which is to answer.", e.cfg.User)
	case len(missing) > 0:
		e.Look(area, "make them, or take them out of agent.logins", "Of agent.logins this device has no %s.", strings.Join(missing, ", "))
	default:
		e.OK(area, "Requests are answered by %s; visits may use %s. The device is %s.", e.cfg.User, strings.Join(names, ", "), e.cfg.Class)
	}
	if e.cfg.Class == wire.Unattended && len(e.cfg.Standing) == 0 {
		e.Look(area, "write [[agent.standing]], or agent.class = \"attended\"", "The device is unattended, and nothing is allowed in advance.")
	}
	for i, a := range e.cfg.Actions {
		if _, err := a.account(); err != nil && proc.Me().Root() {
			e.Bad(area, "mend agent.action", "agent.action[%d].user: %s.", i, err)
		}
	}
	if _, err := e.cfg.Screen.credentials(); err != nil && !e.Unseen(area, "The password of the screen's server", err) {
		e.Bad(area, "mend [agent.screen]", "The agent would not start: %s.", err)
	}
}

// service looks whether the agent runs, by its socket, which every account of
// the device must be able to reach.
func (e *examination) service(ctx context.Context) {
	const area = "service"
	start := "start it: systemctl start accord-agent, or accord agent"
	if !e.socketThere(area, start) {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := callLocal(ctx, e.cfg.Socket)
	if err != nil {
		e.Look(area, start, "The agent does not answer at %s.", e.cfg.Socket)
		return
	}
	_ = conn.Close()
	e.OK(area, "The agent runs, and answers at %s.", e.cfg.Socket)
}

// keys looks at the device's identity and at what it has pinned.
func (e *examination) keys() {
	const area = "keys"
	const again = "put it back, or join again as a new device"
	path := filepath.Join(e.cfg.State, "key")
	if e.Private(area, "the device's key", path, again) {
		text, err := os.ReadFile(path)
		if err == nil {
			e.key, err = ssh.ParsePrivateKey(text)
		}
		switch {
		case err == nil:
			e.OK(area, "The device's key is %s, for its owner alone.", ssh.FingerprintSHA256(e.key.PublicKey()))
		case !e.Unseen(area, path, err):
			e.Bad(area, again, "The device's key in %s can't be read: %s.", path, err)
		}
	}
	pin, err := e.state.pin()
	switch {
	case errors.Is(err, ErrNotJoined):
		e.Bad(area, "run: accord join HOST:PORT TOKEN, with the line that ssh GATEWAY enroll prints", "This device has not joined a gateway.")
		return
	case err == nil:
		_, err = pin.gatewayKey()
	}
	if err != nil {
		if !e.Unseen(area, "The pinned gateway", err) {
			e.Bad(area, "join again", "The pin is not well: %s.", err)
		}
		return
	}
	e.pin = pin
	e.OK(area, "It is %s of %s, and has pinned that gateway's key.", pin.Device, pin.Organisation)
	e.pinned()
}

// pinned looks at the supervisors whose override would open the device.
func (e *examination) pinned() {
	s, err := e.state.supervisors(e.cfg, e.pin.Organisation)
	switch {
	case err != nil && e.Unseen("keys", "The list of supervisors", err):
	case err != nil:
		e.Bad("keys", "restore the file, or join again", "The agent would not start: %s.", err)
	case s.list.Version == 0:
		e.OK("keys", "No supervisor is pinned, so no override opens this device.")
	default:
		e.OK("keys", "%d of %d pinned supervisors must sign an override.", s.list.Signers, len(s.list.Supervisors))
	}
}

// receipts looks at what the device keeps of visits.
func (e *examination) receipts() {
	const area = "receipts"
	l := &ledger{dir: filepath.Join(e.cfg.State, "receipts")}
	list, err := l.numbers()
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.OK(area, "There are no receipts yet.")
		return
	case err != nil:
		if !e.Unseen(area, l.dir, err) {
			e.Bad(area, "look at its disk", "The receipts can't be listed: %s.", err)
		}
		return
	case len(list) == 0:
		e.OK(area, "There are no receipts yet.")
		return
	}
	last := list[len(list)-1]
	if _, err := l.read(last); err != nil {
		e.Bad(area, "look at its disk; the copy in the gateway's recording is whole", "Receipt %d is not well: %s.", last, err)
		return
	}
	when := ""
	if info, err := os.Stat(l.path(last)); err == nil {
		when = " of " + info.ModTime().Local().Format("2006-01-02 15:04")
	}
	e.OK(area, "%d receipts are kept, the last%s.", len(list), when)
}

// surfaces says how a request would reach the user now.
func (e *examination) surfaces(ctx context.Context) {
	const area = "surfaces"
	who, err := proc.LookupAccount(e.cfg.User)
	if err != nil {
		return // told already
	}
	if me := proc.Me(); !me.Root() && me != who.Identity() {
		e.Look(area, "run accord doctor as root, or as that account", "How %s would be reached can't be seen by another account.", who.Name)
		return
	}
	var ways, others []string
	user := surface.User{UID: who.UID, GID: who.GID, Groups: who.Groups, Name: who.Name, Home: who.Home}
	if _, err := surface.FindPopup(ctx, user, proc.Belongs); err == nil {
		ways = append(ways, "a popup in their tmux")
	}
	for _, d := range display.Find(who.UID, proc.Belongs) {
		ways = append(ways, "their screen "+d.Name())
	}
	if place, err := surface.FindConsole(user, proc.Belongs); err == nil {
		ways = append(ways, "a console of its own before "+place)
	}
	seats, err := surface.Seats(proc.Belongs, func(int) time.Duration { return -1 })
	if err != nil {
		e.Look(area, "look at /proc", "Who is at this machine can't be seen: %s.", err)
		return
	}
	for _, s := range seats {
		if s.UID == who.UID && s.Idle >= 0 {
			ways = append(ways, "a line on "+s.Place)
		} else if s.UID != who.UID {
			others = append(others, accountOf(s.UID)+" at "+s.Place)
		}
	}
	if len(ways) == 0 {
		e.Look(area, "keep `accord user` open in a terminal of theirs; what nobody answers is a no", "Nothing of %s is open now but a screen of accord user, if there is one: a request finds nobody.", who.Name)
	} else {
		e.OK(area, "%s is reached by %s, after a screen of accord user if one is open.", who.Name, strings.Join(ways, ", "))
	}
	if len(others) > 0 {
		e.OK(area, "Also here, and not asked: %s.", strings.Join(others, ", "))
	}
}

// gateway calls it as the agent does, but says no hello.
func (e *examination) gateway(ctx context.Context) {
	const area = "gateway"
	address := e.pin.Address
	if e.cfg.Gateway != "" {
		address = e.cfg.Gateway
	}
	pinned, err := e.pin.gatewayKey()
	if err != nil {
		return // told already
	}
	p, err := look(ctx, address, e.cfg.GatewayCA, pinned, e.key)
	switch {
	case p.other != nil && !bytes.Equal(p.other.Marshal(), pinned.Marshal()):
		e.Bad(area, "look who answers there; join again only if the gateway really has a new key",
			"What answers at %s has another key (%s) than is pinned (%s).", address, ssh.FingerprintSHA256(p.other), ssh.FingerprintSHA256(pinned))
	case !p.proved && err != nil:
		e.Bad(area, "look at the network, at agent.gateway, and whether the gateway runs", "%s.", reached(address, err))
	default:
		e.OK(area, "The gateway at %s answers, and has proved the pinned key.", address)
		if p.told {
			e.Skew("the gateway", p.ahead)
		} else {
			e.Look("clock", "compare them by hand; a newer gateway says it", "The gateway does not say what time it is there.")
		}
	}
}

// reached says why a gateway could not be.
func reached(address string, err error) string {
	if strings.Contains(err.Error(), address) {
		return strings.TrimSuffix(sentence(err), ".")
	}
	return fmt.Sprintf("What answers at %s does not go on as a gateway does (%s)", address, err)
}
