package gateway

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/policy"
	"accord/wire"
)

// editor stands for the configuration file of a house.
type editor struct {
	mu    sync.Mutex
	now   Options
	err   error
	again chan os.Signal

	house  *house
	before *law // in force before the last change
}

// edited is a house whose configuration can be changed.
func edited(t *testing.T) (*house, *editor) {
	e := &editor{again: make(chan os.Signal, 1)}
	h := newHouse(t, func(o *Options) {
		o.Digest = "one"
		o.Source = Source{File: "", Again: e.again, Read: func() (Options, error) {
			e.mu.Lock()
			defer e.mu.Unlock()
			return e.now, e.err
		}}
		e.now = *o
	})
	e.house = h
	return h, e
}

// write changes the file and tells the gateway.
func (e *editor) write(digest string, change func(*Options), err error) {
	e.before = e.house.law()
	e.mu.Lock()
	e.now.People, e.now.Policy.Rules = slices.Clone(e.now.People), slices.Clone(e.now.Policy.Rules)
	e.now.Digest, e.err = digest, err
	if change != nil {
		change(&e.now)
	}
	e.mu.Unlock()
	e.again <- os.Interrupt // any signal tells it
}

// loaded waits for the n-th entry of the log about the configuration, and until
// what it says is so: it is written first.
func (e *editor) loaded(n int) store.Entry {
	h := e.house
	h.t.Helper()
	var list []store.Entry
	eventually(h.t, "the configuration is read", func() bool {
		var err error
		list, err = h.store.Audit(context.Background(), store.Filter{Kind: store.ConfigLoaded})
		return err == nil && len(list) >= n
	})
	if len(list) < n {
		h.t.FailNow()
	}
	if list[n-1].Success {
		eventually(h.t, "the new law is in force", func() bool { return h.law() != e.before })
	}
	return list[n-1]
}

// held is a session of alice's on a visit that is open, and what its end says.
func (h *house) held(user string, key gossh.Signer) (ended func() string) {
	h.t.Helper()
	c := h.mustLogin(user, key)
	ch, reqs := h.started(c)
	go gossh.DiscardRequests(reqs)
	text := make(chan string, 1)
	go func() {
		said := make([]byte, 4<<10)
		n := 0
		for n < len(said) {
			m, err := ch.Stderr().Read(said[n:])
			n += m
			if err != nil {
				break
			}
		}
		text <- string(said[:n])
	}()
	return func() string {
		h.t.Helper()
		select {
		case s := <-text:
			return s
		case <-time.After(patience):
			h.t.Error("the session goes on")
			return ""
		}
	}
}

// TestReload goes through what a new configuration can do: be refused whole, or
// be in force at once, for those who are in the middle of something as well.
func TestReload(t *testing.T) {
	h, file := edited(t)
	d := h.device("laptop-7").join()
	ended := h.held("laptop-7", h.alice)

	before := h.law()
	file.write("two", nil, errors.New("config.toml:7: policy.rule[0].zone: no"))
	e := file.loaded(1)
	if e.Success || e.Data["error"] != "config.toml:7: policy.rule[0].zone: no" || e.Data["after"] != becauseTold || h.law() != before {
		t.Errorf("a bad file: %+v", e)
	}
	file.write("two", func(o *Options) { o.People[0].Name = "Not A Name" }, nil)
	if e := file.loaded(2); e.Success || h.law() != before {
		t.Errorf("a bad person: %+v", e)
	}
	if len(h.visits.all()) != 1 {
		t.Fatal("a bad file ended a visit")
	}

	file.write("three", func(o *Options) {
		o.People[0].Name = "alice"
		o.Policy.Rules[0].Who = []string{"boss"}
	}, nil)
	if e := file.loaded(3); !e.Success || e.Data["sha256"] != "three" {
		t.Errorf("a good file: %+v", e)
	}
	if got := ended(); !strings.Contains(got, "The rules don't allow this visit any more. No rule lets alice ask for shell on laptop-7.") {
		t.Errorf("its technician reads %q", got)
	}
	h.noLive()
	if got := h.run("laptop-7", h.alice, "x"); got.status != exitRefused {
		t.Errorf("alice afterwards: %+v", got)
	}
	if got := h.run("laptop-7", h.boss, "x"); got.status != 0 {
		t.Errorf("the boss: %+v", got)
	}
	list, err := h.store.Audit(t.Context(), store.Filter{Kind: store.VisitEnded})
	if err != nil || len(list) == 0 || list[0].Data["by"] != byPolicy || list[0].Actor != "gateway" {
		t.Errorf("the log says %+v, %v", list, err)
	}
	if d.requests() != 2 {
		t.Errorf("the device was asked %d times", d.requests())
	}
}

