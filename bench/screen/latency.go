//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"accord/gateway/hub"
	"accord/recordings/rfb"
)

// viewer is a client that clicks and looks.
type viewer struct {
	client *rfb.Client
	news   chan time.Time // when an update with pixels was there
	close  func()
	passed []time.Duration
}

func look(conn io.ReadWriteCloser) (*viewer, error) {
	v := &viewer{news: make(chan time.Time, 1)}
	client, err := rfb.NewClient(conn, rfb.ClientOptions{
		Change: func(func(rfb.State) rfb.State) {},
		Commit: func(_ *rfb.Frame, d rfb.Damage) error {
			if len(d.Rects)+len(d.Copies) > 0 {
				select {
				case v.news <- time.Now():
				default:
				}
			}
			return nil
		},
	})
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	client.Pace(0)
	ran := make(chan struct{})
	go func() {
		defer close(ran)
		_ = client.Run()
	}()
	v.client = client
	v.close = func() {
		conn.Close()
		<-ran
	}
	return v, nil
}

// settle waits until nothing has changed for a while.
func (v *viewer) settle(ctx context.Context, quiet time.Duration) error {
	for {
		select {
		case <-v.news:
		case <-time.After(quiet):
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// click presses and lets go of a button, and measures until pixels change.
func (v *viewer) click(ctx context.Context) error {
	began := time.Now()
	if err := errors.Join(v.client.Pointer(200, 200, 1), v.client.Pointer(200, 200, 0)); err != nil {
		return err
	}
	select {
	case at := <-v.news:
		v.passed = append(v.passed, at.Sub(began))
		return nil
	case <-time.After(5 * time.Second):
		return errors.New("a click changed nothing within 5 s")
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// unrecorded takes what a recorder is told.
type unrecorded struct{}

func (unrecorded) Gate(context.Context) error { return nil }
func (unrecorded) Key(bool, uint32)           {}
func (unrecorded) Pointer(int, int, uint8)    {}
func (unrecorded) Clip(bool, string)          {}
func (unrecorded) Bell()                      {}
func (unrecorded) Paused(bool)                {}
func (unrecorded) Close() error               { return nil }

// through starts a hub on a server and returns a viewer that sits at it.
func through(ctx context.Context, address string) (v *viewer, end func(), err error) {
	h, err := hub.New(hub.Options{
		Name: "bench",
		Open: func(ctx context.Context) (io.ReadWriteCloser, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", address)
		},
		Record: func(*rfb.Screen) (hub.Recorder, error) { return unrecorded{}, nil },
		Pass:   func(<-chan struct{}) bool { return true },
	})
	if err != nil {
		return nil, nil, err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	defer l.Close()
	served := make(chan struct{})
	go func() {
		defer close(served)
		conn, err := l.Accept()
		if err == nil {
			_ = h.View(ctx, conn, hub.SeatOptions{May: func(hub.Right) bool { return true }})
		}
	}()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err == nil {
		v, err = look(conn)
	}
	if err != nil {
		h.Close(err)
		return nil, nil, err
	}
	return v, func() {
		v.close()
		h.Close(errors.New("the measurement is over"))
		<-served
	}, nil
}

// measureLatency clicks into a terminal that answers each click with some
// letters, in turns over a direct connection and over a hub.
func measureLatency(ctx context.Context, size sizes, out io.Writer) error {
	s, err := newStage(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	// 1000: the terminal tells of clicks (XTerm's control sequences); its line
	// discipline echoes what it is told.
	if err := s.xterm("100x40+60+40", `stty -icanon; printf '\033[?1000h'; exec cat >/dev/null`); err != nil {
		return err
	}
	address := net.JoinHostPort("127.0.0.1", s.port)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	direct, err := look(conn)
	if err != nil {
		return err
	}
	defer direct.close()
	over, end, err := through(ctx, address)
	if err != nil {
		return err
	}
	defer end()
	for range size.clicks {
		for _, v := range []*viewer{direct, over} {
			for _, w := range []*viewer{direct, over} {
				if err := w.settle(ctx, 120*time.Millisecond); err != nil {
					return err
				}
			}
			if err := v.click(ctx); err != nil {
				return err
			}
		}
	}
	slices.Sort(direct.passed)
	slices.Sort(over.passed)
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	at := func(v *viewer, percent int) time.Duration { return v.passed[len(v.passed)*percent/100] }
	fmt.Fprintf(out, "\n| click to pixel, ms | direct | over the hub | added |\n|---|---|---|---|\n")
	for _, p := range []int{50, 95} {
		fmt.Fprintf(out, "| p%d | %.2f | %.2f | %.2f |\n", p, ms(at(direct, p)), ms(at(over, p)), ms(at(over, p)-at(direct, p)))
	}
	return nil
}
