package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"accord/gateway/store"
	"accord/policy"
	"accord/wire"
	"accord/wire/release"
)

// cmdUpdate orders devices to run another release, or takes orders back.
func (s *session) cmdUpdate(ctx context.Context, c *call) error {
	if err := c.only("to", "back", "cancel"); err != nil {
		return err
	}
	if len(c.flags) > 1 || len(c.flags["to"]) > 1 {
		return &usageError{"One of --to, --back and --cancel."}
	}
	devices, err := s.gateway.selected(ctx, c.words)
	if err != nil {
		return err
	}
	order := store.Update{Back: c.has("back")}
	var f *release.Folder
	if !c.has("back") && !c.has("cancel") {
		if f, err = s.gateway.release(c.last("to", "")); err != nil {
			return err
		}
		order.Version, order.Manifest = f.Version, f.Digest()
	}
	no := 0
	for _, d := range devices {
		said, err := s.order(ctx, d, order, f, c.has("cancel"))
		if err != nil {
			no++
			said = "no: " + s.sentence(err)
		}
		s.print(d.Name + ": " + said + "\n")
	}
	s.gateway.publish()
	if no > 0 {
		return fmt.Errorf("%d of %d devices got no order", no, len(devices))
	}
	return nil
}

// order gives one device its order, or takes it back, and says what follows.
func (s *session) order(ctx context.Context, d store.Device, order store.Update, f *release.Folder, cancel bool) (string, error) {
	g := s.gateway
	if d.Without() {
		return "", errors.New("it has no agent that could be updated")
	}
	if cancel {
		return g.cancelUpdate(ctx, d, s.entry())
	}
	what := "what ran before"
	if f != nil {
		what = f.Version
		if d.Version == f.Version {
			return "it runs " + f.Version + " already.", nil
		}
		if _, err := f.For(d.OS, d.Arch); err != nil && d.OS != "" {
			return "", err
		}
	}
	order.Device = d.Key
	if err := g.store.OrderUpdate(ctx, order, s.entry()); err != nil {
		return "", err
	}
	h := g.homes.get(d.Key)
	if h == nil {
		return fmt.Sprintf("%s is ordered; the device is away, and gets it when it calls.", what), nil
	}
	g.running.Go(func() { g.pursueUpdate(g.ctx, h) })
	return fmt.Sprintf("%s is ordered; `devices updates` says what comes of it.", what), nil
}

// cancelUpdate takes an order back that has not reached its device.
func (g *Gateway) cancelUpdate(ctx context.Context, d store.Device, e store.Entry) (string, error) {
	u, err := g.store.Update(ctx, d.Key)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && !u.Open():
		return "", errors.New("no order waits for it")
	case err != nil:
		return "", err
	case u.State == store.UpdateTaken:
		return "", fmt.Errorf("it has taken %s already; --back has it run again what ran before", cmp.Or(u.Version, "the order"))
	}
	u.State = store.UpdateCancelled
	if err := g.store.StepUpdate(ctx, u, []store.UpdateState{store.UpdateOrdered}, e); err != nil {
		return "", err
	}
	return "the order is taken back.", nil
}

// selected are the devices that words name, by their names or by what a rule
// selects them by. A word that names none is an error.
func (g *Gateway) selected(ctx context.Context, words []string) ([]store.Device, error) {
	if len(words) == 0 {
		return nil, &usageError{"Name devices, or select them: site=lyon, name=web-*; name=* is all."}
	}
	all, err := g.store.Devices(ctx)
	if err != nil {
		return nil, err
	}
	picked := make(map[string]bool)
	for _, word := range words {
		picks := func(d store.Device) bool { return d.Name == word }
		if strings.Contains(word, "=") {
			s, err := policy.ParseSelection(word)
			if err != nil {
				return nil, &usageError{wire.Clean(err.Error(), wire.MaxLine) + "."}
			}
			picks = func(d store.Device) bool { return s.Picks(d.Name, d.Class, d.Labels) }
		}
		found := false
		for _, d := range all {
			if picks(d) {
				picked[d.Key], found = true, true
			}
		}
		if !found {
			return nil, fmt.Errorf("there is no device %s", wire.Clean(word, wire.MaxName))
		}
	}
	return slices.DeleteFunc(all, func(d store.Device) bool { return !picked[d.Key] }), nil
}

// updatesJSON is `devices updates` for programs.
type updatesJSON struct {
	Releases []releaseJSON `json:"releases"` // that can be ordered, newest first
	Odd      []string      `json:"odd,omitempty"`
	Devices  []updateJSON  `json:"devices"`
}

