package gateway

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"accord/doctor"
	"accord/gateway/guard"
	"accord/gateway/store"
	"accord/policy"
	"accord/tui"
	"accord/wire"
)

// vitals are what is counted for `status` alone.
type vitals struct {
	mu      sync.Mutex
	began   time.Time
	ports   map[string]*guard.Listener
	at      time.Time // when the configuration was read anew last; zero: never
	refused string    // why that was refused, if it was
}

func (v *vitals) begin(technicians, agents *guard.Listener) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.began, v.ports = time.Now(), map[string]*guard.Listener{"technicians": technicians, "agents": agents}
}

// loaded notes how reading the configuration anew went.
func (v *vitals) loaded(at time.Time, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at, v.refused = at, ""
	if err != nil {
		v.refused = wire.Clean(err.Error(), wire.MaxReason)
	}
}

// statusJSON is how the gateway fares.
type statusJSON struct {
	Version string    `json:"version"`
	Since   time.Time `json:"since"`
	Devices struct {
		Online      int            `json:"online"`
		Away        int            `json:"away"`
		Quarantined int            `json:"quarantined"`
		Agents      map[string]int `json:"agents"` // how many of each version
	} `json:"devices"`
	Visits struct {
		Open   int `json:"open"`
		Asking int `json:"asking"`
	} `json:"visits"`
	Overrides struct {
		Waiting int `json:"waiting"`    // for signatures
		Review  int `json:"unreviewed"` // used, and not reviewed yet
		Overdue int `json:"overdue"`    // of those
	} `json:"overrides"`
	Recordings struct {
		Count    int        `json:"count"`
		Partly   bool       `json:"partly,omitempty"` // there are more than could be counted
		Bytes    int64      `json:"bytes"`
		Since    *time.Time `json:"since,omitempty"` // the oldest
		Sealed   *time.Time `json:"last_seal,omitempty"`
		Unsealed int        `json:"unsealed"`
		Free     int64      `json:"free_bytes"`
		Floor    int64      `json:"floor_bytes"` // below it no visit begins
	} `json:"recordings"`
	Log struct {
		Entries int64  `json:"entries"`
		Head    string `json:"head"` // the root hash that is signed, in base64
	} `json:"audit_log"`
	Ports  map[string]portJSON `json:"ports"`
	People struct {
		Count     int      `json:"count"`
		Locked    []string `json:"locked"`
		Unsigned  []string `json:"charter_unsigned"` // technicians who have not signed the charter in force
		Untrained []string `json:"training_ends"`    // within two weeks, or is over
	} `json:"people"`
	Expiring []string `json:"certificates_expiring"` // sentences
	Config   struct {
		File    string     `json:"file,omitempty"`
		Loaded  time.Time  `json:"loaded"`            // what is in force
		Refused *time.Time `json:"refused,omitempty"` // a later one that was not taken
		Why     string     `json:"why,omitempty"`
	} `json:"config"`
}

type portJSON struct {
	Open       int            `json:"open"`
	Handshakes int            `json:"handshakes"`
	Refused    map[string]int `json:"refused"` // since the start, by why
	Penalised  int            `json:"penalised_sources"`
}

// countLimit bounds the time in which recordings are counted.
const countLimit = 2 * time.Second

// trainingSoon is how long before its end a training is told.
const trainingSoon = 14 * 24 * time.Hour

func (s *session) cmdStatus(ctx context.Context, c *call) error {
	if err := c.none("json"); err != nil {
		return err
	}
	st, err := s.gateway.status(ctx, time.Now())
	if err != nil {
		return err
	}
	if c.has("json") {
		return s.printJSON(st)
	}
	s.print(st.text(time.Now()))
	return nil
}

