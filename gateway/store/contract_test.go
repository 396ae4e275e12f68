package store

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

// opener opens a fresh store of one engine, or the same one again for a name
// that it has seen in this test.
type opener func(t *testing.T, name string) *Store

// testContract is what every engine must do.
func testContract(t *testing.T, open opener) {
	for name, test := range map[string]func(*testing.T, opener){
		"devices":                 contractDevices,
		"a device comes and goes": contractPresence,
		"quarantine":              contractQuarantine,
		"tokens":                  contractTokens,
		"without an agent":        contractAgentless,
		"enrolment again":         contractEnrolAgain,
		"a device is altered":     contractAltered,
		"a device has a new key":  contractRekeyed,
		"updates":                 contractUpdates,
		"names":                   contractNames,
		"one token, many takers":  contractTokenRace,
		"a visit to its end":      contractVisit,
		"answers":                 contractAnswers,
		"wrong steps":             contractWrongSteps,
		"lists of visits":         contractVisits,
		"appointments":            contractAppointments,
		"start after a crash":     contractRestart,
		"locks":                   contractLocks,
		"one-time codes":          contractCodes,
		"one code, many takers":   contractCodeRace,
		"charter":                 contractCharter,
		"last login":              contractLastLogin,
		"audit filters":           contractAudit,
		"all or none":             contractAtomic,
		"bounds":                  contractBounds,
		"hard text":               contractText,
		"cancelled":               contractCancelled,
		"closed":                  contractClosed,
		"kept":                    contractKept,
		"an override":             contractOverrides,
		"ends of overrides":       contractOverrideEnds,
		"one override, many":      contractOverrideRace,
		"lists of supervisors":    contractRosters,
		"what a webhook is told":  contractHooks,
	} {
		t.Run(name, func(t *testing.T) { test(t, open) })
	}
}

func TestSQLite(t *testing.T) { testContract(t, sqliteOpener(t)) }

func sqliteOpener(t *testing.T) opener {
	root := t.TempDir()
	return func(t *testing.T, name string) *Store {
		return openIn(t, root+"/"+strings.ReplaceAll(t.Name(), "/", "-")+"-"+name)
	}
}

const testOrigin = "gw.test/log"

func openIn(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(context.Background(), Options{Dir: dir, Origin: testOrigin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

var noon = time.Date(2026, 3, 4, 12, 0, 0, 123456000, time.UTC)

// by is an entry of a person, minutes after noon.
func by(actor string, minutes int) Entry {
	return Entry{At: noon.Add(time.Duration(minutes) * time.Minute), Actor: actor, Address: "192.0.2.7:50022"}
}

// deviceLine makes a public key that depends on n alone.
func deviceLine(t testing.TB, n byte) (line, fingerprint string) {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	key, err := ssh.NewPublicKey(ed25519.NewKeyFromSeed(seed).Public())
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), ssh.FingerprintSHA256(key)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, err, target error) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("got %v, want %v", err, target)
	}
}

func same[T any](t testing.TB, what string, got, expected T) {
	t.Helper()
	if g, e := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", expected); g != e {
		t.Fatalf("%s:\n got %s\nwant %s", what, g, e)
	}
}

// enrolled makes device n, called name.
func enrolled(t testing.TB, s *Store, n byte, name string) Device {
	t.Helper()
	ctx := context.Background()
	token := fmt.Sprintf("token-%s-%d-long-enough", name, n)
	must(t, s.MakeToken(ctx, token, Token{Name: name, Expires: noon.Add(time.Hour)}, by("ada", 0)))
	line, _ := deviceLine(t, n)
	d, err := s.Enrol(ctx, token, Enrolment{PublicKey: line}, by("device", 1))
	must(t, err)
	return d
}

func request(d Device, id, technician string) Request {
	return Request{
		ID: id, DeviceKey: d.Key, Technician: technician, TechnicianKey: "SHA256:" + technician,
		Reason: "printer", Ticket: "T-1", Capabilities: []string{"shell", "files.get"}, Minutes: 30,
	}
}

func approval(minutes int) Answer {
	return Answer{
		State: Approved, Granted: []string{"shell"}, Login: "user", Until: noon.Add(time.Duration(minutes) * time.Minute),
		Statement: []byte(`{"choice":"approve"}`), Signature: []byte("signature"),
	}
}

