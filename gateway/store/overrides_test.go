package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// asking is a request for an override by tom, until minutes after noon.
func asking(d Device, minutes int) OverrideRequest {
	return OverrideRequest{
		DeviceKey: d.Key, Technician: "tom", TechnicianKey: "SHA256:tom", Needed: 1, Until: noon.Add(time.Duration(minutes) * time.Minute),
		Statement: func(n int) ([]byte, error) { return fmt.Appendf(nil, "override %d\n", n), nil },
		Data:      map[string]string{"reason": "fire"},
	}
}

func signature(name string) OverrideSignature {
	return OverrideSignature{Signer: name, Key: "SHA256:" + name, Signature: []byte("sig of " + name)}
}

// granted makes an override of tom's that sue has signed.
func granted(t *testing.T, s *Store, r OverrideRequest) Override {
	t.Helper()
	o, err := s.RequestOverride(context.Background(), r, by("tom", 1))
	must(t, err)
	o, err = s.SignOverride(context.Background(), o.Number, signature("sue"), by("sue", 2))
	must(t, err)
	return o
}

// contractOverrides follows an override from its request to its review.
func contractOverrides(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	r := asking(d, 60)
	r.Needed = 2
	o, err := s.RequestOverride(ctx, r, by("tom", 1))
	must(t, err)
	expected := Override{
		Number: 1, Device: "lab-1", DeviceKey: d.Key, Technician: "tom", TechnicianKey: "SHA256:tom", Statement: []byte("override 1\n"), Needed: 2,
		State: OverrideRequested, Asked: by("", 1).At, Until: r.Until,
	}
	same(t, "requested", o, expected)
	_, err = s.RequestOverride(ctx, r, by("tom", 2))
	want(t, err, ErrExists)

	for _, bad := range []OverrideSignature{signature("tom"), {Signer: "sue", Key: "SHA256:tom", Signature: []byte("s")}, {Signer: "sue", Key: "k"}} {
		_, err = s.SignOverride(ctx, 1, bad, by(bad.Signer, 3))
		want(t, err, ErrInvalid)
	}
	o, err = s.SignOverride(ctx, 1, signature("sue"), by("sue", 3))
	must(t, err)
	same(t, "state with one of two", o.State, OverrideRequested)
	_, err = s.SignOverride(ctx, 1, signature("sue"), by("sue", 4))
	want(t, err, ErrExists)
	other := signature("sid")
	other.Key = "SHA256:sue"
	_, err = s.SignOverride(ctx, 1, other, by("sid", 4))
	want(t, err, ErrExists)
	_, err = s.SignOverride(ctx, 1, signature("sid"), by("sid", 60))
	want(t, err, ErrState) // its time is over
	o, err = s.SignOverride(ctx, 1, signature("sid"), by("sid", 5))
	must(t, err)
	same(t, "approved", []any{o.State, o.Decided, len(o.Signatures)}, []any{OverrideApproved, by("", 5).At, 2})
	_, err = s.SignOverride(ctx, 1, signature("sam"), by("sam", 6))
	want(t, err, ErrState)

	overridden(t, s, d, 1)
	_, err = s.ReviewOverride(ctx, 1, "justified", "it burned", by("ann", 13))
	must(t, err)
	o, err = s.Override(ctx, 1)
	must(t, err)
	same(t, "reviewed", []any{o.State, o.Reviewer, o.Verdict, o.Note, o.Visit, o.Ended}, []any{OverrideReviewed, "ann", "justified", "it burned", "v1", by("", 10).At})
	_, err = s.ReviewOverride(ctx, 1, "justified", "", by("ann", 14))
	want(t, err, ErrState)
	same(t, "kinds", overrideKinds(t, s), []Kind{OverrideAsked, OverrideSigned, OverrideSigned, OverrideGranted, OverrideTaken, OverrideSettled})
	sound(t, s)
}