func (g *Gateway) status(ctx context.Context, now time.Time) (st statusJSON, err error) {
	g.vitals.mu.Lock()
	began, ports, at, refused := g.vitals.began, g.vitals.ports, g.vitals.at, g.vitals.refused
	g.vitals.mu.Unlock()
	st.Version, st.Since = g.version, began.UTC()
	st.Config.File, st.Config.Loaded = g.options.Source.File, began.UTC()
	switch {
	case refused != "":
		st.Config.Refused, st.Config.Why = stamp(at), refused
	case !at.IsZero():
		st.Config.Loaded = at.UTC()
	}
	st.Ports = make(map[string]portJSON)
	for name, l := range ports {
		stats := l.Stats()
		p := portJSON{Open: stats.Open, Handshakes: stats.Handshakes, Penalised: stats.Penalised, Refused: map[string]int{}}
		for why, n := range stats.Refused {
			p.Refused[string(why)] = n
		}
		st.Ports[name] = p
	}
	for _, count := range []func(context.Context, *statusJSON) error{g.countDevices, g.countOverrides, g.countLog} {
		if err := count(ctx, &st); err != nil {
			return st, err
		}
	}
	for _, v := range g.visits.all() {
		if v.isOpen() {
			st.Visits.Open++
		} else {
			st.Visits.Asking++
		}
	}
	st.Expiring = append([]string{}, g.papers.expiring(now)...)
	g.countPeople(&st, now)
	return st, g.countRecordings(ctx, &st)
}

func (g *Gateway) countDevices(ctx context.Context, st *statusJSON) error {
	all, err := g.store.Devices(ctx)
	st.Devices.Agents = map[string]int{}
	for _, d := range all {
		st.Devices.Agents[d.Version]++
		switch g.line(d).State {
		case tui.Online:
			st.Devices.Online++
		case tui.Quarantined:
			st.Devices.Quarantined++
		default:
			st.Devices.Away++
		}
	}
	return err
}

func (g *Gateway) countOverrides(ctx context.Context, st *statusJSON) error {
	waiting, err := g.store.Overrides(ctx, store.OverrideFilter{State: store.OverrideRequested})
	if err != nil {
		return err
	}
	now := time.Now()
	for _, o := range waiting {
		if now.Before(o.Until) {
			st.Overrides.Waiting++
		}
	}
	used, err := g.store.Overrides(ctx, store.OverrideFilter{State: store.OverrideUsed})
	st.Overrides.Review = len(used)
	for _, o := range used {
		if !o.Overdue.IsZero() {
			st.Overrides.Overdue++
		}
	}
	return err
}

// countLog reads the newest head, a checkpoint: origin, size, root hash, each on
// its line.
func (g *Gateway) countLog(ctx context.Context, st *statusJSON) error {
	head, err := g.store.Head(ctx)
	lines := strings.Split(string(head), "\n")
	if err != nil || len(lines) < 3 {
		return err
	}
	st.Log.Head = lines[2]
	st.Log.Entries, err = strconv.ParseInt(lines[1], 10, 64)
	return err
}

func (g *Gateway) countPeople(st *statusJSON, now time.Time) {
	l := g.law()
	st.People.Locked, st.People.Unsigned, st.People.Untrained = []string{}, []string{}, []string{}
	for _, p := range l.people.All() {
		st.People.Count++
		standing := g.standing(l, p.Name)
		if standing.Lock != (policy.Lock{}) {
			st.People.Locked = append(st.People.Locked, p.Name)
		}
		if l.Version != "" && p.Has(policy.Technician) && !standing.Signed.Under(l.Charter) {
			st.People.Unsigned = append(st.People.Unsigned, p.Name)
		}
		if !p.TrainedUntil.IsZero() && p.TrainedUntil.End(now.Location()).Sub(now) < trainingSoon {
			st.People.Untrained = append(st.People.Untrained, p.Name)
		}
	}
}

