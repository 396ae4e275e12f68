package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"

	"golang.org/x/crypto/ssh"

	"accord/recordings"
	"accord/replay"
	"accord/wire"
)

func playVerb() verb {
	return verb{
		name:  "play",
		usage: "[--plain] [--vnc] FOLDER|FILE",
		line:  "play a recording: a visit's folder, or any .cast",
		help: `Plays in this terminal. Space pauses, the arrows seek, + and - change the
speed, i skips pauses, m jumps to marks, Tab goes to the next shell or screen,
? shows all keys. A shell is drawn from a terminal emulator's cells, a screen
by kitty graphics, sixels or half-blocks: nothing in a recording can reach your
terminal as a command.

Options:
  -p, --plain   print the screens as they are at the end
      --vnc     show the screens to VNC viewers as well, at 127.0.0.1:5900, or
                where --vnc=ADDRESS:PORT says, on this machine; the terminal
                steers what they see. With --plain, or without a terminal, each
                screen plays once

Examples:
  accord play .accord/recordings/2026/11/22/20261122-164500-abcd2345
  accord play session.cast
  accord play --vnc 002.frames
  ssh -t GATEWAY recordings          the same, on the gateway`,
		run: runPlay,
	}
}

func runPlay(ctx context.Context, c *call, args []string) error {
	fs := flags("play")
	plain := boolFlag(fs, "plain", "p")
	var vnc vncFlag
	fs.Var(&vnc, "vnc", "")
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usage("play", "name the folder of a visit, a .cast or a .frames")
	}
	if vnc != "" {
		return playVNC(ctx, c, string(vnc), rest[0], *plain)
	}
	t, done, err := c.terminal(*plain)
	if err != nil {
		return err
	}
	defer done()
	return left(replay.Play(ctx, t, rest[0]))
}

// vncFlag is where viewers may come; empty for nowhere.
type vncFlag string

func (f *vncFlag) String() string   { return string(*f) }
func (f *vncFlag) IsBoolFlag() bool { return true }

func (f *vncFlag) Set(s string) error {
	if s == "true" {
		s = "127.0.0.1:5900"
	}
	at, err := netip.ParseAddrPort(s)
	if err != nil || !at.Addr().IsLoopback() {
		return errors.New("a replay is shown on this machine only: write --vnc=127.0.0.1:5901")
	}
	*f = vncFlag(s)
	return nil
}

// playVNC plays to viewers on loopback, steered by the terminal if there is one.
func playVNC(ctx context.Context, c *call, address, path string, plain bool) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("viewers can't come to %s: %w", address, err)
	}
	if plain || !c.hasTerminal() {
		return left(replay.Serve(ctx, nil, path, l, func() {
			fmt.Fprintf(c.stderr, "Viewers may come to %s.\n", l.Addr())
		}))
	}
	t, done, err := c.terminal(false)
	if err != nil {
		l.Close()
		return err
	}
	defer done()
	return left(replay.Serve(ctx, t, path, l, func() {}))
}

func verifyVerb() verb {
	return verb{
		name:  "verify",
		usage: "[--key FILE] [--head SEQ:HASH]… [--json] FOLDER",
		line:  "say whether a recording is as it was written",
		help: `Compares a recording with its chain and its signed seal, and names every byte
that was changed, cut, added or is missing. The seal is checked with the
gateway's key: name its public key with --key; without one the seal's own
statement is not proven to be the gateway's, and verify says so. A head from a
device's receipt (accord receipts --json) also finds a recording that was made
anew, or cut back as a whole.

Options:
  -k, --key FILE        the gateway's public key, a line as in known_hosts or a
                        .pub
      --head SEQ:HASH   a head that a device keeps; may be given more than once
  -j, --json            for programs

Exit code: 0 as it was written, 1 not.

Examples:
  accord verify --key gateway.pub /var/lib/accord/recordings/2026/11/22/…`,
		run: runVerify,
	}
}

// recorded reports whether any file is there that every recording has: what was cut
// down to one of them is still a recording, and a wrong one.
func recorded(entries []os.DirEntry) bool {
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return slices.Contains([]string{"visit.json", "timeline.jsonl", "chain.jsonl", "seal"}, e.Name())
	})
}

func runVerify(_ context.Context, c *call, args []string) error {
	fs := flags("verify")
	keyFile := stringFlag(fs, "key", "k", "")
	asJSON := boolFlag(fs, "json", "j")
	var heads headList
	fs.Var(&heads, "head", "")
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usage("verify", "name the folder of a visit")
	}
	check, err := sealCheck(*keyFile)
	if err != nil {
		return err
	}
	if entries, err := os.ReadDir(rest[0]); err == nil && !recorded(entries) {
		return fmt.Errorf("%s is no recording of a visit: name the folder that holds its visit.json", rest[0])
	}
	report, err := recordings.Verify(rest[0], check, heads...)
	if err != nil {
		return err
	}
	if *asJSON {
		if err := writeJSON(c, map[string]any{
			"ok": report.OK(), "visit": report.Visit.ID, "state": report.State, "verified_bytes": report.Verified,
			"key_checked": *keyFile != "", "problems": problemTexts(report),
		}); err != nil {
			return err
		}
	} else {
		c.tellReport(report, *keyFile != "")
	}
	if !report.OK() {
		return fmt.Errorf("the recording in %s is not as it was written", rest[0])
	}
	return nil
}

func (c *call) tellReport(r recordings.Report, keyed bool) {
	for _, p := range problemTexts(r) {
		fmt.Fprintln(c.stdout, p)
	}
	if !r.OK() {
		return
	}
	fmt.Fprintf(c.stdout, "Visit %s is as it was written: %s, %d bytes.\n", wire.Clean(r.Visit.ID, wire.MaxName), r.State, r.Verified)
	if !keyed {
		fmt.Fprintln(c.stdout, "Whose seal it is was not checked: name the gateway's public key with --key.")
	}
}

func problemTexts(r recordings.Report) []string {
	list := make([]string, 0, len(r.Problems))
	for _, p := range r.Problems {
		list = append(list, wire.Clean(p.String(), wire.MaxReason))
	}
	return list
}

// sealCheck checks seals with a key, or, without one, only that they have a
// signature at all.
func sealCheck(path string) (recordings.Check, error) {
	if path == "" {
		return func(statement, signature []byte) error {
			return wire.VerifyAny(wire.NamespaceSeal, statement, signature)
		}, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("the gateway's key: %w", err)
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey(text)
	if err != nil {
		_, _, key, _, _, err = ssh.ParseKnownHosts(text)
	}
	if err != nil {
		return nil, fmt.Errorf("%s holds no public key: name a .pub file or a line as in known_hosts", path)
	}
	return func(statement, signature []byte) error {
		return wire.Verify(key, wire.NamespaceSeal, statement, signature)
	}, nil
}

// headList collects --head.
type headList []recordings.Head

func (h *headList) String() string { return "" }

func (h *headList) Set(s string) error {
	var seq uint64
	var hash string
	if _, err := fmt.Sscanf(s, "%d:%64s", &seq, &hash); err != nil {
		return fmt.Errorf("a head is written SEQ:HASH, as in a receipt")
	}
	head, err := recordings.ParseHead(seq, hash)
	if err != nil {
		return err
	}
	*h = append(*h, head)
	return nil
}
