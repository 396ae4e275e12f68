package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"accord/agent"
	"accord/tui"
	"accord/wire"
)

func userVerb() verb {
	return verb{
		name:  "user",
		usage: "[--socket PATH] [--plain | --helper]",
		line:  "the screen of the person at the device: answer, watch, stop",
		help: `Shows that nobody is connected, asks when somebody wants to be, shows who is
connected with the key that stops it at once, and what each visit came to. Leave
it open in a terminal; without it requests come as a popup in your tmux, in a
window on your display, on a console of their own if you sit at a text console,
or as a line on your terminals that says to run 'accord answer'.

With --helper it has no screen: started with your session, it opens that popup
or window when somebody asks, and shows notifications on your desktop.

Options:
  -s, --socket PATH   where the agent answers; else ACCORD_SOCKET, the agent of
                      an
                      'accord up' in this folder, or the configured one
  -c, --config FILE   the agent's configuration
  -p, --plain         questions line by line, for screen readers
                      (ACCORD_PLAIN=1)
      --helper        help this session's user, without a screen
      --notes-only    the same, with notifications alone and for one visit

Examples:
  accord user
  accord user --plain`,
		run: runUser,
	}
}

// localFlags are those of the verbs that talk to the agent of this device.
type localFlags struct{ socket, config *string }

func runUser(ctx context.Context, c *call, args []string) error {
	fs := flags("user")
	l := localFlags{stringFlag(fs, "socket", "s", ""), stringFlag(fs, "config", "c", "")}
	plain := boolFlag(fs, "plain", "p")
	helper, notes := fs.Bool("helper", false, ""), fs.Bool("notes-only", false, "")
	if _, err := parse(c, fs, args, 0); err != nil {
		return err
	}
	socket, err := c.socketPath(*l.socket, *l.config)
	if err != nil {
		return err
	}
	if *helper || *notes {
		return c.help(ctx, socket, *notes)
	}
	t, done, err := c.terminal(*plain)
	if err != nil {
		return err
	}
	defer done()
	return left(agent.User(ctx, socket, t))
}

// help runs the helper of this session's user.
func (c *call) help(ctx context.Context, socket string, notes bool) error {
	me, err := self()
	if err != nil {
		return err
	}
	if socket, err = filepath.Abs(socket); err != nil {
		return fmt.Errorf("find the agent: %w", err)
	}
	locale := (&tui.Terminal{Env: c.env}).Locale()
	return agent.Helper{Socket: socket, Self: me, Locale: locale, Log: c.logger(c.stderr), NotesOnly: notes}.Run(ctx)
}