// TestGonePersonIsOut: who is in the file no longer, or whose key isn't, is out
// at once: visits, sessions, and what the connection asks for afterwards.
func TestGonePersonIsOut(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"the person": func(o *Options) { o.People = o.People[1:] },
		"the key":    func(o *Options) { o.People[0].Keys = []string{keyLine(newSigner(t))} },
		"the name":   func(o *Options) { o.People[0].Name = "alicia" },
	} {
		t.Run(name, func(t *testing.T) {
			h, file := edited(t)
			h.device("laptop-7").join()
			ended := h.held("laptop-7", h.alice)
			c := h.mustLogin("gw", h.alice)
			if s, err := c.NewSession(); err != nil || s.Run("devices") != nil {
				t.Fatal("alice isn't let in to begin with")
			}
			file.write("two", change, nil)
			file.loaded(1)
			if got := ended(); strings.Count(got, "alice can't log in here any more") != 1 {
				t.Errorf("she reads %q", got)
			}
			h.noLive()
			s, err := c.NewSession()
			if name != "the name" && err == nil {
				t.Error("her old connection opens a session")
			}
			if err == nil {
				_ = s.Close()
			}
		})
	}
}

// TestRolesAreLookedUpAnew: a role that is taken away is gone for a connection
// that is open, and one that is given is there.
func TestRolesAreLookedUpAnew(t *testing.T) {
	h, file := edited(t)
	c := h.mustLogin("gw", h.boss)
	visits := func() int {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		return h.runIn(s, "visits").status
	}
	if got := visits(); got != 0 {
		t.Errorf("a supervisor: %d", got)
	}
	file.write("two", func(o *Options) { o.People[1].Roles = []string{"technician"} }, nil)
	file.loaded(1)
	if got := visits(); got != exitRefused {
		t.Errorf("no supervisor any more: %d", got)
	}
	file.write("three", func(o *Options) { o.People[1].Roles = []string{"auditor"} }, nil)
	file.loaded(2)
	if got := visits(); got != 0 {
		t.Errorf("an auditor by now: %d", got)
	}
}

// TestStricterTerms: a visit whose terms became stricter than what its user
// was told ends; one that only has less time or more idleness to fear goes on
// with that.
func TestStricterTerms(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*policy.Rule)
		want   string // the visit ends so; empty: it goes on
	}{
		"watched": {func(r *policy.Rule) { r.Watched = true }, "a colleague must watch this visit now"},
		"input":   {func(r *policy.Rule) { r.RecordInput = true }, "must be recorded now"},
		"ticket":  {func(r *policy.Rule) { yes := true; r.TicketRequired = &yes }, "A ticket is required."},
		"minutes": {func(r *policy.Rule) { n := 5; r.LongestMinutes = &n }, ""},
		"idle":    {func(r *policy.Rule) { r.Idle = time.Hour }, ""},
		"replay":  {func(r *policy.Rule) { r.Replay = true }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			h, file := edited(t)
			h.device("laptop-7").join()
			ended := h.held("laptop-7", h.alice)
			file.write("two", func(o *Options) { c.change(&o.Policy.Rules[0]) }, nil)
			file.loaded(1)
			if c.want != "" {
				if got := ended(); !strings.Contains(got, c.want) {
					t.Errorf("it ends with %q", got)
				}
				return
			}
			var v *visit
			eventually(t, "the visit has the new terms", func() bool {
				list := h.visits.all()
				if len(list) != 1 {
					return true
				}
				v = list[0]
				o := v.obligations()
				return o.LongestMinutes == 5 || o.Idle == time.Hour || o.Replay
			})
			if v == nil {
				t.Fatal("it ended")
			}
			if left := v.remaining(); name == "minutes" && left > 5*time.Minute || name == "idle" && left > time.Hour {
				t.Errorf("it may go on for %v", left)
			}
		})
	}
}