// opened makes a visit that is open.
func opened(t testing.TB, s *Store, d Device, id, technician string) {
	t.Helper()
	ctx := context.Background()
	must(t, s.RequestVisit(ctx, request(d, id, technician), by(technician, 2)))
	must(t, s.AnswerVisit(ctx, id, approval(30), by("user", 3)))
	must(t, s.OpenVisit(ctx, id, "2026/03/04/"+id, by("gateway", 4)))
}

// told lists the kinds of all entries that match.
func told(t testing.TB, s *Store, f Filter) (list []Kind) {
	t.Helper()
	entries, err := s.Audit(context.Background(), f)
	must(t, err)
	for _, e := range entries {
		list = append(list, e.Kind)
	}
	return list
}

func sound(t testing.TB, s *Store) int64 {
	t.Helper()
	n, err := s.CheckLog(context.Background())
	must(t, err)
	return n
}

func contractDevices(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	line, key := deviceLine(t, 1)
	must(t, s.MakeToken(ctx, "0123456789abcdef", Token{
		Name: "lab-1", Labels: map[string]string{"site": "lyon"}, Expires: noon.Add(time.Hour),
	}, by("ada", 0)))
	facts := Facts{
		OS: "linux", Arch: "amd64", Version: "1.0", Capabilities: []string{"shell", "files.get"},
		Logins: []string{"user", "root"}, Address: "198.51.100.4:1",
	}
	d, err := s.Enrol(ctx, "0123456789abcdef", Enrolment{
		PublicKey: line + " a comment", Name: "ignored", Facts: facts,
		Labels: map[string]string{"site": "paris", "room": "2"},
	}, by("device", 1))
	must(t, err)
	expected := Device{
		Name: "lab-1", PublicKey: line, Key: key, Facts: facts,
		Labels:     map[string]string{"site": "lyon", "room": "2"},
		EnrolledAt: by("", 1).At, EnrolledBy: "ada", Since: by("", 1).At, Why: "it has not called home yet",
	}
	same(t, "enrolled", d, expected)
	for _, find := range []func() (Device, error){
		func() (Device, error) { return s.DeviceByKey(ctx, key) },
		func() (Device, error) { return s.DeviceByName(ctx, "lab-1") },
	} {
		found, err := find()
		must(t, err)
		same(t, "found", found, expected)
	}
	_, err = s.DeviceByName(ctx, "lab-2")
	want(t, err, ErrNotFound)
	_, err = s.DeviceByKey(ctx, "SHA256:none")
	want(t, err, ErrNotFound)
	enrolled(t, s, 2, "beta")
	enrolled(t, s, 3, "alpha-9")
	enrolled(t, s, 4, "alpha.1")
	all, err := s.Devices(ctx)
	must(t, err)
	var order []string
	for _, d := range all {
		order = append(order, d.Name)
	}
	same(t, "order", order, []string{"alpha-9", "alpha.1", "beta", "lab-1"})
	sound(t, s)
}

func contractPresence(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	facts := Facts{OS: "linux", Arch: "arm64", Version: "2", Capabilities: []string{"shell"}, Address: "203.0.113.9:5"}
	must(t, s.Online(ctx, d.Key, facts, by("lab-1", 5)))
	got, err := s.DeviceByKey(ctx, d.Key)
	must(t, err)
	same(t, "facts", got.Facts, facts)
	same(t, "online", []any{got.Online, got.Since, got.Why}, []any{true, by("", 5).At, ""})

	must(t, s.Away(ctx, d.Key, "the link was lost", by("lab-1", 6)))
	must(t, s.Away(ctx, d.Key, "once more", by("lab-1", 7))) // changes nothing
	got, err = s.DeviceByKey(ctx, d.Key)
	must(t, err)
	same(t, "away", []any{got.Online, got.Since, got.Why}, []any{false, by("", 6).At, "the link was lost"})
	same(t, "kinds", told(t, s, Filter{Device: "lab-1"}), []Kind{DeviceEnrolled, DeviceOnline, DeviceAway})

	for i, class := range []string{"attended", "unattended", "unattended", ""} {
		facts.Class = class
		must(t, s.Online(ctx, d.Key, facts, by("lab-1", 8+i)))
	}
	changed, err := s.Audit(ctx, Filter{Kind: DeviceChanged})
	must(t, err)
	if len(changed) != 2 || changed[0].Data["to"] == changed[1].Data["to"] {
		t.Errorf("the classes that it had: %+v", changed)
	}

	at := by("", 20).At
	must(t, s.Told(ctx, map[string]string{d.Key: "its words", "SHA256:none": "unheard"}, at))
	got, err = s.DeviceByKey(ctx, d.Key)
	must(t, err)
	same(t, "told", []any{got.Told, got.ToldAt}, []any{"its words", at})
	want(t, s.Told(ctx, map[string]string{d.Key: strings.Repeat("x", MaxText+1)}, at), ErrInvalid)

	want(t, s.Online(ctx, "SHA256:none", facts, by("x", 1)), ErrNotFound)
	want(t, s.Away(ctx, "SHA256:none", "", by("x", 1)), ErrNotFound)
}

