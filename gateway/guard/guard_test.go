package guard

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

// caller is a connection that came from an address.
type caller struct {
	net.Conn
	from   net.Addr
	closes int
}

func (c *caller) RemoteAddr() net.Addr { return c.from }
func (c *caller) Close() error         { c.closes++; return nil }

func call(from string) *caller {
	return &caller{from: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 1234))}
}

// line hands out the callers it holds, then says that it is closed.
type line struct {
	net.Listener
	waiting []*caller
}

func (l *line) Accept() (net.Conn, error) {
	if len(l.waiting) == 0 {
		return nil, net.ErrClosed
	}
	c := l.waiting[0]
	l.waiting = l.waiting[1:]
	return c, nil
}

// desk is a listener under test with what it has refused.
type desk struct {
	*Listener
	line    *line
	refused []Refusal
}

func newDesk(change func(*Limits)) *desk {
	limits := Defaults()
	if change != nil {
		change(&limits)
	}
	d := &desk{line: &line{}}
	d.Listener = New(d.line, limits, func(r Refusal) { d.refused = append(d.refused, r) })
	return d
}

// from lets one caller try; nil if it was refused.
func (d *desk) from(t interface {
	Helper()
	Fatal(...any)
}, address string) *Conn {
	t.Helper()
	c := call(address)
	d.line.waiting = append(d.line.waiting, c)
	got, err := d.Accept()
	if err != nil {
		if c.closes != 1 {
			t.Fatal("a refused connection was not closed, or twice")
		}
		return nil
	}
	return got.(*Conn)
}

func TestCounts(t *testing.T) {
	for _, c := range []struct {
		why    Why
		change func(*Limits)
		shaken bool
		calls  []string // all but the last are let in
		other  bool     // one from elsewhere still gets in
	}{
		{Full, func(l *Limits) { l.Total = 2 }, true, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, false},
		{SourceFull, func(l *Limits) { l.PerSource = 2 }, true, []string{"10.0.0.1", "10.0.0.1", "10.0.0.1"}, true},
		{SourceFull, func(l *Limits) { l.PerSource = 1 }, true, []string{"10.0.0.1", "::ffff:10.0.0.1"}, true},
		{SourceFull, func(l *Limits) { l.PerSource = 1 }, true, []string{"2001:db8::1", "2001:db8::ffff:1"}, true},
		{SourceFull, func(l *Limits) { l.PerSource = 1 }, true, []string{"127.0.0.1", "127.0.0.1"}, true},
		{SourceFull, func(l *Limits) { l.PerSource = 1 }, true, []string{"fe80::1%eth0", "fe80::2%eth1"}, true},
		{Handshaking, func(l *Limits) { l.Handshakes = 2 }, false, []string{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, false},
		{SourceHandshakes, func(l *Limits) { l.HandshakesPerSource = 2 }, false, []string{"10.0.0.1", "10.0.0.1", "10.0.0.1"}, true},
		{Full, func(l *Limits) { *l = Limits{} }, false, []string{"10.0.0.1"}, false},
	} {
		t.Run(fmt.Sprint(c.why, c.calls), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(c.change)
				var let []*Conn
				last := len(c.calls) - 1
				for _, from := range c.calls[:last] {
					conn := d.from(t, from)
					if conn == nil {
						t.Fatalf("%s is refused: %v", from, d.refused)
					}
					if let = append(let, conn); c.shaken {
						conn.Handshaken()
					}
				}
				if d.from(t, c.calls[last]) != nil {
					t.Fatal("the last is let in")
				}
				if len(d.refused) != 1 || d.refused[0].Why != c.why || d.refused[0].Source != sourceOf(call(c.calls[last]).from) {
					t.Errorf("reported: %+v", d.refused)
				}
				if conn := d.from(t, "192.0.2.9"); (conn != nil) != c.other {
					t.Errorf("from elsewhere: %v", conn)
				} else if conn != nil {
					let = append(let, conn)
				}
				if len(let) == 0 {
					return
				}
				// A place that is given back is given to the next.
				let[0].Handshaken()
				_ = let[0].Close()
				if again := d.from(t, c.calls[0]); again == nil {
					t.Errorf("the place that was given back is gone: %v", d.refused)
				} else {
					let = append(let, again)
				}
				for _, conn := range let {
					_ = conn.Close()
				}
				if d.total != (tally{}) || len(d.open) != 0 {
					t.Errorf("left behind: %+v %+v", d.total, d.open)
				}
			})
		})
	}
}