// overridden uses an override for the visit v1 of tom's, and ends that, trying
// what must not go on the way.
func overridden(t *testing.T, s *Store, d Device, number int) {
	t.Helper()
	ctx := context.Background()
	_, err := s.ReviewOverride(ctx, number, "justified", "", by("ann", 6))
	want(t, err, ErrState) // not used
	a := approval(30)
	a.Override = number
	must(t, s.RequestVisit(ctx, request(d, "tim", "tim"), by("tim", 6)))
	want(t, s.AnswerVisit(ctx, "tim", a, by("device", 6)), ErrInvalid) // another's
	must(t, s.RequestVisit(ctx, request(d, "v1", "tom"), by("tom", 6)))
	must(t, s.RequestVisit(ctx, request(d, "v2", "tom"), by("tom", 6)))
	must(t, s.AnswerVisit(ctx, "v1", a, by("device", 7)))
	want(t, s.AnswerVisit(ctx, "v2", a, by("device", 7)), ErrState) // it serves once
	v, err := s.Visit(ctx, "v2")
	must(t, err)
	same(t, "the second visit", v.State, Requested)
	_, err = s.ReviewOverride(ctx, number, "justified", "", by("ann", 8))
	want(t, err, ErrState) // its visit is not over
	must(t, s.OpenVisit(ctx, "v1", "f", by("gateway", 8)))
	must(t, s.EndVisit(ctx, "v1", Ended, "user", "", by("user", 10)))
	for _, own := range []string{"tom", "sue"} {
		_, err = s.ReviewOverride(ctx, number, "justified", "", by(own, 11))
		want(t, err, ErrInvalid)
	}
	must(t, s.OverdueOverride(ctx, number, by("", 11).At, by("gateway", 12)))
	want(t, s.OverdueOverride(ctx, number, by("", 11).At, by("gateway", 12)), ErrState) // told once
}

func overrideKinds(t *testing.T, s *Store) []Kind {
	t.Helper()
	var list []Kind
	for _, k := range told(t, s, Filter{}) {
		if strings.HasPrefix(string(k), "override.") && k != OverrideOverdue {
			list = append(list, k)
		}
	}
	return list
}

func contractOverrideEnds(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	a := Answer{State: Refused, Cause: "spent", Statement: []byte("{}"), Signature: []byte("s")}
	visit := 0
	answer := func(a Answer) error {
		visit++
		id := fmt.Sprintf("v%d", visit)
		must(t, s.RequestVisit(ctx, request(d, id, "tom"), by("tom", 3)))
		return s.AnswerVisit(ctx, id, a, by("device lab-1", 4))
	}
	o := granted(t, s, asking(d, 60))
	a.Override = o.Number
	must(t, answer(Answer{State: Unanswered, Cause: "link lost", Override: o.Number}))
	o, err := s.Override(ctx, o.Number)
	must(t, err)
	same(t, "after a lost link", o.State, OverrideApproved)
	must(t, answer(a))
	o, err = s.Override(ctx, o.Number)
	must(t, err)
	same(t, "refused by the device", []any{o.State, o.By, o.Cause}, []any{OverrideRefused, "device lab-1", "spent"})

	drill := asking(d, 60)
	drill.Exercise = true
	o = granted(t, s, drill)
	yes := approval(30)
	yes.Override = o.Number
	want(t, answer(yes), ErrInvalid) // an exercise opens nothing
	must(t, answer(Answer{State: Unanswered, Statement: []byte("{}"), Signature: []byte("s"), Override: o.Number, Proven: true}))
	o, err = s.Override(ctx, o.Number)
	must(t, err)
	same(t, "exercise", []any{o.State, o.Ended}, []any{OverrideUsed, by("", 4).At})

	o = granted(t, s, asking(d, 60))
	_, err = s.DenyOverride(ctx, o.Number, "no", by("sue", 5))
	must(t, err)
	_, err = s.DenyOverride(ctx, o.Number, "no", by("sue", 5))
	want(t, err, ErrState)
	yes.Override = o.Number
	want(t, answer(yes), ErrState)
	r := asking(d, 60)
	r.Statement = func(int) ([]byte, error) { return nil, errors.New("no words") }
	if _, err := s.RequestOverride(ctx, r, by("tom", 6)); err == nil {
		t.Error("kept without a statement")
	}
	r.DeviceKey = "SHA256:none"
	_, err = s.RequestOverride(ctx, r, by("tom", 6))
	want(t, err, ErrNotFound)
	_, err = s.RequestOverride(ctx, asking(d, 6), by("tom", 6))
	want(t, err, ErrInvalid) // over before it begins
	_, err = s.Override(ctx, 99)
	want(t, err, ErrNotFound)
	list, err := s.Overrides(ctx, OverrideFilter{Technician: "tom", State: OverrideDenied})
	must(t, err)
	same(t, "denied ones", []any{len(list), len(list[0].Signatures)}, []any{1, 1})
	sound(t, s)
}

// contractOverrideRace: of many who use one override, one does; of many who
// sign it, as many as it needs count.
func contractOverrideRace(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	r := asking(d, 60)
	r.Needed = 2
	o, err := s.RequestOverride(ctx, r, by("tom", 1))
	must(t, err)
	var all sync.WaitGroup
	var mu sync.Mutex
	signed, used := 0, 0
	count := func(n *int, err error) {
		mu.Lock()
		defer mu.Unlock()
		if err == nil {
			*n++
		} else if !errors.Is(err, ErrState) && !errors.Is(err, ErrExists) {
			t.Error(err)
		}
	}
	for i := range 8 {
		all.Go(func() {
			_, err := s.SignOverride(ctx, o.Number, signature(fmt.Sprintf("s%d", i/2)), by("s", 2))
			count(&signed, err)
		})
	}
	all.Wait()
	a := approval(30)
	a.Override = o.Number
	for i := range 8 {
		id := fmt.Sprintf("v%d", i)
		must(t, s.RequestVisit(ctx, request(d, id, "tom"), by("tom", 3)))
		all.Go(func() { count(&used, s.AnswerVisit(ctx, id, a, by("device", 4))) })
	}
	all.Wait()
	same(t, "signatures and uses", []int{signed, used}, []int{2, 1})
	sound(t, s)
}