func contractQuarantine(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	must(t, s.RequestVisit(ctx, request(d, "v1", "tom"), by("tom", 2)))
	must(t, s.AnswerVisit(ctx, "v1", approval(30), by("user", 3)))
	must(t, s.Quarantine(ctx, d.Key, "a second device has its key", by("gateway", 4)))
	must(t, s.Quarantine(ctx, d.Key, "again", by("gateway", 5)))
	got, err := s.DeviceByKey(ctx, d.Key)
	must(t, err)
	same(t, "quarantine", []any{got.QuarantinedSince, got.QuarantineWhy}, []any{by("", 4).At, "a second device has its key"})
	want(t, s.OpenVisit(ctx, "v1", "f", by("gateway", 5)), ErrQuarantined)
	want(t, s.RequestVisit(ctx, request(d, "v2", "tom"), by("tom", 5)), ErrQuarantined)
	must(t, s.Release(ctx, d.Key, by("ada", 6)))
	must(t, s.Release(ctx, d.Key, by("ada", 7)))
	must(t, s.OpenVisit(ctx, "v1", "f", by("gateway", 8)))
	same(t, "kinds", told(t, s, Filter{Device: "lab-1"}), []Kind{
		DeviceEnrolled, VisitRequested, VisitAnswered, DeviceQuarantined, DeviceReleased, VisitOpened,
	})
	want(t, s.Release(ctx, "SHA256:none", by("ada", 1)), ErrNotFound)
}

func contractTokens(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	line, _ := deviceLine(t, 1)
	other, _ := deviceLine(t, 2)
	const token = "a token that nobody can guess"
	enrol := func(token, line string, minutes int) error {
		_, err := s.Enrol(ctx, token, Enrolment{PublicKey: line, Name: fmt.Sprintf("d%d", minutes)}, by("device", minutes))
		return err
	}
	want(t, enrol(token, line, 0), ErrTokenUnknown)
	must(t, s.MakeToken(ctx, token, Token{Expires: noon.Add(10 * time.Minute)}, by("ada", 0)))
	want(t, s.MakeToken(ctx, token, Token{Expires: noon.Add(time.Hour)}, by("ada", 0)), ErrExists)
	want(t, s.MakeToken(ctx, "short", Token{Expires: noon}, by("ada", 0)), ErrInvalid)
	want(t, enrol(token, line, 10), ErrTokenExpired)
	want(t, enrol(token, "ssh-ed25519 nonsense", 1), ErrInvalid)
	_, err := s.Enrol(ctx, token, Enrolment{PublicKey: line}, by("device", 1))
	want(t, err, ErrInvalid) // no name; the token is not spent
	must(t, enrol(token, line, 9))
	want(t, enrol(token, other, 9), ErrTokenSpent)
	want(t, enrol(token, line, 11), ErrTokenSpent)
	same(t, "kinds", told(t, s, Filter{}), []Kind{TokenMade, DeviceEnrolled})
	entries, err := s.Audit(ctx, Filter{})
	must(t, err)
	if mark := entries[0].Data["token"]; mark == "" || mark != entries[1].Data["token"] {
		t.Fatalf("the token's entries do not name it alike: %v", entries)
	}
	var stored string
	must(t, s.readers.QueryRowContext(ctx, `SELECT hash FROM tokens`).Scan(&stored))
	if strings.Contains(stored, token) || len(stored) != 64 {
		t.Fatalf("the token is kept as %q", stored)
	}
}

