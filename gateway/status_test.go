package gateway

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"accord/policy"
)

// TestStatus: what is going on is counted, and what needs somebody is named.
func TestStatus(t *testing.T) {
	var o Options
	h := newHouse(t, func(in *Options) {
		soon := policy.DateOf(time.Now().Add(3 * 24 * time.Hour))
		in.People[0].TrainedUntil = soon
		in.People = append(in.People, policy.Person{Name: "ann", Keys: []string{keyLine(newSigner(t))}, Roles: []string{"auditor"}})
		o = *in
	})
	d := h.device("laptop-7").join()
	if got := h.run("laptop-7", h.alice, "hostname"); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	h.noLive()
	o.Charter = policy.CharterConfig{Version: "1", Text: "Be kind."}
	h.enact(o)
	h.vitals.loaded(time.Now(), errors.New("line 3: \x1b[31mno"))
	got, err := h.status(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	if got.Devices.Online != 1 || got.Devices.Agents["test"] != 1 || got.Visits.Open != 0 || got.Recordings.Count != 1 || got.Recordings.Sealed == nil {
		t.Errorf("%+v", got)
	}
	if n, err := h.store.CheckLog(t.Context()); err != nil || got.Log.Entries == 0 || got.Log.Entries > n || got.Log.Head == "" {
		t.Errorf("log: %+v, of %d, %v", got.Log, n, err)
	}
	if got.Config.Refused == nil || strings.Contains(got.Config.Why, "\x1b") || len(got.People.Untrained) != 1 || got.Ports["agents"].Open != 1 {
		t.Errorf("%+v", got)
	}
	if got := got.People.Unsigned; !slices.Equal(got, []string{"alice", "boss"}) { // an auditor has none to sign
		t.Errorf("the charter is not signed by %q", got)
	}
	_ = d.conn.Close()
	d.isOnline(false)
	asked := h.run("", h.boss, "status --json")
	var read statusJSON
	if err := json.Unmarshal([]byte(asked.out), &read); err != nil || read.Devices.Away != 1 {
		t.Errorf("%s: %v", asked.out, err)
	}
	text := h.run("", h.boss, "status").out
	for _, want := range []string{"Gateway  ", "0 online, 1 away", "Room ", "REFUSED: line 3", "Training ends or over alice", "Port for agents"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not said:\n%s", want, text)
		}
	}
}
