package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/recordings"
	"accord/wire"
)

// Kinds of events on a recording's timeline that this makes.
const (
	eventForward     = "forward"
	eventForwardEnds = "forward.ended"
)

// forwardChunk is how much is moved at once, in bytes, and forwardDrain how long
// what one side has sent before it closed may take to the other.
const (
	forwardChunk = 32 << 10
	forwardDrain = 30 * time.Second
)

// forwarded is a connection of a visit that began, on the timeline.
type forwarded struct {
	Number  int64  `json:"number"` // in the visit
	Network string `json:"network"`
	Host    string `json:"host"`
	Port    uint32 `json:"port,omitempty"`
	Reverse bool   `json:"reverse,omitempty"` // somebody connected there, to the technician
}

// forwardEnded is one that ended.
type forwardEnded struct {
	Number  int64   `json:"number"`
	Up      int64   `json:"up"`   // bytes to the device
	Down    int64   `json:"down"` // bytes to the technician
	Seconds float64 `json:"seconds"`
}

// accepting takes the technician's channel once the device has connected.
type accepting func() (gossh.Channel, <-chan *gossh.Request, error)

// forward connects a channel of the technician's with a place that the device
// reaches, until both are done or the visit is. The timeline has it before a
// byte goes either way.
func (v *visit) forward(ctx context.Context, place wire.Place, shown forwarded, accept accepting) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.ctx, cancel)()
	number, done, err := v.beginForward(ctx)
	if err != nil {
		return err
	}
	defer done()
	place.Visit = v.req.Visit
	dev, devReqs, err := v.home.open(ctx, wire.ChannelForward, wire.MarshalForward(place))
	if err != nil {
		return deviceRefused(err)
	}
	began := time.Now()
	shown.Number = number
	if err := v.happens(eventForward, shown); err != nil {
		go gossh.DiscardRequests(devReqs)
		_ = dev.Close()
		v.end(cannotRecord(err))
		return err
	}
	f := &flow{visit: v, dev: dev, in: newHands(ctx, v.audience, dev)}
	defer f.in.close()
	tech, techReqs, err := accept()
	if err == nil {
		f.tech = tech
		f.run(ctx, devReqs, techReqs)
	} else { // the client is gone
		go gossh.DiscardRequests(devReqs)
		_ = dev.Close()
	}
	ended := forwardEnded{number, f.up.Load(), f.down.Load(), time.Since(began).Seconds()}
	if err := v.happens(eventForwardEnds, ended); err != nil && !errors.Is(err, recordings.ErrSealed) {
		v.end(cannotRecord(err))
	}
	return nil
}

// beginForward counts a connection as the visit's; the caller calls done at its
// end. Where a colleague must watch it waits for one.
func (v *visit) beginForward(ctx context.Context) (number int64, done func(), err error) {
	if !v.grants(wire.Forward) {
		return 0, nil, fmt.Errorf("%s was not granted for this visit, or was taken back", wire.Forward)
	}
	if !v.audience.pass(ctx.Done()) {
		return 0, nil, v.why()
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.closed || v.ctx.Err() != nil:
		return 0, nil, v.why()
	case v.forwards >= wire.MaxForwards:
		return 0, nil, fmt.Errorf("the visit has %d connections open already", wire.MaxForwards)
	}
	v.relays.Add(1)
	v.forwards++
	v.forwardsEver++
	v.touch()
	return v.forwardsEver, func() {
		v.mu.Lock()
		v.forwards--
		v.mu.Unlock()
		v.relays.Done()
	}, nil
}

// deviceRefused is why the device did not connect, in its words.
func deviceRefused(err error) error {
	if no, ok := errors.AsType[*gossh.OpenChannelError](err); ok && no.Message != "" {
		return errors.New(wire.Clean(strings.Join(strings.Fields(no.Message), " "), wire.MaxReason))
	}
	return fmt.Errorf("the device does not connect: %w", err)
}

// flow is a forwarded connection while bytes go through it.
type flow struct {
	visit     *visit
	dev, tech gossh.Channel
	in        *hands // to the device
	up, down  atomic.Int64
}

// run moves bytes until both directions are done, or one side has closed the
// whole channel, or ctx ends. Either direction ends by itself.
func (f *flow) run(ctx context.Context, devReqs, techReqs <-chan *gossh.Request) {
	up, down := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(up)
		f.move(touching{f.in, f.visit}, f.tech, &f.up)
		_ = f.dev.CloseWrite()
	}()
	go func() {
		defer close(down)
		f.move(f.tech, f.dev, &f.down)
		_ = f.tech.CloseWrite()
	}()
	ended := make(chan struct{})
	defer close(ended)
	both := make(chan struct{})
	go func() { // ends with the channels, which are closed below
		<-up
		<-down
		close(both)
	}()
	select {
	case <-both:
	case <-closedBy(devReqs, down, ended):
	case <-closedBy(techReqs, up, ended):
	case <-ctx.Done():
	}
	// Closing writes, and so may wait as long as a connection lasts.
	go func() { _ = f.dev.Close() }()
	go func() { _ = f.tech.Close() }()
	timer := time.NewTimer(stalled)
	defer timer.Stop()
	select {
	case <-both:
	case <-timer.C: // a side that does not read gets no more, and is not waited for
	}
}

// closedBy is closed when a side has closed its channel and what it had sent
// is on the other side.
func closedBy(reqs <-chan *gossh.Request, sent, ended <-chan struct{}) <-chan struct{} {
	closed := make(chan struct{})
	go func() { // ends with the channel
		gossh.DiscardRequests(reqs)
		timer := time.NewTimer(forwardDrain)
		defer timer.Stop()
		select {
		case <-sent:
		case <-ended:
		case <-timer.C:
		}
		close(closed)
	}()
	return closed
}

// move copies one direction and counts it, as long as bytes may flow.
func (f *flow) move(to io.Writer, from io.Reader, count *atomic.Int64) {
	buf := make([]byte, forwardChunk)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if !f.in.pass() {
				return
			}
			m, werr := to.Write(buf[:n])
			count.Add(int64(m))
			if werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