func contractEnrolAgain(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	first := enrolled(t, s, 1, "lab-1")
	must(t, s.Quarantine(ctx, first.Key, "odd", by("gateway", 2)))
	again := func(token, byToken, wished string) Device {
		must(t, s.MakeToken(ctx, token, Token{Name: byToken, Expires: noon.Add(time.Hour)}, by("bob", 3)))
		d, err := s.Enrol(ctx, token, Enrolment{PublicKey: first.PublicKey, Name: wished}, by("device", 4))
		must(t, err)
		return d
	}
	d := again("the second token, long", "", "wished")
	same(t, "name kept", []any{d.Name, d.Key, d.EnrolledBy, d.QuarantineWhy}, []any{"lab-1", first.Key, "bob", "odd"})
	d = again("the third token, longer", "lab-7", "wished")
	same(t, "name by token", d.Name, "lab-7")
	all, err := s.Devices(ctx)
	must(t, err)
	same(t, "devices", len(all), 1)
}

func contractNames(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	enrolled(t, s, 1, "lab-1")
	line, key := deviceLine(t, 2)
	const token = "a token that nobody can guess"
	must(t, s.MakeToken(ctx, token, Token{Expires: noon.Add(time.Hour)}, by("ada", 0)))
	_, err := s.Enrol(ctx, token, Enrolment{PublicKey: line, Name: "lab-1"}, by("device", 1))
	want(t, err, ErrNameTaken)
	_, err = s.DeviceByKey(ctx, key)
	want(t, err, ErrNotFound)
	d, err := s.Enrol(ctx, token, Enrolment{PublicKey: line, Name: "lab-2"}, by("device", 1))
	must(t, err)
	same(t, "name", d.Name, "lab-2")
}

func contractAltered(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	enrolled(t, s, 2, "lab-2")
	want(t, s.Rename(ctx, d.Key, "lab-2", by("ada", 2)), ErrNameTaken)
	must(t, s.Rename(ctx, d.Key, "lab-1", by("ada", 2))) // changes nothing
	must(t, s.Rename(ctx, d.Key, "till-1", by("ada", 3)))
	must(t, s.Relabel(ctx, d.Key, map[string]string{"site": "lyon"}, by("ada", 4)))
	must(t, s.Relabel(ctx, d.Key, map[string]string{"site": "lyon"}, by("ada", 5))) // changes nothing
	got, err := s.DeviceByName(ctx, "till-1")
	must(t, err)
	same(t, "altered", []any{got.Key, got.Labels}, []any{d.Key, map[string]string{"site": "lyon"}})

	opened(t, s, got, "20261122-164500-abcd2345", "alice")
	must(t, s.Retire(ctx, d.Key, "stolen", by("ada", 6)))
	want(t, s.Retire(ctx, d.Key, "stolen", by("ada", 7)), ErrNotFound)
	for _, find := range []func() (Device, error){
		func() (Device, error) { return s.DeviceByKey(ctx, d.Key) },
		func() (Device, error) { return s.DeviceByName(ctx, "till-1") },
	} {
		_, err := find()
		want(t, err, ErrNotFound)
	}
	got, err = s.DeviceEver(ctx, d.Key)
	must(t, err)
	same(t, "its key is kept", got.PublicKey, d.PublicKey)
	all, err := s.Devices(ctx)
	must(t, err)
	same(t, "listed", len(all), 1)
	same(t, "kinds", told(t, s, Filter{Device: "till-1"}), []Kind{DeviceLabelled, VisitRequested, VisitAnswered, VisitOpened, DeviceRetired})

	again := enrolled(t, s, 1, "till-1") // the name is free, and the key may come back
	same(t, "again", []any{again.Key, again.Name, len(again.Labels)}, []any{d.Key, "till-1", 0})
	sound(t, s)
}

