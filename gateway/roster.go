package gateway

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/policy"
	"accord/wire"
)

// lists are the versions of the list of supervisors: those that were in force,
// the last of them now, and one that may wait for its signatures.
type lists struct {
	versions []store.Roster // oldest first
	current  wire.Roster    // version 0: none
	pending  *store.Roster
}

// lists reads them.
func (g *Gateway) lists(ctx context.Context) (l lists, err error) {
	l.versions, err = g.store.Rosters(ctx)
	if err != nil {
		return l, err
	}
	if n := len(l.versions) - 1; n >= 0 && l.versions[n].Signed.IsZero() {
		l.pending, l.versions = &l.versions[n], l.versions[:n]
	}
	if n := len(l.versions) - 1; n >= 0 {
		l.current, err = wire.ParseRoster(l.versions[n].Statement)
	}
	return l, err
}

// version is one of them as it was; version 0 where there is none.
func (l lists) version(n int) (wire.Roster, error) {
	for _, r := range l.versions {
		if r.Version == n {
			return wire.ParseRoster(r.Statement)
		}
	}
	return wire.Roster{}, nil
}

// rosterOf is the list that counts for a device: the one that it has pinned,
// where that is known, else the last.
func (g *Gateway) rosterOf(ctx context.Context, h *home) (wire.Roster, error) {
	l, err := g.lists(ctx)
	if err != nil {
		return wire.Roster{}, err
	}
	if h != nil {
		if pinned, err := l.version(int(h.roster.Load())); err != nil || pinned.Version > 0 {
			return pinned, err
		}
	}
	if l.current.Version == 0 {
		return wire.Roster{}, errors.New("there is no list of supervisors here, so nobody can sign an override; an admin gives somebody the role supervisor")
	}
	return l.current, nil
}

func (g *Gateway) rosterFor(ctx context.Context, deviceKey string) (wire.Roster, error) {
	return g.rosterOf(ctx, g.homes.get(deviceKey))
}

// syncRoster compares the supervisors whom the configuration names with the
// list in force. The first list is in force at once, and devices pin it when
// they join; each later one waits for the signatures of those before.
func (g *Gateway) syncRoster(ctx context.Context) error {
	l, err := g.lists(ctx)
	if err != nil {
		return err
	}
	wanted := g.wantedRoster()
	wanted.Version, wanted.Made = l.current.Version+1, time.Now().UTC().Truncate(time.Second)
	if err := wanted.Check(); err != nil {
		// Without supervisors there is no list; the one in force stays.
		g.log.Warn("no list of supervisors can be made, so none is given to devices", "error", err)
		return nil
	}
	switch {
	case sameRoster(wanted, l.current):
		if l.pending != nil {
			return g.store.WithdrawRoster(ctx, self(time.Now()))
		}
		return nil
	case l.pending != nil:
		if waits, err := wire.ParseRoster(l.pending.Statement); err == nil && sameRoster(wanted, waits) {
			return nil
		}
	}
	if l.current.Version > 0 {
		g.log.Warn("the list of supervisors has changed: those of the list before must sign the new one (override roster sign), until then devices know only the old one", "version", wanted.Version)
	}
	return g.store.ProposeRoster(ctx, wanted.Version, wanted.Text(), self(time.Now()))
}

// wantedRoster is the list that the configuration asks for.
func (g *Gateway) wantedRoster() wire.Roster {
	law := g.law()
	r := wire.Roster{Organisation: wire.Clean(g.cfg.Organisation, wire.MaxName), Signers: max(law.policy.Override.Signers, 1)}
	for _, p := range law.people.All() {
		if !p.Has(policy.Supervisor) {
			continue
		}
		for _, line := range p.Keys {
			if key, err := policy.ParseKey(line); err == nil {
				r.Supervisors = append(r.Supervisors, wire.Supervisor{Name: p.Name, Key: strings.TrimSpace(string(gossh.MarshalAuthorizedKey(key)))})
			}
		}
	}
	r.Sort()
	return r
}

// sameRoster compares what two lists say, not which versions they are.
func sameRoster(a, b wire.Roster) bool {
	return a.Organisation == b.Organisation && a.Signers == b.Signers && slices.Equal(a.Supervisors, b.Supervisors)
}

// firstRoster is what a device is given to pin when it joins.
func (g *Gateway) firstRoster(ctx context.Context) ([]byte, error) {
	l, err := g.lists(ctx)
	if err != nil || l.current.Version == 0 {
		return nil, err
	}
	return l.current.Text(), nil
}