func TestNeighboursAreOtherSources(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(func(l *Limits) { l.PerSource = 1 })
		for _, from := range []string{"10.0.0.1", "10.0.0.2", "2001:db8:0:1::1", "2001:db8:0:2::1", "::1"} {
			if c := d.from(t, from); c == nil {
				t.Errorf("%s is refused", from)
			} else {
				defer c.Close() //nolint:errcheck // a fake
			}
		}
	})
}

func TestSourceOfStrangeAddresses(t *testing.T) {
	for _, a := range []net.Addr{nil, &net.UnixAddr{Name: "/x"}, &net.TCPAddr{}, &net.IPAddr{IP: net.IPv4(1, 2, 3, 4)}} {
		if got := sourceOf(a); got.IsValid() {
			t.Errorf("%v is %v", a, got)
		}
	}
}

// A fleet behind one address, or on loopback, connects at once by the defaults.
func TestDefaultsLetAFleetIn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil)
		for range 1400 {
			c := d.from(t, "127.0.0.1")
			if c == nil {
				t.Fatalf("refused: %+v", d.refused)
			}
			defer c.Close() //nolint:errcheck // a fake
		}
	})
}

func TestPenalties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil)
		fail := func(k Kind) {
			t.Helper()
			c := d.from(t, "10.0.0.1")
			if c == nil {
				t.Fatal("refused too early")
			}
			c.Failed(k)
			c.Failed(k) // counts once
			_ = c.Close()
			_ = c.Close()
		}
		fail(AuthFailed)
		fail(AuthFailed)
		time.Sleep(6 * time.Second) // runs off: 4 s are left
		fail(AuthFailed)
		fail(AuthFailed) // 14 s
		fail(NoAuth)     // 15 s: the threshold
		if d.from(t, "10.0.0.1") != nil || len(d.refused) != 1 || d.refused[0].Why != Penalised {
			t.Fatalf("let in; reported %+v", d.refused)
		}
		if c := d.from(t, "10.0.0.2"); c == nil {
			t.Error("a neighbour is refused")
		} else {
			c.Handshaken()
			_ = c.Close()
		}
		time.Sleep(15*time.Second - 1)
		if d.from(t, "10.0.0.1") != nil {
			t.Error("let in before all of it has run off")
		}
		time.Sleep(1 * time.Nanosecond)
		if c := d.from(t, "10.0.0.1"); c == nil {
			t.Error("refused for ever")
		} else {
			c.Handshaken()
			_ = c.Close() // no failure
		}
		synctest.Wait()
		d.table.forget(time.Now())
		if len(d.table.bySource) != 0 {
			t.Errorf("remembered: %d", len(d.table.bySource))
		}
	})
}

func TestGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil)
		slow, quick := d.from(t, "10.0.0.1"), d.from(t, "10.0.0.2")
		time.Sleep(20*time.Second - 1)
		quick.Handshaken()
		quick.Handshaken()
		time.Sleep(time.Hour)
		synctest.Wait()
		if slow.Conn.(*caller).closes != 1 || quick.Conn.(*caller).closes != 0 {
			t.Error("the slow one must be closed, the quick one not")
		}
		if err := slow.Close(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Close after the grace: %v", err)
		}
		slow.Handshaken() // too late, and without effect
		if d.total != (tally{conns: 1}) {
			t.Errorf("%+v", d.total)
		}
		_ = quick.Close()
	})
}

func TestGraceExceededTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil)
		d.from(t, "10.0.0.1")
		d.from(t, "10.0.0.1")
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if d.from(t, "10.0.0.1") != nil { // twice 10 s
			t.Error("a source that exceeds the grace twice is let in")
		}
	})
}