// TestHoursEndAVisit: when its hours are over a visit is, too.
func TestHoursEndAVisit(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Policy.Rules[0].Hours, o.Policy.Rules[0].Zone = "Mon-Sun 00:00-24:00, Mon 08:00-09:00", "UTC"
		soon := policy.Rule{Name: "not then", Effect: "deny", Who: []string{"role:technician"}, Capabilities: []string{"shell"}, Zone: "UTC"}
		from := time.Now().UTC().Add(6 * time.Hour).Truncate(time.Hour)
		soon.Hours = from.Format("15:04-") + from.Add(time.Hour).Format("15:04")
		o.Policy.Rules = append(o.Policy.Rules, soon)
	})
	h.device("laptop-7").join()
	h.held("laptop-7", h.alice)
	v, rules := h.visits.all()[0], h.law().rules
	then := time.Now().UTC().Add(6 * time.Hour).Truncate(time.Hour)
	if rules.Hours(time.Now()) == rules.Hours(then) {
		t.Error("nobody would look again")
	}
	if _, wrong := v.recheck(h.law(), time.Now()); wrong {
		t.Error("it is allowed now")
	}
	// The same, asked for and not open yet: it isn't the agreed time that ends it.
	v = &visit{gateway: v.gateway, person: v.person, home: v.home, req: v.req, want: v.want, opened: make(chan struct{})}
	why, wrong := v.recheck(h.law(), then)
	if !wrong || why.by != byPolicy || !strings.Contains(why.cause, `The rule "not then" denies shell on laptop-7.`) {
		t.Errorf("got %+v, %v", why, wrong)
	}
}

func TestFileWatch(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.toml")
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := fileWatch{path: path}
	looks := func(want ...bool) {
		t.Helper()
		for i, want := range want {
			if got := w.changed(); got != want {
				t.Errorf("look %d: %v", i, got)
			}
		}
	}
	write(path, "a")
	looks(false, true, false, false)
	write(path, "ab") // longer, and still being written
	looks(false)
	write(path, "abc")
	looks(false, true, false)
	write(path+".new", "abc")
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	looks(false, true, false)
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	looks(false, true, false)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	looks(false, true, false)
	w = fileWatch{}
	looks(false, false)
}

func TestClockWatch(t *testing.T) {
	start, steady := monday(), 7*time.Second
	var w clockWatch
	for i, c := range []struct{ wall, steady, want time.Duration }{
		{0, 0, 0}, // the first look
		{time.Second, time.Second, 0},
		{2*time.Second + stepLeast, 2 * time.Second, 0},
		{time.Hour, 3 * time.Second, time.Hour - 3*time.Second - stepLeast},
		{time.Hour + time.Second, 4 * time.Second, 0},
		{0, 5 * time.Second, -time.Hour - 2*time.Second},
		{time.Second, 6 * time.Second, 0},
	} {
		if got := w.step(start.Add(c.wall), steady+c.steady); got != c.want {
			t.Errorf("look %d: %v, want %v", i, got, c.want)
		}
	}
	for d, want := range map[time.Duration]string{3 * time.Second: "+3s", -time.Minute: "-1m0s"} {
		if got := signed(d); got != want {
			t.Errorf("got %s", got)
		}
	}
}

// TestClockStepIsNoted, and visits whose time is over by the clock that is set
// end.
func TestClockStepIsNoted(t *testing.T) {
	h := newHouse(t, nil)
	h.device("laptop-7").join()
	ended := h.held("laptop-7", h.alice)
	v := h.visits.all()[0]
	h.stepped(3 * time.Second)
	if !v.isOpen() {
		t.Error("a small step ended the visit")
	}
	if why, wrong := v.recheck(h.law(), time.Now().Add(time.Hour)); !wrong || why != (ending{byTime, timeOver}) {
		t.Errorf("an hour on: %v, %v", why, wrong)
	}
	v.end(ending{byTime, timeOver})
	ended()
	list, err := h.store.Audit(t.Context(), store.Filter{Kind: store.ClockStepped})
	if err != nil || len(list) != 1 || list[0].Data["by"] != "+3s" {
		t.Errorf("the log says %+v, %v", list, err)
	}
}

