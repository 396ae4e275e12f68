// Package guard limits who may connect before anything is read from them:
// connections in all and per source, connections that have not authenticated,
// and the time those have. Sources that fail are refused for a while. It knows
// nothing of SSH.
package guard

import (
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Limits of one listener. A count or a time that is not positive means that
// nothing is let through, so that a forgotten field is noticed; penalties may
// be zero. [Defaults] is where to start from.
type Limits struct {
	// Total bounds the connections at any time.
	Total int
	// PerSource bounds those of one source: an IPv4 address, an IPv6 /64, or
	// everything whose address is neither. A company behind one address is
	// one source.
	PerSource int
	// Handshakes bounds the connections that have not authenticated yet;
	// HandshakesPerSource those of one source, so that one can't fill all.
	Handshakes, HandshakesPerSource int
	// Grace is the time to authenticate in. Then the connection is closed.
	Grace time.Duration
	// Penalties are for sources that fail.
	Penalties Penalties
	// Carrier says that an address is one by which many come, such as a reverse
	// proxy's: it counts in all, but not as a source. May be nil.
	Carrier func(netip.Addr) bool
}

// Penalties are times that add up for a source and run off as time passes. A
// source whose sum reaches Threshold is refused until all of it has run off.
// Zero for a kind means none.
type Penalties struct {
	AuthFailed    time.Duration // authentication was tried and failed
	NoAuth        time.Duration // left without trying
	GraceExceeded time.Duration // took too long
	Threshold     time.Duration
	Longest       time.Duration // bounds the sum
	// Sources bounds how many are remembered. When there are more, those whose
	// penalty runs off first are forgotten.
	Sources int
}

// Defaults let a fleet of thousands of devices behind one address reconnect at
// once. The penalties are those of OpenSSH's PerSourcePenalties.
func Defaults() Limits {
	return Limits{
		Total: 20_000, PerSource: 5_000, Handshakes: 3_000, HandshakesPerSource: 1_500,
		Grace: 20 * time.Second,
		Penalties: Penalties{
			AuthFailed: 5 * time.Second, NoAuth: time.Second, GraceExceeded: 10 * time.Second,
			Threshold: 15 * time.Second, Longest: 10 * time.Minute, Sources: 10_000,
		},
	}
}

// Why says which limit a connection met.
type Why string

// The reasons for a refusal.
const (
	Full             Why = "too many connections"
	SourceFull       Why = "too many connections from this source"
	Handshaking      Why = "too many connections that have not authenticated"
	SourceHandshakes Why = "too many connections from this source that have not authenticated"
	Penalised        Why = "this source has failed too often"
)

// Refusal tells of a connection that was closed at once.
type Refusal struct {
	Source netip.Prefix // invalid for an address that is no IP address
	Why    Why
	// Skipped counts the refusals for the same reason that were not reported
	// since the last that was: there is at most one report a second for each.
	Skipped int
}

// Listener is a net.Listener whose Accept keeps to limits. It returns
// connections of type [*Conn].
type Listener struct {
	net.Listener
	limits Limits
	report func(Refusal)

	mu          sync.Mutex
	open        map[netip.Prefix]tally // by source
	total       tally
	table       table
	reported    map[Why]time.Time
	notReported map[Why]int
	refused     map[Why]int
}

// Stats are the counters of a listener.
type Stats struct {
	Open       int         // connections now
	Handshakes int         // those of them that have not authenticated
	Refused    map[Why]int // since the start
	Penalised  int         // sources that are refused now, for having failed too often
}

// tally counts the connections of one source, or all.
type tally struct{ conns, handshakes int }

// New puts limits on l. report, which may be nil, is called by Accept and must
// not block.
func New(l net.Listener, limits Limits, report func(Refusal)) *Listener {
	return &Listener{
		Listener: l, limits: limits, report: report,
		open: make(map[netip.Prefix]tally), table: newTable(limits.Penalties),
		reported: make(map[Why]time.Time), notReported: make(map[Why]int), refused: make(map[Why]int),
	}
}

// Accept waits for a connection within the limits. Others are closed without a
// word. An error is the inner listener's.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if c := l.Admit(conn); c != nil {
			return c, nil
		}
	}
}

// Admit puts the limits on a connection that came by another way than Accept.
// It is counted by its remote address. Where it is beyond the limits it is
// closed, and the result is nil. Where it is carried by a guarded connection,
// which says so by having Handshaken and Failed, that one hears of both.
func (l *Listener) Admit(conn net.Conn) *Conn {
	source := sourceOf(conn.RemoteAddr())
	carrier := l.limits.Carrier != nil && l.limits.Carrier(addrOf(conn.RemoteAddr()))
	why := l.admit(source, carrier, time.Now())
	if why == "" {
		return newConn(l, conn, source, carrier)
	}
	_ = conn.Close()
	l.tell(source, why)
	return nil
}

// admit counts a connection in, or says why not.
func (l *Listener) admit(source netip.Prefix, carrier bool, now time.Time) Why {
	l.mu.Lock()
	defer l.mu.Unlock()
	why := l.limit(source, carrier, now)
	if why != "" {
		l.refused[why]++
		return why
	}
	l.count(source, 1, 1)
	return ""
}

// limit is the one that a connection meets; empty: none. The caller holds mu.
func (l *Listener) limit(source netip.Prefix, carrier bool, now time.Time) Why {
	mine := l.open[source]
	switch {
	case !carrier && l.table.refused(source, now):
		return Penalised
	case l.total.conns >= l.limits.Total:
		return Full
	case !carrier && mine.conns >= l.limits.PerSource:
		return SourceFull
	case l.total.handshakes >= l.limits.Handshakes:
		return Handshaking
	case !carrier && mine.handshakes >= l.limits.HandshakesPerSource:
		return SourceHandshakes
	}
	return ""
}

// Stats are the counters now.
func (l *Listener) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{Open: l.total.conns, Handshakes: l.total.handshakes, Refused: maps.Clone(l.refused), Penalised: l.table.penalised(time.Now())}
}

// count changes the tallies. The caller holds mu.
func (l *Listener) count(source netip.Prefix, conns, handshakes int) {
	mine := l.open[source]
	mine.conns += conns
	mine.handshakes += handshakes
	l.total.conns += conns
	l.total.handshakes += handshakes
	if l.open[source] = mine; mine.conns == 0 {
		delete(l.open, source)
	}
}

// tell reports a refusal, unless one for the same reason was reported within
// the last second: a flood must not become a flood of log lines.
func (l *Listener) tell(source netip.Prefix, why Why) {
	if l.report == nil {
		return
	}
	now := time.Now()
	l.mu.Lock()
	if last, ok := l.reported[why]; ok && now.Sub(last) < time.Second {
		l.notReported[why]++
		l.mu.Unlock()
		return
	}
	r := Refusal{Source: source, Why: why, Skipped: l.notReported[why]}
	l.reported[why], l.notReported[why] = now, 0
	l.mu.Unlock()
	l.report(r)
}

// addrOf is the IP address of one end of a connection; the zero Addr where it
// has none.
func addrOf(a net.Addr) netip.Addr {
	if a == nil {
		return netip.Addr{}
	}
	at, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}

// sourceOf is what shares the limits of a source. An IPv6 user has a /64 to
// choose addresses from.
func sourceOf(a net.Addr) netip.Prefix {
	ip, bits := addrOf(a), 64
	if !ip.IsValid() {
		return netip.Prefix{}
	}
	if ip.Is4() {
		bits = 32
	}
	return netip.PrefixFrom(ip, bits).Masked()
}
