package push

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// Gateway is the one that the hosts are to join, as the admin's ssh reaches it.
type Gateway struct {
	Shell   *Shell
	Host    string
	Address string   // where devices call; empty: as the gateway says
	Flags   []string // for `enroll`
	line    []string
}

// Key is the fingerprint of the gateway's key, which the admin's ssh has checked
// to be this gateway's.
func (g *Gateway) Key(ctx context.Context) (string, error) {
	g.line = g.Shell.line(ctx, g.Host)
	out, err := g.call(ctx, "config", "--known-hosts", "--key")
	if err != nil {
		return "", err
	}
	_, _, key, _, _, err := ssh.ParseKnownHosts(out)
	if err != nil {
		return "", fmt.Errorf("what answers as %s is no gateway of Accord", g.Host)
	}
	return ssh.FingerprintSHA256(key), nil
}

// Tokens makes n tokens.
func (g *Gateway) Tokens(ctx context.Context, n int) (string, []string, error) {
	out, err := g.call(ctx, append([]string{"enroll", "--json", "--count", strconv.Itoa(n)}, g.Flags...)...)
	if err != nil {
		return "", nil, err
	}
	var answer struct {
		Address string   `json:"address"`
		Tokens  []string `json:"tokens"`
	}
	if err := json.Unmarshal(out, &answer); err != nil || answer.Address == "" {
		return "", nil, fmt.Errorf("%s makes no tokens that can be read", g.Host)
	}
	for _, token := range answer.Tokens {
		if _, err := wire.ParseToken(token); err != nil {
			return "", nil, fmt.Errorf("%s makes no tokens that can be read", g.Host)
		}
	}
	if g.Address != "" {
		answer.Address = g.Address
	}
	return answer.Address, answer.Tokens, nil
}

// Devices are the devices of these names, as far as the gateway knows them.
func (g *Gateway) Devices(ctx context.Context, names []string) ([]Device, error) {
	out, err := g.call(ctx, append([]string{"devices", "--json"}, names...)...)
	var list []Device
	if wrong := json.Unmarshal(out, &list); wrong == nil {
		return list, nil // of those that it knows, if not of all
	} else if err == nil {
		err = fmt.Errorf("%s lists no devices that can be read", g.Host)
	}
	return nil, err
}

// Close ends the connection.
func (g *Gateway) Close() { g.Shell.close(g.line, g.Host) }

// call runs a command of the gateway. No word of it has anything that needs a
// quote, but the labels: the gateway cuts them into words as a shell does.
func (g *Gateway) call(ctx context.Context, words ...string) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookLimit, errors.New("it has not answered for a minute"))
	defer cancel()
	args := append(append([]string{}, g.line...), "-T", "--", g.Host)
	for _, w := range words {
		args = append(args, quote(w))
	}
	cmd := g.Shell.command(ctx, args)
	out, told := &bounded{most: mostDevices}, &bounded{most: most}
	cmd.Stdout, cmd.Stderr = out, told
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		if why := wire.Clean(lastLine(told.text.String()), wire.MaxReason); why != "" {
			err = errors.New(why)
		}
		return bytes.TrimSpace(out.text.Bytes()), fmt.Errorf("the gateway %s: %w", g.Host, err)
	}
	return bytes.TrimSpace(out.text.Bytes()), nil
}
