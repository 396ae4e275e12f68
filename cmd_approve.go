package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"accord/wire"
)

func approveVerb() verb {
	return verb{
		name:  "approve",
		usage: "[--key FILE] GATEWAY N [-- SSH-OPTION…]",
		line:  "sign an override as a supervisor, once you have read it",
		help: `Shows the statement of override N as the gateway has it, and signs it with
your key when you type its number. Any other answer signs nothing. Nothing is
signed that was not shown. GATEWAY is as your ssh knows it; what follows '--'
is handed to ssh.

The key is signed with by ssh-keygen, which asks for a passphrase or for a
touch as it always does. For a key in ssh-agent name its .pub file.

The same with stock tools: 'ssh GATEWAY override show N', then
'ssh-keygen -Y sign -n override@accord', then 'ssh GATEWAY override approve N'.

Options:
  -k, --key FILE   the key to sign with; without it the first one that exists
                   of those that ssh would log in with

Exit codes: 0 signed and taken, 1 not signed or not taken, 2 wrong call.

Examples:
  accord approve gw 42
  accord approve --key ~/.ssh/id_ed25519_sk gw 42
  accord approve gw 42 -- -p 2222`,
		run: runApprove,
	}
}

// approval is one call of the verb.
type approval struct {
	remote
	number int
	key    string
}

func runApprove(ctx context.Context, c *call, args []string) error {
	args, options := sshOptions(args)
	fs := flags("approve")
	key := stringFlag(fs, "key", "k", "")
	rest, err := parse(c, fs, args, 2)
	if err != nil {
		return err
	}
	if len(rest) != 2 || strings.HasPrefix(rest[0], "-") {
		return usage("approve", "name the gateway and the number of the override")
	}
	n, err := strconv.Atoi(rest[1])
	if err != nil || n < 1 {
		return usage("approve", "%q is no number of an override", rest[1])
	}
	if !c.hasTerminal() {
		return errors.New("there is no terminal to show the override on; in a script use ssh and ssh-keygen, see accord help approve")
	}
	return (&approval{remote: remote{c, rest[0], options}, number: n, key: *key}).run(ctx)
}

// run shows, asks, signs and sends.
func (a *approval) run(ctx context.Context) error {
	statement, err := a.ssh(ctx, nil, "override", "show", strconv.Itoa(a.number))
	if err != nil {
		return fmt.Errorf("the gateway does not show override %d: %w", a.number, err)
	}
	o, err := wire.ParseOverride(statement)
	if err != nil {
		return fmt.Errorf("what the gateway shows can't be signed: %w", err)
	}
	if o.Number != a.number {
		return fmt.Errorf("the gateway shows override %d, not %d; nothing was signed", o.Number, a.number)
	}
	key, err := a.signingKey(ctx)
	if err != nil {
		return err
	}
	if err := a.show(statement, o, key); err != nil {
		return err
	}
	if yes, err := a.ask(ctx); err != nil || !yes {
		return errors.Join(err, errors.New("nothing was signed"))
	}
	signature, err := a.sign(ctx, key, statement)
	if err != nil {
		return err
	}
	answer, err := a.ssh(ctx, signature, "override", "approve", strconv.Itoa(a.number))
	if err != nil {
		return fmt.Errorf("signed, but the gateway does not take it: %w", err)
	}
	_, err = fmt.Fprintln(a.stdout, wire.Clean(strings.TrimSpace(string(answer)), wire.MaxReason))
	return err
}

// signingKey is the key to sign with: the one that was named, or the first of
// those that ssh would use and that is there.
func (a *approval) signingKey(ctx context.Context) (string, error) {
	if a.key != "" {
		if _, err := os.Stat(a.key); err != nil {
			return "", fmt.Errorf("the key to sign with: %w", err)
		}
		return a.key, nil
	}
	config, err := a.tool(ctx, nil, "ssh", append(slices.Clone(a.options), "-G", "--", a.gateway)...)
	if err != nil {
		return "", fmt.Errorf("find out which keys ssh would use: %w", err)
	}
	for line := range strings.Lines(string(config)) {
		path, ok := strings.CutPrefix(strings.TrimSpace(line), "identityfile ")
		if !ok {
			continue
		}
		if rest, home := strings.CutPrefix(path, "~/"); home {
			path = filepath.Join(a.getenv("HOME"), rest)
		}
		for _, candidate := range []string{path, path + ".pub"} {
			if _, err := os.Stat(candidate); err == nil {
				return candidate, nil
			}
		}
	}
	return "", errors.New("ssh would use no key of a file; name the one to sign with by --key")
}

// show prints the statement, line by line, with nothing in it that a terminal
// could take for a command.
func (a *approval) show(statement []byte, o wire.Override, key string) error {
	var b strings.Builder
	b.WriteString("\n")
	for line := range strings.Lines(string(statement)) {
		b.WriteString("  " + wire.Clean(strings.TrimSuffix(line, "\n"), len(statement)) + "\n")
	}
	what := "opens " + o.Device + " without the consent of its user"
	if o.Exercise {
		what = "is an exercise and opens nothing"
	}
	fmt.Fprintf(&b, "\nSigned, it %s. Your key: %s\n", what, key)
	_, err := io.WriteString(a.stdout, b.String())
	return err
}

// ask wants the number of the case, typed. Whatever else is typed is a no.
func (a *approval) ask(ctx context.Context) (bool, error) {
	if _, err := fmt.Fprintf(a.stdout, "To sign, type the override's number, %d, and Enter. Anything else signs nothing: ", a.number); err != nil {
		return false, err
	}
	answer := make(chan string, 1)
	go func() { // ends with the line, or with the program
		line, _ := bufio.NewReader(io.LimitReader(a.stdin, 1024)).ReadString('\n')
		answer <- line
	}()
	select {
	case line := <-answer:
		return strings.TrimSpace(line) == strconv.Itoa(a.number), nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}

// sign has ssh-keygen sign, and checks that it signed just this.
func (a *approval) sign(ctx context.Context, key string, statement []byte) ([]byte, error) {
	signature, err := a.tool(ctx, statement, "ssh-keygen", "-q", "-Y", "sign", "-n", wire.NamespaceOverride, "-f", key)
	if err != nil {
		return nil, fmt.Errorf("nothing was signed: %w", err)
	}
	if err := wire.VerifyAny(wire.NamespaceOverride, statement, signature); err != nil {
		return nil, fmt.Errorf("ssh-keygen made no signature that can be used: %w", err)
	}
	return signature, nil
}