func contractRekeyed(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d, other := enrolled(t, s, 1, "lab-1"), enrolled(t, s, 2, "lab-2")
	must(t, s.Relabel(ctx, d.Key, map[string]string{"site": "lyon"}, by("ada", 2)))
	opened(t, s, d, "20261122-164500-abcd2345", "alice")
	line, key := deviceLine(t, 3)
	want(t, s.Rekey(ctx, d.Key, other.PublicKey, "digest", by("ada", 3)), ErrExists)
	want(t, s.Rekey(ctx, d.Key, d.PublicKey, "digest", by("ada", 3)), ErrExists)
	want(t, s.Rekey(ctx, d.Key, "no key", "digest", by("ada", 3)), ErrInvalid)
	got, err := s.DeviceByName(ctx, "lab-1")
	must(t, err)
	same(t, "untouched", got.Key, d.Key)
	must(t, s.Rekey(ctx, d.Key, line, "digest", by("ada", 4)))
	want(t, s.Rekey(ctx, d.Key, line, "digest", by("ada", 5)), ErrNotFound)
	got, err = s.DeviceByName(ctx, "lab-1")
	must(t, err)
	same(t, "the device", []any{got.Key, got.Labels, got.EnrolledBy, got.Online}, []any{key, map[string]string{"site": "lyon"}, d.EnrolledBy, false})
	_, err = s.DeviceByKey(ctx, d.Key)
	want(t, err, ErrNotFound)
	ever, err := s.DeviceEver(ctx, d.Key)
	must(t, err)
	same(t, "what it signed can be checked", ever.PublicKey, d.PublicKey)
	all, err := s.Devices(ctx)
	must(t, err)
	same(t, "listed", len(all), 2)
	same(t, "kinds", told(t, s, Filter{Kind: DeviceRekeyed}), []Kind{DeviceRekeyed})
	sound(t, s)
}

// contractUpdates: an order replaces the one before, its steps are those of this very
// order, and it goes over to the device's new key.
func contractUpdates(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	_, err := s.Update(ctx, d.Key)
	want(t, err, ErrNotFound)
	want(t, s.OrderUpdate(ctx, Update{Device: "SHA256:none", Version: "v2"}, by("ada", 1)), ErrNotFound)
	want(t, s.OrderUpdate(ctx, Update{Device: d.Key, Version: "v\x002"}, by("ada", 1)), ErrInvalid)
	must(t, s.OrderUpdate(ctx, Update{Device: d.Key, Version: "v2", Manifest: "digest"}, by("ada", 2)))
	first, err := s.Update(ctx, d.Key)
	must(t, err)
	same(t, "ordered", []any{first.Version, first.By, first.State, first.Open()}, []any{"v2", "ada", UpdateOrdered, true})
	must(t, s.OrderUpdate(ctx, Update{Device: d.Key, Back: true}, by("eve", 3)))
	first.State = UpdateTaken
	must(t, s.StepUpdate(ctx, first, []UpdateState{UpdateOrdered}, by("lab-1", 4))) // too late
	u, err := s.Update(ctx, d.Key)
	must(t, err)
	same(t, "replaced", []any{u.Version, u.By, u.State, u.Back}, []any{"", "eve", UpdateOrdered, true})
	u.State, u.Version, u.Why = UpdateRefused, "v1", "No."
	must(t, s.StepUpdate(ctx, u, []UpdateState{UpdateTaken}, by("lab-1", 5))) // it isn't
	must(t, s.StepUpdate(ctx, u, []UpdateState{UpdateOrdered}, by("lab-1", 6)))
	line, key := deviceLine(t, 2)
	must(t, s.Rekey(ctx, d.Key, line, "digest", by("ada", 7)))
	all, err := s.Updates(ctx)
	must(t, err)
	same(t, "of the new key", []any{len(all), all[key].State, all[key].Why, all[key].Version, all[key].Open()}, []any{1, UpdateRefused, "No.", "v1", false})
	same(t, "kinds", told(t, s, Filter{Kind: DeviceUpdate}), []Kind{DeviceUpdate, DeviceUpdate, DeviceUpdate})
	sound(t, s)
}

func contractTokenRace(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	const token = "a token that nobody can guess"
	must(t, s.MakeToken(ctx, token, Token{Expires: noon.Add(time.Hour)}, by("ada", 0)))
	results := make(chan error)
	for n := range 20 {
		line, _ := deviceLine(t, byte(n))
		go func() {
			_, err := s.Enrol(ctx, token, Enrolment{PublicKey: line, Name: fmt.Sprintf("d%d", n)}, by("device", 1))
			results <- err
		}()
	}
	won := 0
	for range 20 {
		if err := <-results; err == nil {
			won++
		} else {
			want(t, err, ErrTokenSpent)
		}
	}
	all, err := s.Devices(ctx)
	must(t, err)
	same(t, "enrolled", []int{won, len(all)}, []int{1, 1})
}

