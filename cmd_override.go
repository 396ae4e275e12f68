package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"accord/wire"
)

func overrideVerb() verb {
	return verb{
		name:  "override",
		usage: "drill GATEWAY DEVICE [-- SSH-OPTION…]",
		line:  "practise the override as a technician, to its end",
		help: `Runs the whole ceremony as an exercise, marked so everywhere: asks the
supervisors for an override of DEVICE, waits until it is signed or denied, and
has the device verify it. The device shows that it was practised; nothing is
opened. Afterwards a third person reviews the case, as in earnest. Ctrl-C takes
the request back.

GATEWAY is as your ssh knows it; what follows '--' is handed to ssh. All other
steps of an override are commands of the gateway: ssh GATEWAY override.

Exit codes: 0 the device verified it, 1 it did not come to that, 2 wrong call.

Examples:
  accord override drill gw laptop-7
  accord override drill gw laptop-7 -- -p 2222`,
		run: runOverride,
	}
}

func runOverride(ctx context.Context, c *call, args []string) error {
	args, options := sshOptions(args)
	rest, err := parse(c, flags("override"), args, 3)
	switch {
	case err != nil:
		return err
	case len(rest) != 3 || rest[0] != "drill" || strings.HasPrefix(rest[1], "-"):
		return usage("override", "name what to do, which is drill, the gateway and the device")
	}
	return (&drill{remote: remote{c, rest[1], options}, device: rest[2]}).run(ctx)
}

// drill is one exercise, from the request to the device's verdict.
type drill struct {
	remote
	device string
}

// drillEvery is how often it is looked whether somebody has signed.
const drillEvery = time.Second

// caseState is what the gateway says of a case.
type caseState struct {
	Number     int    `json:"number"`
	State      string `json:"state"`
	Cause      string `json:"cause"`
	By         string `json:"by"`
	Needed     int    `json:"needed"`
	Signatures []struct {
		Signer string `json:"signer"`
	} `json:"signatures"`
}

func (d *drill) run(ctx context.Context) error {
	asked, err := d.ask(ctx, "override", "drill", d.device, "--json")
	if err != nil {
		return fmt.Errorf("the exercise was not asked for: %w", err)
	}
	n := strconv.Itoa(asked.Number)
	fmt.Fprintf(d.stdout, "Override %s is asked for as an exercise. A supervisor signs it: accord approve %s %s\n", n, d.gateway, n)
	if err := d.await(ctx, n); err != nil {
		if !leaving(ctx) {
			return err
		}
		return d.withdraw(n)
	}
	verdict, err := d.ssh(ctx, nil, "override", "open", n)
	if err != nil {
		return fmt.Errorf("the device did not verify override %s: %w", n, err)
	}
	_, err = fmt.Fprintf(d.stdout, "%s\nWhat is left is its review by a third person: ssh %s override review %s\n",
		wire.Clean(strings.TrimSpace(string(verdict)), wire.MaxReason), d.gateway, n)
	return err
}

// drillSettle is how long a Ctrl-C may take to arrive here that has ended ssh: the
// terminal sends it to both.
const drillSettle = 500 * time.Millisecond

// leaving reports whether the caller has left, or has just done so.
func leaving(ctx context.Context) bool {
	timer := time.NewTimer(drillSettle)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return true
	case <-timer.C:
		return false
	}
}

// await waits until the case is signed by as many as it needs, and says who
// signs.
func (d *drill) await(ctx context.Context, n string) error {
	tick := time.NewTicker(drillEvery)
	defer tick.Stop()
	for signed := 0; ; {
		now, err := d.ask(ctx, "override", "show", n, "--json")
		if err != nil {
			return err
		}
		for ; signed < len(now.Signatures); signed++ {
			fmt.Fprintf(d.stdout, "%s signed it (%d of %d).\n", wire.Clean(now.Signatures[signed].Signer, wire.MaxName), signed+1, now.Needed)
		}
		switch now.State {
		case "requested":
		case "approved":
			return nil
		default:
			return fmt.Errorf("override %s is %s %s %s", n, wire.Clean(now.State, wire.MaxName), wire.Clean(now.By, wire.MaxName), wire.Clean(now.Cause, wire.MaxReason))
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// withdraw takes the request back when the caller has left, and says so.
func (d *drill) withdraw(n string) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if _, err := d.ssh(ctx, nil, "override", "deny", n); err != nil {
		return fmt.Errorf("the exercise was left, but override %s still waits; take it back with ssh %s override deny %s", n, d.gateway, n)
	}
	return fmt.Errorf("the exercise was left; override %s is taken back", n)
}

// ask runs a command that answers with a case.
func (d *drill) ask(ctx context.Context, command ...string) (caseState, error) {
	var c caseState
	text, err := d.ssh(ctx, nil, command...)
	if err != nil {
		return c, err
	}
	if err := json.NewDecoder(strings.NewReader(string(text))).Decode(&c); err != nil && !errors.Is(err, io.EOF) || c.Number < 1 {
		return c, errors.New("the gateway's answer is not understood; are both of the same version?")
	}
	return c, nil
}