// Leaving without a word costs something, once.
func TestLeavingIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(nil)
		for i := range 15 {
			c := d.from(t, "10.0.0.1")
			if c == nil {
				t.Fatalf("refused after %d", i)
			}
			_ = c.Close()
			_ = c.Close()
		}
		if d.from(t, "10.0.0.1") != nil {
			t.Error("a scanner is let in for the 16th time")
		}
	})
}

func TestReportsAreFew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(func(l *Limits) { l.Total = 0 })
		for range 1000 {
			d.from(t, "10.0.0.1")
		}
		time.Sleep(time.Second)
		d.from(t, "10.0.0.2")
		if len(d.refused) != 2 || d.refused[0].Skipped != 0 || d.refused[1].Skipped != 999 {
			t.Errorf("%+v", d.refused)
		}
	})
	silent := New(&line{waiting: []*caller{call("10.0.0.1")}}, Limits{}, nil)
	if _, err := silent.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// The table keeps the heaviest offenders, whatever comes, and never more than
// it may.
func TestTableIsBounded(t *testing.T) {
	p := Defaults().Penalties
	p.Sources = 8
	rapid.Check(t, func(t *rapid.T) {
		table, now := newTable(p), time.Unix(0, 0)
		heavy := netip.MustParsePrefix("192.0.2.1/32")
		for range 200 { // to the longest
			table.add(heavy, 5*time.Second, now)
		}
		if until := table.bySource[heavy].until; until != now.Add(p.Longest) {
			t.Fatalf("until %v", until)
		}
		for range rapid.IntRange(0, 200).Draw(t, "others") {
			now = now.Add(time.Duration(rapid.IntRange(0, 2000).Draw(t, "ms")) * time.Millisecond)
			ip := netip.AddrFrom4([4]byte{10, 0, 0, rapid.Byte().Draw(t, "ip")})
			table.add(netip.PrefixFrom(ip, 32), time.Duration(rapid.IntRange(0, 20).Draw(t, "s"))*time.Second, now)
			if len(table.byEnd) > p.Sources || len(table.bySource) != len(table.byEnd) {
				t.Fatalf("%d in the table, %d in the order", len(table.bySource), len(table.byEnd))
			}
			for i, o := range table.byEnd {
				if o.index != i || table.bySource[o.source] != o || o.until.After(now.Add(p.Longest)) {
					t.Fatalf("%+v", o)
				}
			}
			if !table.refused(heavy, now) && now.Before(time.Unix(0, 0).Add(p.Longest)) {
				t.Fatal("the heavy offender was forgotten")
			}
		}
	})
}

func TestNoPenalties(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(func(l *Limits) { l.Penalties = Penalties{} })
		for range 100 {
			c := d.from(t, "10.0.0.1")
			if c == nil {
				t.Fatal("refused without penalties")
			}
			c.Failed(AuthFailed)
			_ = c.Close()
		}
	})
}

// Whatever connections do, and in whatever order, the tallies are those of the
// connections that live.
func TestTalliesAddUp(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(*testing.T) {
			d := newDesk(func(l *Limits) { l.Total, l.PerSource, l.Handshakes, l.HandshakesPerSource = 6, 3, 4, 2 })
			var live []*Conn
			defer func() {
				for _, c := range live {
					_ = c.Close()
				}
			}()
			for range rapid.IntRange(1, 60).Draw(rt, "steps") {
				pick := func() *Conn {
					if len(live) == 0 {
						return nil
					}
					return live[rapid.IntRange(0, len(live)-1).Draw(rt, "which")]
				}
				switch step := rapid.IntRange(0, 4).Draw(rt, "step"); {
				case step == 0:
					if c := d.from(rt, fmt.Sprintf("10.0.0.%d", rapid.IntRange(1, 3).Draw(rt, "from"))); c != nil {
						live = append(live, c)
					}
				case step == 4:
					time.Sleep(time.Duration(rapid.IntRange(0, 15).Draw(rt, "s")) * time.Second)
					synctest.Wait()
				default:
					if c := pick(); c != nil {
						[]func(){c.Handshaken, func() { c.Failed(AuthFailed) }, func() { _ = c.Close() }}[step-1]()
					}
				}
				checkTallies(rt, d, live)
			}
		})
	})
}