// left is no error: the screen was left, or the program told to stop.
func left(err error) error {
	if errors.Is(err, tui.ErrLeft) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func answerVerb() verb {
	return verb{
		name:  "answer",
		usage: "[--socket PATH] [--plain]",
		line:  "answer the request that waits on this device",
		help: `Shows the request for access that waits on this device, and takes your answer:
allow it by typing the code shown, or say later, refuse, or nothing, which
means no.

Options:
  -s, --socket PATH     where the agent answers, as for accord user
  -c, --config FILE     the agent's configuration
  -p, --plain           questions line by line, for screen readers
      --request NONCE   answer this request and no other
      --surface NAME    where it is shown ("tmux", "window", "console"), as the
                        agent tells the technician
      --stay            after a yes, the screen of the visit until that is over

Exit code: 0 when an answer was given, whatever it was; 1 when none was.

Examples:
  accord answer
  accord answer --plain`,
		run: runAnswer,
	}
}

func runAnswer(ctx context.Context, c *call, args []string) error {
	fs := flags("answer")
	l := localFlags{stringFlag(fs, "socket", "s", ""), stringFlag(fs, "config", "c", "")}
	plain := boolFlag(fs, "plain", "p")
	request, surface := fs.String("request", "", ""), fs.String("surface", "terminal", "")
	stay := fs.Bool("stay", false, "")
	if _, err := parse(c, fs, args, 0); err != nil {
		return err
	}
	socket, err := c.socketPath(*l.socket, *l.config)
	if err != nil {
		return err
	}
	t, done, err := c.terminal(*plain)
	if err != nil {
		return err
	}
	defer done()
	choice, err := agent.Answer(ctx, socket, *request, *surface, t)
	if err != nil || choice != tui.Approve || !*stay {
		return err
	}
	return left(agent.Attend(ctx, socket, t))
}

func stopVerb() verb {
	return verb{
		name:  "stop",
		usage: "[--socket PATH] [VISIT]",
		line:  "end the visit on this device at once",
		help: `Ends the visit with this number, or all that are open on this device. Everything
of it is dead before the gateway is told; it works without a network. The person
who answers requests may, and root.

Options:
  -s, --socket PATH   where the agent answers, as for accord user
  -c, --config FILE   the agent's configuration

Examples:
  accord stop
  accord stop 20261122-164500-abcd2345`,
		run: runStop,
	}
}

func runStop(ctx context.Context, c *call, args []string) error {
	fs := flags("stop")
	l := localFlags{stringFlag(fs, "socket", "s", ""), stringFlag(fs, "config", "c", "")}
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	socket, err := c.socketPath(*l.socket, *l.config)
	if err != nil {
		return err
	}
	visit := ""
	if len(rest) == 1 {
		visit = rest[0]
	}
	stopped, err := agent.Stop(ctx, socket, visit)
	switch {
	case err != nil:
		return err
	case len(stopped) == 0 && visit != "":
		return fmt.Errorf("no visit %s is open on this device", wire.Clean(visit, wire.MaxName))
	case len(stopped) == 0:
		_, err = fmt.Fprintln(c.stdout, "Nobody is connected to this device.")
	default:
		_, err = fmt.Fprintf(c.stdout, "Stopped: %s. Access is closed.\n", strings.Join(stopped, ", "))
	}
	return err
}

func receiptsVerb() verb {
	return verb{
		name:  "receipts",
		usage: "[--socket PATH] [--limit N] [--json]",
		line:  "what was asked of this device, and what came of it",
		help: `Lists the receipts that this device keeps: every request, the very text that
was shown, the answer, and how the visit ended. Each is signed with the
device's key; one that was altered is said to be. Every user of the device may
read them.

Options:
  -s, --socket PATH   where the agent answers, as for accord user
  -c, --config FILE   the agent's configuration
  -n, --limit N       how many, newest first (20, at most 200)
  -j, --json          everything, for programs

Examples:
  accord receipts
  accord receipts --limit 1 --json | jq -r '.receipts[0].consent.text'`,
		run: runReceipts,
	}
}

func runReceipts(ctx context.Context, c *call, args []string) error {
	fs := flags("receipts")
	l := localFlags{stringFlag(fs, "socket", "s", ""), stringFlag(fs, "config", "c", "")}
	asJSON := boolFlag(fs, "json", "j")
	limit := fs.Int("limit", 20, "")
	fs.IntVar(limit, "n", 20, "")
	if _, err := parse(c, fs, args, 0); err != nil {
		return err
	}
	if *limit < 1 || *limit > 200 {
		return usage("receipts", "--limit takes 1 to 200")
	}
	socket, err := c.socketPath(*l.socket, *l.config)
	if err != nil {
		return err
	}
	good, bad, err := agent.Receipts(ctx, socket, *limit)
	if err != nil {
		return err
	}
	if *asJSON {
		err = writeJSON(c, map[string]any{"receipts": good, "damaged": bad})
	} else {
		err = c.tableOfReceipts(good)
	}
	for _, b := range bad {
		fmt.Fprintf(c.stderr, "accord: %s\n", wire.Clean(b, wire.MaxReason))
	}
	if err == nil && len(bad) > 0 {
		err = errors.New("not every receipt is as the device signed it")
	}
	return err
}

func (c *call) tableOfReceipts(list []agent.Receipt) error {
	ph := tui.PhrasesFor((&tui.Terminal{Env: c.env}).Locale())
	if len(list) == 0 {
		_, err := fmt.Fprintln(c.stdout, ph.Say("ReceiptsNone"))
		return err
	}
	rows := make([][]string, 0, len(list))
	for _, r := range list {
		rows = append(rows, receiptRow(ph, r))
	}
	header := []string{
		ph.Say("ReceiptsNo"), ph.Say("ReceiptsAsked"), ph.Say("ReceiptsTechnician"), ph.Say("ReceiptsTicket"),
		ph.Say("ReceiptsAnswer"), ph.Say("ReceiptsVisit"), ph.Say("ReceiptsLasted"), ph.Say("ReceiptsEnded"),
	}
	return tui.Table(c.stdout, header, rows, 0)
}

func receiptRow(ph *tui.Phrases, r agent.Receipt) []string {
	k := r.Consent
	lasted, by := "-", "-"
	answer := receiptAnswer(ph, k.Choice)
	if k.Standing != "" {
		answer = ph.Say("ReceiptStanding") // the owner's, in advance
	}
	if k.Further {
		answer = ph.Say("ReceiptFurther", "Answer", answer) // in a visit that was open, and has its own receipt
	}
	if e := r.Ending; e != nil {
		lasted, by = e.Ended.Sub(e.Opened).Round(time.Second).String(), receiptBy(ph, e.By)
	}
	return []string{
		fmt.Sprint(k.Number), k.Asked.Local().Format("2006-01-02 15:04"), k.Request.Technician.Name, k.Request.Ticket,
		answer, k.Request.Visit, lasted, by,
	}
}

func receiptAnswer(ph *tui.Phrases, c wire.Choice) string {
	switch c {
	case wire.Approve:
		return ph.Say("ReceiptApprove")
	case wire.Overridden:
		return ph.Say("ReceiptOverride")
	case wire.Later:
		return ph.Say("ReceiptLater")
	case wire.Refuse:
		return ph.Say("ReceiptRefuse")
	}
	return ph.Say("ReceiptNone")
}

// receiptBy is who or what ended a visit; a person is a name.
func receiptBy(ph *tui.Phrases, by string) string {
	switch by {
	case "user":
		return ph.Say("ReceiptUser")
	case "time":
		return ph.Say("ReceiptTime")
	case "link":
		return ph.Say("ReceiptLink")
	case "gateway":
		return ph.Say("ReceiptGateway")
	case "agent":
		return ph.Say("ReceiptAgent")
	case "policy":
		return ph.Say("ReceiptPolicy")
	}
	return by
}