func TestNeedRestart(t *testing.T) {
	was := Options{Config: Defaults()}
	is := was
	is.Config.Listen, is.Config.Limits.Handshakes, is.Recordings.MinFreeMiB = ":2", 1, 9
	is.Policy.LongestMinutes = 5
	want := []string{"gateway.limits.handshakes", "gateway.listen", "recordings.min_free_mib"}
	if got := needRestart(was, is); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// TestLimits: which limit is over, and how long none is.
func TestLimits(t *testing.T) {
	now := time.Now()
	for name, c := range map[string]struct {
		until, opened, quiet time.Duration // from now
		o                    policy.Obligations
		want                 string // by
		left                 time.Duration
	}{
		"none":            {20 * time.Minute, -time.Minute, 0, policy.Obligations{LongestMinutes: 60}, "", 20 * time.Minute},
		"agreed":          {-time.Second, -time.Minute, 0, policy.Obligations{LongestMinutes: 60}, byTime, -time.Second},
		"rules":           {20 * time.Minute, -5 * time.Minute, 0, policy.Obligations{LongestMinutes: 5}, byPolicy, 0},
		"rules not yet":   {20 * time.Minute, -4 * time.Minute, 0, policy.Obligations{LongestMinutes: 5}, "", time.Minute},
		"idle":            {20 * time.Minute, -5 * time.Minute, time.Minute, policy.Obligations{LongestMinutes: 60, Idle: time.Minute}, byPolicy, 0},
		"idle not yet":    {20 * time.Minute, -5 * time.Minute, time.Minute, policy.Obligations{LongestMinutes: 60, Idle: 3 * time.Minute}, "", 2 * time.Minute},
		"idle after time": {time.Minute, -5 * time.Minute, 0, policy.Obligations{LongestMinutes: 60, Idle: 3 * time.Minute}, "", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			v := &visit{asked: now.Add(-10 * time.Minute), until: now.Add(c.until), openedAt: now.Add(c.opened), revised: make(chan struct{}, 1)}
			v.oblige(c.o)
			v.oblige(c.o) // nobody has looked yet
			v.touched.Store(int64(10*time.Minute - c.quiet))
			why, over := v.expired()
			if why.by != c.want || over != (c.want != "") {
				t.Errorf("expired: %+v, %v", why, over)
			}
			if left := v.remaining(); (left - c.left).Abs() > 5*time.Second {
				t.Errorf("remaining: %v", left)
			}
		})
	}
}

// TestTouching: what a technician sends is what isn't idle.
func TestTouching(t *testing.T) {
	v := &visit{asked: time.Now().Add(-time.Hour)}
	if v.quiet() < time.Hour {
		t.Error("nothing was sent yet")
	}
	var b strings.Builder
	if n, err := (touching{&b, v}).Write([]byte("ls\n")); n != 3 || err != nil || b.String() != "ls\n" {
		t.Errorf("%d, %v, %q", n, err, b.String())
	}
	if v.quiet() > time.Minute {
		t.Errorf("quiet for %v", v.quiet())
	}
}

// TestFormOffersWhatTheRulesAllow: obtainable capabilities only.
func TestFormOffersWhatTheRulesAllow(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Policy.Rules = []policy.Rule{{Name: "shell", Who: []string{"alice"}, Capabilities: []string{"shell"}}}
	})
	link := &home{hello: wire.Hello{Capabilities: []wire.Capability{wire.Shell, wire.FilesGet}, Logins: []string{"ann"}}}
	link.device.Name = "laptop-7"
	key := h.alice.PublicKey()
	found, _ := h.law().people.Find(key)
	s := &session{caller: caller{gateway: h.Gateway, person: person{Person: found, key: key}}}
	if got := s.mayAsk(link, target{}); !slices.Equal(got, []string{"shell"}) {
		t.Errorf("got %q", got)
	}
	s.person = person{key: newSigner(t).PublicKey()}
	if got := s.mayAsk(link, target{}); len(got) != 0 {
		t.Errorf("nobody may ask for %q", got)
	}
}