func contractAudit(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	for i := range 12 {
		e := by([]string{"ada", "bob", "eve"}[i%3], i)
		e.Kind, e.Device, e.Visit, e.Success = LoginAccepted, []string{"d1", "d2"}[i%2], fmt.Sprintf("v%d", i%4), true
		if i%3 == 2 {
			e.Kind, e.Success, e.Data = LoginDenied, false, map[string]string{"why": "unknown key", "user": "root"}
		}
		must(t, s.Append(ctx, e))
	}
	for name, c := range map[string]struct {
		f    Filter
		seqs []int64
	}{
		"all":       {Filter{}, []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
		"person":    {Filter{Person: "bob"}, []int64{2, 5, 8, 11}},
		"device":    {Filter{Device: "d2", Person: "ada"}, []int64{4, 10}},
		"visit":     {Filter{Visit: "v3"}, []int64{4, 8, 12}},
		"kind":      {Filter{Kind: LoginDenied}, []int64{3, 6, 9, 12}},
		"times":     {Filter{Since: by("", 3).At, Until: by("", 5).At}, []int64{4, 5}},
		"page":      {Filter{After: 10}, []int64{11, 12}},
		"limit":     {Filter{Person: "eve", Limit: 2}, []int64{3, 6}},
		"none":      {Filter{Person: "mallory"}, nil},
		"no syntax": {Filter{Person: "' OR 1=1 --"}, nil},
	} {
		entries, err := s.Audit(ctx, c.f)
		must(t, err)
		var seqs []int64
		for _, e := range entries {
			seqs = append(seqs, e.Seq)
		}
		if !slices.Equal(seqs, c.seqs) {
			t.Errorf("%s: got %v, want %v", name, seqs, c.seqs)
		}
	}
	entries, err := s.Audit(ctx, Filter{After: 2, Limit: 1})
	must(t, err)
	e := by("eve", 2)
	e.Seq, e.Hash, e.Kind, e.Device, e.Visit = 3, entries[0].Hash, LoginDenied, "d1", "v2"
	e.Data = map[string]string{"why": "unknown key", "user": "root"}
	same(t, "entry", entries[0], e)
	same(t, "proven", sound(t, s), 12)
}

// contractAtomic: a change that is refused leaves neither state nor entry, and
// does not harm the others of its group.
func contractAtomic(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	before := told(t, s, Filter{})
	bad := by("", 1) // nobody did it
	want(t, s.Online(ctx, d.Key, Facts{}, bad), ErrInvalid)
	want(t, s.RequestVisit(ctx, request(d, "v1", "tom"), bad), ErrInvalid)
	got, err := s.DeviceByKey(ctx, d.Key)
	must(t, err)
	same(t, "device", got, d)
	_, err = s.Visit(ctx, "v1")
	want(t, err, ErrNotFound)
	same(t, "entries", told(t, s, Filter{}), before)
	ok := by("tom", 1)
	ok.Kind = LoginAccepted
	want(t, s.Append(ctx, ok, bad), ErrInvalid)
	same(t, "entries", told(t, s, Filter{}), before)

	results := make(chan error)
	for i := range 40 {
		go func() {
			if i%2 == 0 {
				results <- s.Append(ctx, ok)
				return
			}
			if err := s.Online(ctx, d.Key, Facts{}, bad); !errors.Is(err, ErrInvalid) {
				results <- fmt.Errorf("a change without an actor: %w", err)
				return
			}
			results <- nil
		}()
	}
	for range 40 {
		must(t, <-results)
	}
	same(t, "proven", sound(t, s), int64(len(before)+20))
}

func contractBounds(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	long := strings.Repeat("x", MaxText+1)
	entry := func(alter func(*Entry)) error {
		e := by("tom", 1)
		e.Kind = LoginDenied
		alter(&e)
		return s.Append(ctx, e)
	}
	r := request(d, "v1", "tom")
	for name, err := range map[string]error{
		"kind":         entry(func(e *Entry) { e.Kind = "made.up" }),
		"no time":      entry(func(e *Entry) { e.At = time.Time{} }),
		"mad time":     entry(func(e *Entry) { e.At = time.Date(1<<20, 1, 1, 0, 0, 0, 0, time.UTC) }),
		"actor":        entry(func(e *Entry) { e.Actor = long }),
		"device":       entry(func(e *Entry) { e.Device = long }),
		"not UTF-8":    entry(func(e *Entry) { e.Visit = "\xff" }),
		"NUL":          entry(func(e *Entry) { e.Address = "a\x00b" }),
		"value":        entry(func(e *Entry) { e.Data = map[string]string{"k": long} }),
		"key":          entry(func(e *Entry) { e.Data = map[string]string{"": "v"} }),
		"many values":  entry(func(e *Entry) { e.Data = numbered(33, "v") }),
		"large values": entry(func(e *Entry) { e.Data = numbered(32, long[1:]) }),
		"many entries": s.Append(ctx, make([]Entry, MaxRows+1)...),
		"facts":        s.Online(ctx, d.Key, Facts{OS: long}, by("d", 1)),
		"logins":       s.Online(ctx, d.Key, Facts{Logins: make([]string, MaxList+1)}, by("d", 1)),
		"cause":        s.Away(ctx, d.Key, long, by("d", 1)),
		"quarantine":   s.Quarantine(ctx, d.Key, long, by("d", 1)),
		"labels": s.MakeToken(ctx, "0123456789abcdef0123", Token{Labels: numbered(MaxList+1, "v"), Expires: noon},
			by("ada", 1)),
		"reason":          s.RequestVisit(ctx, Request{ID: "v", Reason: long, Capabilities: r.Capabilities, Minutes: 1}, by("t", 1)),
		"no capabilities": s.RequestVisit(ctx, Request{ID: "v", Minutes: 1}, by("t", 1)),
		"no minutes":      s.RequestVisit(ctx, Request{ID: "v", Capabilities: r.Capabilities}, by("t", 1)),
	} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: got %v, want ErrInvalid", name, err)
		} else if strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: not one sentence: %q", name, err)
		}
	}
	same(t, "proven", sound(t, s), 2)
}

