package main

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/crypto/ssh"

	"accord/agent"
	"accord/recordings"
	"accord/replay"
	"accord/wire"
)

func replayVerb() verb {
	return verb{
		name:  "replay",
		usage: "[--socket PATH] [--plain] [RECEIPT|VISIT]",
		line:  "see a visit to this device again",
		help: `Plays the recording of a visit to this device, the last one, or the one with
this number or of this receipt. It is kept here where the request said that you
can replay the visit: the last twenty. Before it is played it is compared with
the head in your receipt and with the seal of the gateway that this device
joined; one that is not as it was written is not played.

Options:
  -s, --socket PATH   where the agent answers, as for accord user
  -c, --config FILE   the agent's configuration
  -p, --plain         print the screens as they are at the end

Examples:
  accord replay
  accord replay 17`,
		run: runReplay,
	}
}

func runReplay(ctx context.Context, c *call, args []string) error {
	fs := flags("replay")
	l := localFlags{stringFlag(fs, "socket", "s", ""), stringFlag(fs, "config", "c", "")}
	plain := boolFlag(fs, "plain", "p")
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	socket, err := c.socketPath(*l.socket, *l.config)
	if err != nil {
		return err
	}
	which := ""
	if len(rest) == 1 {
		which = rest[0]
	}
	r, err := agent.FindReplay(ctx, socket, which)
	if err != nil {
		return err
	}
	if err := trusted(r); err != nil {
		return err
	}
	t, done, err := c.terminal(*plain)
	if err != nil {
		return err
	}
	defer done()
	return left(replay.Play(ctx, t, r.Folder))
}

// trusted compares a replay with what the device itself has signed.
func trusted(r *agent.Replay) error {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(r.Key))
	if err != nil {
		return fmt.Errorf("the pinned key of the gateway can't be read: %w", err)
	}
	head, err := recordings.ParseHead(r.Head.Seq, r.Head.Hash)
	if err != nil {
		return fmt.Errorf("the head in the receipt can't be read: %w", err)
	}
	report, err := recordings.Verify(r.Folder, func(statement, signature []byte) error {
		return wire.Verify(key, wire.NamespaceSeal, statement, signature)
	}, head)
	if err != nil {
		return err
	}
	if report.Visit.ID != r.Visit {
		return errors.New("this is the recording of another visit; it is not played")
	}
	for _, p := range problemTexts(report) {
		return fmt.Errorf("the recording is not as it was written, and is not played: %s", p)
	}
	return nil
}
