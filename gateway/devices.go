package gateway

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"accord/gateway/store"
	"accord/tui"
	"accord/wire"
)

// pick shows the list, kept up to date while it is open.
func (s *session) pick(ctx context.Context, list tui.DeviceList) (tui.Picked, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	updates := make(chan []tui.Device)
	var err error
	next := s.gateway.changes.next()
	if list.Devices, err = s.devices(ctx); err != nil {
		return tui.Picked{}, err
	}
	list.Updates = updates
	done := make(chan struct{})
	go func() {
		defer close(done)
		followList(ctx, &s.gateway.changes, next, func() ([]tui.Device, error) { return s.devices(ctx) }, updates)
	}()
	picked, err := tui.Devices(ctx, s.terminal(), list)
	cancel()
	<-done
	return picked, err
}

// followList sends a list anew at each change, at most a few times a second.
func followList[T any](ctx context.Context, c *changes, next <-chan struct{}, list func() (T, error), updates chan<- T) {
	for {
		select {
		case <-next:
		case <-ctx.Done():
			return
		}
		next = c.next()
		now, err := list()
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
		Capabilities: d.Capabilities, Logins: d.Logins, Agentless: d.Without(),
		Arch: d.Arch, Agent: d.Version, Facts: g.toldOf(d).shown(),
	}
	switch {
	case !d.QuarantinedSince.IsZero():
		line.State, line.Since, line.Why = tui.Quarantined, d.QuarantinedSince, d.QuarantineWhy
	default:
		if h := g.homes.get(d.Key); h != nil {
			line.State, line.Why, line.Actions = tui.Online, "", h.actions()
		}
	}
	return line
}

// actions are what the device says of its declared actions, by capability.
func (h *home) actions() map[string]string {
	about := make(map[string]string, len(h.hello.Actions))
	for _, a := range h.hello.Actions {
		about[string(wire.ActionCapability(a.Name))] = a.About
	}
	return about
}

func labelText(m map[string]string) string {
	list := make([]string, 0, len(m))
	for k, v := range m {
		list = append(list, k+"="+v)
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}

// noDevice reports that no device has a name, and which name was surely meant, if any.
type noDevice struct{ name, near string }

func (e *noDevice) Error() string {
	if e.near == "" {
		return "no device is called " + e.name
	}
	return "no device is called " + e.name + "; did you mean " + e.near + "?"
}

func (e *noDevice) Unwrap() error { return store.ErrNotFound }

func (e *noDevice) in(ph *tui.Phrases) string {
	if e.near == "" {
		return ph.Say("GwNoDevice", "Device", e.name)
	}
	return ph.Say("GwNoDeviceNear", "Device", e.name, "Near", e.near)
}

// missing words that no device has that name.
func (g *Gateway) missing(ctx context.Context, name string) *noDevice {
	e := &noDevice{name: wire.Clean(name, wire.MaxName)}
	all, err := g.store.Devices(ctx)
	if err != nil {
		return e // the sentence is as true without it
	}
	names := make([]string, len(all))
	for i, d := range all {
		names[i] = d.Name
	}
	e.near = wire.Near(name, names)
	return e
}

// named is a device by its name, as somebody typed it.
func (g *Gateway) named(ctx context.Context, name string) (store.Device, error) {
	d, err := g.store.DeviceByName(ctx, name)
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrInvalid) {
		err = g.missing(ctx, name)
	}
	return d, err
}

// reach finds the live link of a device by name, or says since when and why
// there is none.
func (g *Gateway) reach(ctx context.Context, name string) (*home, error) {
	d, err := g.named(ctx, name)
	if err != nil {
		return nil, err
	}
	if !d.QuarantinedSince.IsZero() {
		return nil, &awayError{"GwQuarantine", name, d.QuarantinedSince, d.QuarantineWhy}
	}
	if h := g.homes.get(d.Key); h != nil {
		return h, nil
	}
	return nil, &awayError{"GwAway", name, d.Since, d.Why}
}