func (g *Gateway) countRecordings(ctx context.Context, st *statusJSON) error {
	counting, cancel := context.WithTimeout(ctx, countLimit)
	defer cancel()
	o, err := g.library.Outline(counting)
	if err != nil {
		return fmt.Errorf("count the recordings: %w", err)
	}
	r := &st.Recordings
	r.Count, r.Partly, r.Bytes, r.Since, r.Sealed, r.Unsealed = o.Recordings, o.Partly, o.Bytes, stamp(o.Oldest), stamp(o.Sealed), o.Unsealed
	room, err := doctor.RoomAt(g.options.Recordings.Dir)
	if err != nil {
		return fmt.Errorf("look for room for recordings: %w", err)
	}
	r.Free, r.Floor = room.Free, g.options.Recordings.MinFreeMiB<<20
	return nil
}

// text is it for people, a line for each thing.
func (st statusJSON) text(now time.Time) string {
	r := st.Recordings
	agents := make([]string, 0, len(st.Devices.Agents))
	for _, v := range slices.Sorted(maps.Keys(st.Devices.Agents)) {
		agents = append(agents, fmt.Sprintf("%d × %s", st.Devices.Agents[v], v))
	}
	many := ""
	if r.Partly {
		many = "more than "
	}
	lines := [][2]string{
		{"Gateway", fmt.Sprintf("%s, up %s, since %s", st.Version, now.Sub(st.Since).Round(time.Second), since(st.Since))},
		{"Devices", fmt.Sprintf("%d online, %d away, %d in quarantine", st.Devices.Online, st.Devices.Away, st.Devices.Quarantined)},
		{"Agents", strings.Join(agents, ", ")},
		{"Visits", fmt.Sprintf("%d open, %d asked for", st.Visits.Open, st.Visits.Asking)},
		{"Overrides", fmt.Sprintf("%d wait for signatures, %d for a review, %d of those overdue", st.Overrides.Waiting, st.Overrides.Review, st.Overrides.Overdue)},
		{"Recordings", fmt.Sprintf("%s%d, %s, the oldest of %s, the last seal of %s, %d not sealed", many, r.Count, doctor.Bytes(r.Bytes), since(given(r.Since)), since(given(r.Sealed)), r.Unsealed)},
		{"Room", fmt.Sprintf("%s free; below %s no visit begins", doctor.Bytes(r.Free), doctor.Bytes(r.Floor))},
		{"Audit log", fmt.Sprintf("%d entries, head %s", st.Log.Entries, st.Log.Head)},
	}
	for _, name := range slices.Sorted(maps.Keys(st.Ports)) {
		lines = append(lines, [2]string{"Port for " + name, st.Ports[name].text()})
	}
	lines = append(lines, st.peopleLines()...)
	lines = append(lines, [2]string{"Certificates", strings.Join(st.Expiring, "; ")})
	config := "in force since " + since(st.Config.Loaded)
	if st.Config.Refused != nil {
		config += fmt.Sprintf("; the one of %s is REFUSED: %s", since(*st.Config.Refused), st.Config.Why)
	}
	lines = append(lines, [2]string{"Configuration", strings.TrimSpace(st.Config.File + " " + config)})
	var b strings.Builder
	for _, l := range lines {
		if l[1] != "" {
			fmt.Fprintf(&b, "%-21s %s\n", l[0], l[1])
		}
	}
	return b.String()
}

// given is a time that may be left out.
func given(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}

func (p portJSON) text() string {
	text := fmt.Sprintf("%d connections, %d in handshake, %d sources penalised", p.Open, p.Handshakes, p.Penalised)
	for _, why := range slices.Sorted(maps.Keys(p.Refused)) {
		text += fmt.Sprintf("; %d refused: %s", p.Refused[why], why)
	}
	return text
}

func (st statusJSON) peopleLines() [][2]string {
	lines := [][2]string{{"People", strconv.Itoa(st.People.Count)}}
	for _, l := range []struct {
		what  string
		names []string
	}{{"Locked", st.People.Locked}, {"Charter not signed", st.People.Unsigned}, {"Training ends or over", st.People.Untrained}} {
		lines = append(lines, [2]string{l.what, strings.Join(l.names, ", ")})
	}
	return lines
}
