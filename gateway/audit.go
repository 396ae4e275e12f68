package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/gateway/store"
	"accord/policy"
	"accord/wire"
)

func (s *session) cmdAudit(ctx context.Context, c *call) error {
	if err := c.none("json", "person", "device", "visit", "kind", "since", "until", "limit", "follow", "check"); err != nil {
		return err
	}
	if c.has("check") {
		if err := s.looksAtLog(map[string]string{"what": "check"}); err != nil {
			return err
		}
		n, err := s.gateway.store.CheckLog(ctx)
		if err != nil {
			return err
		}
		s.print(fmt.Sprintf("The log's %d entries are what was signed.\n", n))
		return nil
	}
	f, err := auditFilter(c, time.Now())
	if err != nil {
		return err
	}
	if err := s.looksAtLog(asWords(c)); err != nil {
		return err
	}
	entries, err := s.gateway.store.Audit(ctx, f)
	if err != nil {
		return err
	}
	if c.has("follow") {
		return s.followAudit(ctx, f, entries, c.has("json"))
	}
	if c.has("json") {
		list := make([]entryJSON, 0, len(entries))
		for _, e := range entries {
			list = append(list, entryOf(e))
		}
		return s.printJSON(list)
	}
	rows := make([][]string, 0, len(entries))
	for _, e := range entries {
		rows = append(rows, auditRow(e))
	}
	return s.listed("No entry of the audit log is as you ask.", []string{"NO", "WHEN", "WHAT", "OK", "WHO", "DEVICE", "VISIT", "DETAILS"}, rows)
}

// looksAtLog notes that the log is read. If that can't be kept, it isn't shown.
func (s *session) looksAtLog(data map[string]string) error {
	e := s.entry()
	e.Kind, e.Success, e.Data = store.LogViewed, true, data
	return s.gateway.note(e)
}

// asWords are the flags of a command that choose what is shown, for the log.
func asWords(c *call) map[string]string {
	data := make(map[string]string)
	for name, values := range c.flags {
		if name != "json" {
			data[name] = wire.Clean(strings.Join(values, " "), wire.MaxName)
		}
	}
	return data
}

// auditFilter reads what of the log is wanted: the newest that fit, unless it
// is said since when.
func auditFilter(c *call, now time.Time) (store.Filter, error) {
	f := store.Filter{
		Person: c.last("person", ""), Device: c.last("device", ""), Visit: c.last("visit", ""),
		Kind: store.Kind(c.last("kind", "")), Newest: true,
	}
	if f.Kind != "" && !f.Kind.Known() {
		return f, &usageError{fmt.Sprintf("There is no kind of entry %q; the column WHAT shows those there are.", wire.Clean(string(f.Kind), wire.MaxName))}
	}
	var err error
	if f.Limit, err = c.number("limit", 50); err != nil {
		return f, err
	}
	if f.Since, err = past(c, "since", now); err != nil {
		return f, err
	}
	f.Until, err = past(c, "until", now)
	return f, err
}

// past reads the time in a flag: so long ago, or a date, with the time of day
// or without. Without a zone it is that of the gateway. Zero where the flag is
// not given.
func past(c *call, flag string, now time.Time) (time.Time, error) {
	text := c.last(flag, "")
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago > 0 {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return now, &usageError{fmt.Sprintf("--%s takes a time such as 2h, 2026-10-05 or 2026-10-05T08:00, not %q.", flag, wire.Clean(text, wire.MaxName))}
}

// followEvery is how often a log that is followed is looked at.
const followEvery = 500 * time.Millisecond

// followAudit prints entries as they come, a line each, until the client is
// gone. A log that can't be read any more ends it: silence would look like
// nothing happening.
func (s *session) followAudit(ctx context.Context, f store.Filter, entries []store.Entry, asJSON bool) error {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	f.Newest, f.Limit = false, 0
	for {
		for _, e := range entries {
			if err := s.printEntry(e, asJSON); err != nil {
				return err
			}
			f.After = e.Seq
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return errGone
		}
		err := s.allowed(policy.Audit, "command "+string(policy.Audit)) // roles can have changed meanwhile
		if err != nil {
			return err
		}
		if entries, err = s.gateway.store.Audit(ctx, f); err != nil {
			return err
		}
	}
}

func (s *session) printEntry(e store.Entry, asJSON bool) error {
	if !asJSON {
		s.print(strings.Join(auditRow(e), "  ") + "\n")
		return nil
	}
	text, err := json.Marshal(entryOf(e))
	if err != nil {
		return fmt.Errorf("encode an entry: %w", err)
	}
	s.print(string(text) + "\n")
	return nil
}

func auditRow(e store.Entry) []string {
	ok := "yes"
	if !e.Success {
		ok = "no"
	}
	return []string{
		strconv.FormatInt(e.Seq, 10), e.At.Local().Format("2006-01-02 15:04:05"), string(e.Kind), ok, e.Actor, e.Device, e.Visit, detail(e.Data),
	}
}

func entryOf(e store.Entry) entryJSON {
	return entryJSON{e.Seq, e.At, e.Kind, e.Success, e.Actor, e.Address, e.Device, e.Visit, e.Data, e.Hash.String()}
}

type entryJSON struct {
	Seq     int64             `json:"seq"`
	At      time.Time         `json:"at"`
	Kind    store.Kind        `json:"kind"`
	Success bool              `json:"success"`
	Actor   string            `json:"actor"`
	Address string            `json:"address,omitempty"`
	Device  string            `json:"device,omitempty"`
	Visit   string            `json:"visit,omitempty"`
	Data    map[string]string `json:"data,omitempty"`
	Hash    string            `json:"hash"` // of the entry in the log's tree, base64
}

func detail(m map[string]string) string {
	list := make([]string, 0, len(m))
	for k, v := range m {
		list = append(list, k+"="+wire.Clean(v, wire.MaxLine))
	}
	slices.Sort(list)
	return strings.Join(list, " ")
}