func numbered(n int, value string) map[string]string {
	m := make(map[string]string, n)
	for i := range n {
		m[fmt.Sprintf("key%d", i)] = value
	}
	return m
}

// contractText: what SQL, JSON or a terminal may stumble over comes back as it
// went in.
func contractText(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	for i, hard := range []string{
		`'; DROP TABLE visits; --`, `"quoted" \ back`, "<script>&", "line\nbreak\ttab", "é ü 漢字 🙂", "\u2028\u200b\u202e", "$1 ?",
	} {
		r := request(d, fmt.Sprintf("v%d", i), hard)
		r.Reason, r.Capabilities = hard, []string{hard, "b"}
		must(t, s.RequestVisit(ctx, r, by(hard, i)))
		v, err := s.Visit(ctx, r.ID)
		must(t, err)
		same(t, "visit", []any{v.Technician, v.Reason, v.Capabilities}, []any{hard, hard, r.Capabilities})
		same(t, "kinds", told(t, s, Filter{Person: hard}), []Kind{VisitRequested})
	}
	sound(t, s)
}

func contractCancelled(t *testing.T, open opener) {
	s := open(t, "a")
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e := by("tom", 1)
	e.Kind = LoginDenied
	want(t, s.Append(ctx, e), context.Canceled)
	_, err := s.Audit(ctx, Filter{})
	want(t, err, context.Canceled)
	same(t, "entries", len(told(t, s, Filter{})), 0)
}

func contractClosed(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	must(t, s.Close())
	must(t, s.Close())
	e := by("tom", 1)
	e.Kind = LoginDenied
	want(t, s.Append(ctx, e), ErrClosed)
	_, err := s.Devices(ctx)
	want(t, err, ErrClosed)
	_, err = s.CheckLog(ctx)
	want(t, err, ErrClosed)
}

// contractKept: all is there again after it was closed.
func contractKept(t *testing.T, open opener) {
	ctx := context.Background()
	s := open(t, "same")
	d := enrolled(t, s, 1, "lab-1")
	opened(t, s, d, "v1", "tom")
	before, err := s.Visit(ctx, "v1")
	must(t, err)
	head, err := s.Head(ctx)
	must(t, err)
	verifier := s.Verifier()
	must(t, s.Close())

	s = open(t, "same")
	after, err := s.Visit(ctx, "v1")
	must(t, err)
	same(t, "visit", after, before)
	same(t, "verifier", s.Verifier(), verifier)
	must(t, s.EndVisit(ctx, "v1", Ended, "user", "done", by("user", 9)))
	n, err := s.CheckLog(ctx, head)
	must(t, err)
	same(t, "proven", n, 6)
}