// offerRosters gives a device the lists that came after the one it has, one at
// a time. It judges them by itself.
func (g *Gateway) offerRosters(ctx context.Context, h *home) {
	l, err := g.lists(ctx)
	if err != nil {
		g.log.Error("the lists of supervisors can't be read", "error", err)
		return
	}
	for _, r := range l.versions {
		if r.Version <= int(h.roster.Load()) {
			continue
		}
		signed := wire.SignedRoster{Statement: r.Statement}
		for _, text := range r.Signatures {
			signed.Signatures = append(signed.Signatures, []byte(text))
		}
		pinned, err := h.offer(ctx, signed)
		if err != nil {
			g.log.Info("a device was not told of the list of supervisors", "device", h.device.Name, "error", err)
			return
		}
		g.pinned(h, pinned, r.Version)
		if pinned.Version < r.Version {
			return
		}
	}
}

// rosterAgain is how long after the first failure a list is offered again, and
// how often.
const (
	rosterAgain = 500 * time.Millisecond
	rosterTries = 5
)

// offer gives a device one list. A device that has just called may not have
// read its welcome yet, and then takes no question: it is asked again, each
// time after twice as long.
func (h *home) offer(ctx context.Context, r wire.SignedRoster) (*wire.Pinned, error) {
	for wait, n := rosterAgain, 1; ; wait, n = 2*wait, n+1 {
		pinned, err := askDevice[*wire.Pinned](ctx, h, &wire.Rosters{Chain: []wire.SignedRoster{r}})
		closed, refused := errors.AsType[*gossh.OpenChannelError](err)
		if err == nil || n == rosterTries || !refused || closed.Reason == gossh.UnknownChannelType {
			return pinned, err
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-h.gone:
			timer.Stop()
			return nil, err
		case <-ctx.Done():
			timer.Stop()
			return nil, err
		}
	}
}

// pinned notes which list a device has now.
func (g *Gateway) pinned(h *home, m *wire.Pinned, offered int) {
	if m.Version <= offered { // it can't have one that there is not
		h.roster.Store(int64(m.Version))
	}
	e := h.entry(time.Now())
	e.Kind, e.Device, e.Success = store.RosterPinned, h.device.Name, m.Version == offered
	e.Data = map[string]string{"version": strconv.Itoa(m.Version), "offered": strconv.Itoa(offered), "why": m.Sentence}
	_ = g.note(e)
	if !e.Success {
		g.log.Info("a device keeps its list of supervisors", "device", h.device.Name, "version", m.Version, "offered", offered, "why", m.Sentence)
	}
}

// askNonce asks a device for a number used once for one override.
func (g *Gateway) askNonce(ctx context.Context, h *home) (*wire.Nonce, error) {
	n, err := askDevice[*wire.Nonce](ctx, h, &wire.AskNonce{})
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s gives no number for an override: %w", h.device.Name, err)
	case n.Nonce == "":
		return nil, fmt.Errorf("%s takes no override: %s", h.device.Name, n.Sentence)
	}
	return n, nil
}

// askDevice puts one question about the device itself to it.
func askDevice[A wire.Message](ctx context.Context, h *home, question wire.Message) (answer A, err error) {
	ctx, cancel := context.WithTimeout(ctx, wire.Handshake)
	defer cancel()
	ch, reqs, err := h.open(ctx, wire.ChannelDevice, nil)
	if err != nil {
		return answer, err
	}
	go gossh.DiscardRequests(reqs)
	defer func() { _ = ch.Close() }()
	defer context.AfterFunc(ctx, func() { _ = ch.Close() })()
	c := wire.NewConn(ch)
	if err := c.Write(question); err != nil {
		return answer, err
	}
	m, err := c.Read()
	if err != nil {
		return answer, fmt.Errorf("the device did not answer: %w", err)
	}
	answer, ok := m.(A)
	if !ok {
		return answer, wire.ErrMessage
	}
	return answer, nil
}

// rosterJSON is `override roster` for programs.
type rosterJSON struct {
	Version     int               `json:"version"`
	Signers     int               `json:"signers"`
	Supervisors []wire.Supervisor `json:"supervisors"`
	Pending     *pendingJSON      `json:"pending,omitempty"`
	Devices     map[string]int    `json:"devices"` // online, by name: the version that each has pinned
}

type pendingJSON struct {
	Version  int      `json:"version"`
	SignedBy []string `json:"signed_by"`
	Needed   int      `json:"needed"`
	MaySign  []string `json:"may_sign"`
}

