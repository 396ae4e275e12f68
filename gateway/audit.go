package gateway

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"accord/gateway/store"
	"accord/wire"
)

func (s *session) cmdAudit(ctx context.Context, c *call) error {
	if err := c.none("json", "person", "device", "visit", "kind", "limit", "check"); err != nil {
		return err
	}
	if c.has("check") {
		n, err := s.gateway.store.CheckLog(ctx)
		if err != nil {
			return err
		}
		s.print(fmt.Sprintf("The log's %d entries are what was signed.\n", n))
		return nil
	}
	limit, err := c.number("limit", 50)
	if err != nil {
		return err
	}
	entries, err := s.gateway.store.Audit(ctx, store.Filter{
		Person: c.last("person", ""), Device: c.last("device", ""), Visit: c.last("visit", ""),
		Kind: store.Kind(c.last("kind", "")), Limit: limit, Newest: true,
	})
	if err != nil {
		return err
	}
	if c.has("json") {
		list := make([]entryJSON, 0, len(entries))
		for _, e := range entries {
			list = append(list, entryJSON{e.Seq, e.At, e.Kind, e.Success, e.Actor, e.Address, e.Device, e.Visit, e.Data, e.Hash.String()})
		}
		return s.printJSON(list)
	}
	var rows [][]string
	for _, e := range entries {
		ok := "yes"
		if !e.Success {
			ok = "no"
		}
		rows = append(rows, []string{strconv.FormatInt(e.Seq, 10), e.At.Local().Format("2006-01-02 15:04:05"), string(e.Kind), ok, e.Actor, e.Device, e.Visit, detail(e.Data)})
	}
	return s.table([]string{"NO", "WHEN", "WHAT", "OK", "WHO", "DEVICE", "VISIT", "DETAILS"}, rows)
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