type releaseJSON struct {
	Version  string    `json:"version"`
	Made     time.Time `json:"made"`
	Commit   string    `json:"commit"`
	SignedBy string    `json:"signed_by"` // fingerprint of the key that the signature names
	For      []string  `json:"for"`
}

type updateJSON struct {
	Device    string     `json:"device"`
	State     string     `json:"state"`
	Runs      string     `json:"runs"`
	System    string     `json:"system"`
	Agentless bool       `json:"agentless,omitempty"`
	Order     *orderJSON `json:"order,omitempty"`
}

type orderJSON struct {
	Version string    `json:"version"`
	Back    bool      `json:"back,omitempty"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	State   string    `json:"state"`
	Why     string    `json:"why,omitempty"`
	Changed time.Time `json:"changed"`
	Sent    int64     `json:"sent,omitempty"` // bytes, of Size, while it is being sent
	Size    int64     `json:"size,omitempty"`
}

// cmdUpdates says who runs what, what was ordered, and what came of it.
func (s *session) cmdUpdates(ctx context.Context, c *call) error {
	if err := c.none("json"); err != nil {
		return err
	}
	j, err := s.gateway.updatesJSON(ctx)
	if err != nil {
		return err
	}
	if c.has("json") {
		return s.printJSON(j)
	}
	for _, r := range j.Releases {
		s.print(fmt.Sprintf("Release %s, made %s, signed by %s, for %s.\n", r.Version, r.Made.Format(time.DateOnly), r.SignedBy, strings.Join(r.For, ", ")))
	}
	for _, odd := range j.Odd {
		s.print("Not offered: " + odd + "\n")
	}
	rows := make([][]string, 0, len(j.Devices))
	for _, d := range j.Devices {
		rows = append(rows, []string{d.Device, d.State, d.Runs, d.Order.what(), d.Order.stands()})
	}
	return s.table([]string{"DEVICE", "STATE", "RUNS", "ORDERED", "WHAT CAME OF IT"}, rows)
}

// what was ordered, by whom and when.
func (o *orderJSON) what() string {
	if o == nil {
		return "-"
	}
	what := o.Version
	if o.Back {
		what = strings.TrimSpace("back " + o.Version)
	}
	return fmt.Sprintf("%s by %s, %s", what, o.By, since(o.At))
}

// stands says how far it has come.
func (o *orderJSON) stands() string {
	switch {
	case o == nil:
		return ""
	case o.Size > 0:
		return fmt.Sprintf("being sent, %d %%", o.Sent*100/o.Size)
	case o.State == string(store.UpdateOrdered):
		return "waits for the device"
	case o.State == string(store.UpdateTaken):
		return strings.TrimSuffix("the device has it: "+cmp.Or(o.Why, "it is being started"), ": ")
	case o.Why != "":
		return o.State + ": " + o.Why
	}
	return o.State
}

func (g *Gateway) updatesJSON(ctx context.Context) (j updatesJSON, err error) {
	j.Releases, j.Devices = []releaseJSON{}, []updateJSON{}
	if g.cfg.Releases != "" {
		list, odd, err := release.List(g.cfg.Releases)
		if err != nil {
			odd = append(odd, err)
		}
		for _, f := range list {
			j.Releases = append(j.Releases, releaseOf(f))
		}
		for _, err := range odd {
			j.Odd = append(j.Odd, wire.Clean(err.Error(), wire.MaxReason))
		}
	}
	devices, err := g.store.Devices(ctx)
	if err != nil {
		return j, err
	}
	orders, err := g.store.Updates(ctx)
	if err != nil {
		return j, err
	}
	for _, d := range devices {
		u := updateJSON{Device: d.Name, State: g.line(d).State, Runs: d.Version, System: strings.Trim(d.OS+"/"+d.Arch, "/"), Agentless: d.Without()}
		if d.Without() {
			u.Runs = "no agent"
		}
		if o, there := orders[d.Key]; there {
			u.Order = &orderJSON{Version: o.Version, Back: o.Back, By: o.By, At: o.At, State: string(o.State), Why: o.Why, Changed: o.Changed}
			if o.State == store.UpdateOrdered {
				u.Order.Sent, u.Order.Size = g.updates.sending(d.Key)
			}
		}
		j.Devices = append(j.Devices, u)
	}
	return j, nil
}

func releaseOf(f *release.Folder) releaseJSON {
	r := releaseJSON{Version: f.Version, Made: f.Made, Commit: f.Commit, SignedBy: f.SignedBy(), For: []string{}}
	for _, p := range f.Programs {
		r.For = append(r.For, p.System+"/"+p.Arch)
	}
	return r
}