func checkTallies(t *rapid.T, d *desk, live []*Conn) {
	var total tally
	open := map[netip.Prefix]tally{}
	for _, c := range live {
		c.mu.Lock() // timers come and go
		closed, handshaken := c.closed, c.handshaken
		c.mu.Unlock()
		if closed {
			continue
		}
		mine := open[c.source]
		mine.conns++
		total.conns++
		if !handshaken {
			mine.handshakes++
			total.handshakes++
		}
		open[c.source] = mine
		if mine.conns > 3 || mine.handshakes > 2 {
			t.Fatalf("%v has %+v", c.source, mine)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if total != d.total || fmt.Sprint(open) != fmt.Sprint(d.open) || total.conns > 6 || total.handshakes > 4 {
		t.Fatalf("counted %+v %v, there are %+v %v", d.total, d.open, total, open)
	}
}

// Over real sockets: the refused see the end at once, the others are served.
func TestOverTCP(t *testing.T) {
	defer goleak.VerifyNone(t)
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	limits := Defaults()
	limits.PerSource = 3
	l := New(inner, limits, nil)
	served := make(chan struct{})
	go func() {
		defer close(served)
		var all sync.WaitGroup
		defer all.Wait()
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conn.(*Conn).Handshaken()
			all.Go(func() {
				defer conn.Close() //nolint:errcheck // the client has gone
				_, _ = io.Copy(conn, conn)
			})
		}
	}()
	var let, refused int
	var conns []net.Conn
	for range 8 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conns = append(conns, c)
		_, _ = c.Write([]byte("x"))
		if _, err := io.ReadFull(c, make([]byte, 1)); err == nil {
			let++
		} else {
			refused++
		}
	}
	if let != 3 || refused != 5 {
		t.Errorf("%d let in, %d refused", let, refused)
	}
	for _, c := range conns {
		_ = c.Close()
	}
	_ = l.Close()
	<-served
	if l.total != (tally{}) {
		t.Errorf("left behind: %+v", l.total)
	}
}

// carrying is a connection inside a guarded one.
type carrying struct {
	net.Conn
	shaken, failed int
}

func (c *carrying) RemoteAddr() net.Addr { return call("10.0.0.7").from }
func (c *carrying) Handshaken()          { c.shaken++ }
func (c *carrying) Failed(Kind)          { c.failed++ }
func (c *carrying) Close() error         { return nil }

// TestCarriers: a reverse proxy is no source, but it counts in all. What it
// carries is counted by itself, and it hears how that fares.
func TestCarriers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		proxy := netip.MustParseAddr("10.0.0.1")
		d := newDesk(func(l *Limits) {
			l.PerSource, l.HandshakesPerSource, l.Total = 1, 1, 4
			l.Carrier = func(a netip.Addr) bool { return a == proxy }
		})
		for range 100 {
			conn := d.from(t, "10.0.0.1")
			if conn == nil {
				t.Fatalf("a carrier is refused: %+v", d.refused)
			}
			conn.Failed(AuthFailed)
			_ = conn.Close()
		}
		var open []*Conn
		for range 3 {
			open = append(open, d.from(t, "10.0.0.1"))
		}
		inside := &carrying{}
		c := d.Admit(inside)
		if open[2] == nil || c == nil || c.Source().Addr().String() != "10.0.0.7" {
			t.Fatalf("%v, %v", open, c)
		}
		if d.from(t, "10.0.0.1") != nil || d.refused[0].Why != Full {
			t.Errorf("a carrier doesn't count: %+v", d.refused)
		}
		c.Failed(AuthFailed)
		c.Handshaken()
		if inside.failed != 1 || inside.shaken != 1 {
			t.Errorf("it heard of %d failures and %d handshakes", inside.failed, inside.shaken)
		}
		for _, c := range append(open, c) {
			_ = c.Close()
		}
	})
}
