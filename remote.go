package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os/exec"
	"slices"
)

// remote is a gateway, as the caller's own ssh reaches it.
type remote struct {
	*call
	gateway string
	options []string // for ssh
}

// sshOptions parts the arguments from what follows "--", which is for ssh.
func sshOptions(args []string) (ours, options []string) {
	i := slices.Index(args, "--")
	if i < 0 {
		return args, nil
	}
	return args[:i], args[i+1:]
}

// maxShown bounds what the gateway may print, in bytes.
const maxShown = 64 << 10

// ssh runs a command of the gateway by the caller's own ssh and returns what it
// prints. What ssh and the gateway have to say goes to standard error.
func (r remote) ssh(ctx context.Context, in []byte, command ...string) ([]byte, error) {
	words := append(slices.Clone(r.options), "-T", "--", r.gateway)
	return r.tool(ctx, in, "ssh", append(words, command...)...)
}

// tool runs one of OpenSSH's programs, as the caller's shell would find it.
func (r remote) tool(ctx context.Context, in []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // the caller's own ssh with the caller's own words
	cmd.Env, cmd.Stdin, cmd.Stderr = r.env, bytes.NewReader(in), r.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("run %s: %w", name, err)
	}
	text, rerr := io.ReadAll(io.LimitReader(out, maxShown+1))
	_, _ = io.Copy(io.Discard, out)
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(text) > maxShown {
		return nil, fmt.Errorf("%s printed more than %d bytes", name, maxShown)
	}
	return text, rerr
}