// cmdRoster says which list is in force, which one waits, and who must sign.
func (s *session) cmdRoster(ctx context.Context, c *call) error {
	if err := c.none("json"); err != nil {
		return err
	}
	l, err := s.gateway.lists(ctx)
	if err != nil {
		return err
	}
	j := rosterJSON{Version: l.current.Version, Signers: l.current.Signers, Supervisors: l.current.Supervisors, Devices: map[string]int{}}
	for _, h := range s.gateway.homes.all() {
		j.Devices[h.device.Name] = int(h.roster.Load())
	}
	if l.pending != nil {
		j.Pending = &pendingJSON{l.pending.Version, append([]string{}, l.pending.Signers...), l.current.Signers, namesOn(l.current)}
	}
	if c.has("json") {
		return s.printJSON(j)
	}
	if j.Version == 0 {
		s.print("There is no list of supervisors: nobody has the role.\n")
		return nil
	}
	s.print(fmt.Sprintf("List %d is in force: %s. An override needs %d of them.\n", j.Version, strings.Join(namesOn(l.current), ", "), j.Signers))
	if p := j.Pending; p != nil {
		s.print(fmt.Sprintf("List %d waits: %d of %d signatures (%s), by any of %s. `override roster show` prints it.\n",
			p.Version, len(p.SignedBy), p.Needed, listedOr(p.SignedBy, "none yet"), strings.Join(p.MaySign, ", ")))
	}
	rows := make([][]string, 0, len(j.Devices))
	for name, version := range j.Devices {
		rows = append(rows, []string{name, strconv.Itoa(version)})
	}
	slices.SortFunc(rows, func(a, b []string) int { return strings.Compare(a[0], b[0]) })
	return s.listed("No device is online.", []string{"DEVICE ONLINE", "LIST"}, rows)
}

func namesOn(r wire.Roster) []string {
	var list []string
	for _, s := range r.Supervisors {
		if !slices.Contains(list, s.Name) {
			list = append(list, s.Name)
		}
	}
	return list
}

func listedOr(list []string, none string) string {
	if len(list) == 0 {
		return none
	}
	return strings.Join(list, ", ")
}

// waitingRoster wants a list to wait for signatures.
func (s *session) waitingRoster(ctx context.Context) (lists, error) {
	l, err := s.gateway.lists(ctx)
	if err == nil && l.pending == nil {
		err = fmt.Errorf("no list of supervisors waits to be signed; list %d is in force", l.current.Version)
	}
	return l, err
}

func (s *session) cmdRosterShow(ctx context.Context, c *call) error {
	if err := c.none(); err != nil {
		return err
	}
	l, err := s.waitingRoster(ctx)
	if err != nil {
		return err
	}
	s.print(string(l.pending.Statement))
	return nil
}

// cmdRosterSign takes the signature of a supervisor of the list in force under
// the one that waits.
func (s *session) cmdRosterSign(ctx context.Context, c *call) error {
	if err := c.none(); err != nil {
		return err
	}
	if s.pty != nil {
		return &usageError{"A signature is piped in, without a terminal."}
	}
	l, err := s.waitingRoster(ctx)
	if err != nil {
		return err
	}
	armored, err := s.signature(ctx)
	if err != nil {
		return err
	}
	by, err := l.current.Signer(wire.NamespaceRoster, l.pending.Statement, armored)
	if err != nil {
		return fmt.Errorf("this is no signature over list %d by a supervisor of list %d: sign what `override roster show` prints, unchanged, with -n %s",
			l.pending.Version, l.current.Version, wire.NamespaceRoster)
	}
	if _, err := s.ownKey(by); err != nil {
		return err
	}
	inForce, err := s.gateway.store.SignRoster(ctx, store.RosterSignature{
		Version: l.pending.Version, Statement: l.pending.Statement, Signer: by.Name, Signature: armored, Needed: l.current.Signers,
	}, s.entry())
	switch {
	case errors.Is(err, store.ErrExists):
		return fmt.Errorf("you have signed list %d already", l.pending.Version)
	case err != nil:
		return err
	case !inForce:
		s.print(fmt.Sprintf("List %d has your signature; it needs another supervisor's too.\n", l.pending.Version))
		return nil
	}
	s.gateway.tellRosters()
	s.print(fmt.Sprintf("List %d is in force. Devices that are online are told now, others when they call.\n", l.pending.Version))
	return nil
}

// tellRosters tells all devices that are there.
func (g *Gateway) tellRosters() {
	for _, h := range g.homes.all() {
		g.running.Go(func() { g.offerRosters(g.ctx, h) })
	}
}
