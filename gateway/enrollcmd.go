package gateway

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"accord/gateway/store"
	"accord/wire"
)

// invitation is what `enroll` was asked for.
type invitation struct {
	name   string
	count  int
	labels map[string]string
	life   time.Duration
}

func parseInvitation(c *call) (*invitation, error) {
	if err := c.none("name", "label", "life", "count", "web", "agentless", "json"); err != nil {
		return nil, err
	}
	in := &invitation{name: c.last("name", ""), labels: make(map[string]string)}
	var err error
	if in.life, err = time.ParseDuration(c.last("life", "1h")); err != nil || in.life < time.Minute || in.life > 30*24*time.Hour {
		return nil, &usageError{"--life takes 1m to 720h, for example 24h."}
	}
	if in.name != "" && (!wire.ValidDevice(in.name) || reserved(in.name)) {
		return nil, &usageError{"This name is not allowed for a device: use lower case letters, digits, dots and dashes."}
	}
	if in.count, err = c.number("count", 1); err != nil {
		return nil, err
	}
	if in.name != "" && in.count > 1 {
		return nil, &usageError{"A name is for one device: leave --count or --name out."}
	}
	for _, l := range c.flags["label"] {
		k, v, ok := strings.Cut(l, "=")
		if !ok || k == "" {
			return nil, &usageError{"--label takes KEY=VALUE, for example site=lyon."}
		}
		in.labels[wire.Clean(k, wire.MaxName)] = wire.Clean(v, wire.MaxName)
	}
	return in, nil
}

// enrollJSON is `enroll` for programs.
type enrollJSON struct {
	Address string   `json:"address"`
	Web     string   `json:"web,omitempty"`    // the address where only HTTPS gets out
	Token   string   `json:"token"`            // the first
	Tokens  []string `json:"tokens,omitempty"` // all, where a count was asked for
	Until   string   `json:"until"`
}

// cmdEnroll makes a token for each of some devices: each serves once.
func (s *session) cmdEnroll(ctx context.Context, c *call) error {
	in, err := parseInvitation(c)
	if err != nil {
		return err
	}
	if c.has("agentless") {
		return s.enrollAgentless(ctx, c, in)
	}
	address, web, err := s.agentsAddresses(c.has("web"))
	if err != nil {
		return err
	}
	var tokens []string
	var until time.Time
	for range in.count {
		var token wire.Token
		e := s.entry()
		until = e.At.Add(in.life)
		if token, err = s.gateway.makeToken(ctx, store.Token{Labels: in.labels, Name: in.name, Expires: until}, e); err != nil {
			return err
		}
		tokens = append(tokens, token.String())
	}
	if c.has("json") {
		j := enrollJSON{Address: address, Web: web, Token: tokens[0], Until: until.UTC().Format(time.RFC3339)}
		if c.has("count") {
			j.Tokens = tokens
		}
		return s.printJSON(j)
	}
	for _, token := range tokens {
		s.print(fmt.Sprintf("accord join %s %s\n", address, token))
	}
	if web != "" && web != address {
		_, _ = fmt.Fprintf(s.ch.Stderr(), "Where only HTTPS gets out, %s in place of %s.\r\n", web, address)
	}
	each := "this on the device"
	if in.count > 1 {
		each = "each on one device"
	}
	_, _ = io.WriteString(s.ch.Stderr(), fmt.Sprintf("Run %s before %s; it serves once.\r\n", each, until.Local().Format("15:04 on 2 January")))
	return nil
}
