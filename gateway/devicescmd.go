package gateway

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"accord/gateway/store"
	"accord/wire"
)

// cmdRelease ends a device's quarantine.
func (s *session) cmdRelease(ctx context.Context, c *call) error {
	if len(c.words) != 1 {
		return &usageError{"Name one device."}
	}
	if err := c.only(); err != nil {
		return err
	}
	d, err := s.gateway.named(ctx, c.words[0])
	if err != nil {
		return err
	}
	if d.QuarantinedSince.IsZero() {
		return fmt.Errorf("%s is not in quarantine", d.Name)
	}
	if err := s.gateway.store.Release(ctx, d.Key, s.entry()); err != nil {
		return err
	}
	s.gateway.publish()
	s.print(d.Name + " is released from quarantine.\n")
	return nil
}

// cmdRename gives a device another name. The device learns it when it calls
// again, which it does at once.
func (s *session) cmdRename(ctx context.Context, c *call) error {
	if len(c.words) != 2 {
		return &usageError{"Name the device, and its new name."}
	}
	if err := c.only(); err != nil {
		return err
	}
	name := c.words[1]
	if !wire.ValidDevice(name) || reserved(name) {
		return &usageError{"This name is not allowed for a device: use lower case letters, digits, dots and dashes."}
	}
	return s.alter(ctx, c.words[0], "it got another name", func(d store.Device) (string, error) {
		return fmt.Sprintf("%s is called %s now.", d.Name, name), s.gateway.store.Rename(ctx, d.Key, name, s.entry())
	})
}

// cmdLabel changes labels of a device.
func (s *session) cmdLabel(ctx context.Context, c *call) error {
	if len(c.words) < 2 {
		return &usageError{"Name the device, and its labels: site=lyon, or site= to take one away."}
	}
	if err := c.only(); err != nil {
		return err
	}
	change := make(map[string]string)
	for _, l := range c.words[1:] {
		k, v, ok := strings.Cut(l, "=")
		if k = wire.Clean(k, wire.MaxName); !ok || k == "" {
			return &usageError{"A label is KEY=VALUE, for example site=lyon; site= takes it away."}
		}
		change[k] = wire.Clean(v, wire.MaxName)
	}
	return s.alter(ctx, c.words[0], "it got other labels", func(d store.Device) (string, error) {
		labels := maps.Clone(d.Labels)
		if labels == nil {
			labels = make(map[string]string)
		}
		maps.Copy(labels, change)
		maps.DeleteFunc(labels, func(_, v string) bool { return v == "" })
		return fmt.Sprintf("Labels of %s: %s", d.Name, labelText(labels)), s.gateway.store.Relabel(ctx, d.Key, labels, s.entry())
	})
}

// alter changes what rules and prompts say of a device, while nobody visits it,
// and hangs up, so that the next link has it as it is.
func (s *session) alter(ctx context.Context, name, why string, change func(store.Device) (string, error)) error {
	g := s.gateway
	d, err := g.named(ctx, name)
	if err != nil {
		return err
	}
	if err := g.unvisited(d); err != nil {
		return err
	}
	sentence, err := change(d)
	if err != nil {
		return err
	}
	if h := g.homes.get(d.Key); h != nil {
		h.hangUp(why)
	}
	g.publish()
	s.print(sentence + "\n")
	return nil
}

// cmdRetire takes a device out of service.
func (s *session) cmdRetire(ctx context.Context, c *call) error {
	if len(c.words) == 0 {
		return &usageError{"Name one device."}
	}
	if err := c.only(); err != nil {
		return err
	}
	g := s.gateway
	d, err := g.named(ctx, c.words[0])
	if err != nil {
		return err
	}
	why := wire.Clean(strings.Join(c.words[1:], " "), wire.MaxReason)
	if err := g.store.Retire(ctx, d.Key, why, s.entry()); err != nil {
		return err
	}
	if h := g.homes.get(d.Key); h != nil {
		h.hangUp("it was retired")
	}
	g.publish()
	s.print(d.Name + " is retired. Its recordings stay; to come back it must join anew.\n")
	return nil
}