func contractRosters(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	want(t, s.WithdrawRoster(ctx, by("gateway", 1)), ErrState)
	want(t, s.ProposeRoster(ctx, 2, []byte("two"), by("gateway", 1)), ErrState)
	must(t, s.ProposeRoster(ctx, 1, []byte("one"), by("gateway", 1)))
	want(t, s.ProposeRoster(ctx, 1, []byte("other"), by("gateway", 1)), ErrState) // in force
	must(t, s.ProposeRoster(ctx, 2, []byte("two"), by("gateway", 2)))
	sig := RosterSignature{Version: 2, Statement: []byte("two"), Signer: "sue", Signature: []byte("s"), Needed: 2}
	done, err := s.SignRoster(ctx, sig, by("sue", 3))
	must(t, err)
	same(t, "in force with one of two", done, false)
	_, err = s.SignRoster(ctx, sig, by("sue", 3))
	want(t, err, ErrExists)

	// What was signed is another list by now: the signatures are gone with it.
	must(t, s.ProposeRoster(ctx, 2, []byte("two again"), by("gateway", 4)))
	_, err = s.SignRoster(ctx, sig, by("sid", 5))
	want(t, err, ErrState)
	sig.Statement = []byte("two again")
	for _, signer := range []string{"sid", "sue"} {
		sig.Signer = signer
		done, err = s.SignRoster(ctx, sig, by(signer, 6))
		must(t, err)
	}
	same(t, "in force", done, true)
	list, err := s.Rosters(ctx)
	must(t, err)
	same(t, "lists", list, []Roster{
		{Version: 1, Statement: []byte("one"), Made: by("", 1).At, Signed: by("", 1).At},
		{Version: 2, Statement: []byte("two again"), Signatures: []string{"s", "s"}, Signers: []string{"sid", "sue"}, Made: by("", 4).At, Signed: by("", 6).At},
	})
	must(t, s.ProposeRoster(ctx, 3, []byte("three"), by("gateway", 7)))
	must(t, s.WithdrawRoster(ctx, by("gateway", 8)))
	list, err = s.Rosters(ctx)
	must(t, err)
	same(t, "lists", len(list), 2)
	sound(t, s)
}

func contractHooks(t *testing.T, open opener) {
	s, ctx := open(t, "a"), context.Background()
	d := enrolled(t, s, 1, "lab-1")
	o := granted(t, s, asking(d, 60)) // nobody is told
	_, err := s.DenyOverride(ctx, o.Number, "", by("sue", 3))
	must(t, err)
	s.Announce(true)
	o = granted(t, s, asking(d, 60))
	must(t, s.RequestVisit(ctx, request(d, "v1", "tom"), by("tom", 3)))
	must(t, s.AnswerVisit(ctx, "v1", Answer{State: Refused, Stranger: true, Statement: []byte("{}"), Signature: []byte("s")}, by("device", 4)))
	due, next, err := s.DueHooks(ctx, by("", 10).At, 10)
	must(t, err)
	var list []Kind
	for _, h := range due {
		list = append(list, h.Entry.Kind)
	}
	same(t, "due", list, []Kind{OverrideAsked, OverrideGranted, AlertStranger})
	same(t, "next", next, time.Time{})

	must(t, s.HookTold(ctx, due[0].Entry.Seq))
	must(t, s.HookFailed(ctx, due[1].Entry.Seq, by("", 20).At))
	must(t, s.HookLost(ctx, due[2].Entry.Seq, "nobody there", by("gateway", 11)))
	due, next, err = s.DueHooks(ctx, by("", 12).At, 10)
	must(t, err)
	same(t, "after that", []any{len(due), next}, []any{0, by("", 20).At})
	must(t, s.Close())

	s = open(t, "a") // as after a restart
	due, _, err = s.DueHooks(ctx, by("", 20).At, 10)
	must(t, err)
	same(t, "still due", []any{len(due), due[0].Tries, due[0].Since, due[0].Entry.Data["override"]}, []any{1, 1, by("", 2).At, fmt.Sprint(o.Number)})
	same(t, "lost", told(t, s, Filter{Kind: WebhookLost}), []Kind{WebhookLost})
	sound(t, s)
}
