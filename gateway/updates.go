package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire"
	"accord/wire/release"
)

// Limits of what is sent to devices.
const (
	// updatesAtOnce is how many programs are sent at a time.
	updatesAtOnce = 8
	// updateStall is how long a device may take nothing of one.
	updateStall = time.Minute
	// updateJudged is how long it may take to check it, and try whether it runs.
	updateJudged = 2 * time.Minute
	// updateLimit bounds one order's way to a device, so that one that reads ever so
	// slowly keeps no place for ever.
	updateLimit = time.Hour
)

// updates are the orders that are on their way to a device.
type updates struct {
	places chan struct{} // one for each program that may be sent

	mu   sync.Mutex
	ways map[string]*way // by the device's key
}

// way is that of an order.
type way struct {
	again      bool // another order was given meanwhile; under the lock of updates
	sent, size atomic.Int64
}

func newUpdates() updates {
	return updates{places: make(chan struct{}, updatesAtOnce), ways: make(map[string]*way)}
}

// enter begins to look after a device's orders; nil where somebody does, who will
// look once more.
func (u *updates) enter(key string) *way {
	u.mu.Lock()
	defer u.mu.Unlock()
	if w := u.ways[key]; w != nil {
		w.again = true
		return nil
	}
	u.ways[key] = &way{}
	return u.ways[key]
}

// leave ends that, unless there is to be looked once more.
func (u *updates) leave(key string) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	if w := u.ways[key]; w.again {
		w.again = false
		return false
	}
	delete(u.ways, key)
	return true
}

// sending is how much of a program a device was sent; of 0 it is sent none.
func (u *updates) sending(key string) (sent, size int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if w := u.ways[key]; w != nil {
		return w.sent.Load(), w.size.Load()
	}
	return 0, 0
}

// pursueUpdate brings the order that a device was given as far as it comes on this
// link: to the device, or to what became of it.
func (g *Gateway) pursueUpdate(ctx context.Context, h *home) {
	w := g.updates.enter(h.device.Key)
	if w == nil {
		return
	}
	for {
		u, err := g.store.Update(ctx, h.device.Key)
		moved := false
		if err == nil && u.Open() {
			moved = g.moveUpdate(ctx, h, w, u)
		}
		if !moved && g.updates.leave(h.device.Key) {
			return
		}
	}
}

// moveUpdate takes an order one step on, and says whether it did. Where the link
// is lost it stays as it is, for the next one.
func (g *Gateway) moveUpdate(ctx context.Context, h *home, w *way, u store.Update) bool {
	next, err := g.nextOfUpdate(ctx, h, w, u)
	if err != nil && (ctx.Err() != nil || errors.Is(err, errLinkLost)) {
		return false
	}
	if err != nil {
		next = u
		next.State, next.Why = store.UpdateRefused, wire.Clean(err.Error(), wire.MaxReason)
	}
	if next.State == u.State {
		return false
	}
	if err := g.store.StepUpdate(ctx, next, []store.UpdateState{u.State}, h.entry(time.Now())); err != nil {
		g.log.Error("what became of an update is not kept", "device", h.device.Name, "error", err)
		return false
	}
	g.log.Info("update", "device", h.device.Name, "version", next.Version, "state", next.State, "why", next.Why)
	g.publish()
	return next.State != store.UpdateTaken // what becomes of that the next link says
}

// errLinkLost reports that nothing more can be known on this link.
var errLinkLost = errors.New("the link was lost")

// nextOfUpdate is an order as it stands after its next step. An error is why it
// comes to nothing.
func (g *Gateway) nextOfUpdate(ctx context.Context, h *home, w *way, u store.Update) (store.Update, error) {
	var answer *wire.ReleaseTaken
	var err error
	switch {
	case u.State == store.UpdateTaken:
		return g.asksAfter(ctx, h, u)
	case !u.Back && h.hello.Agent == u.Version: // that it had taken it was lost with the last link
		u.State = store.UpdateDone
		return u, nil
	case u.Back:
		answer, err = question[*wire.ReleaseTaken](ctx, h, &wire.GoBack{})
	default:
		answer, err = g.sendRelease(ctx, h, w, u)
	}
	switch {
	case err != nil:
		return u, err
	case answer.Sentence != "":
		return u, errors.New(answer.Sentence)
	}
	u.State, u.Why, u.Version = store.UpdateTaken, "", answer.Version
	if answer.Waits {
		u.Why = "somebody visits the device, or asks to; it runs when that is over"
	} else {
		h.because("its agent is replaced by another version")
	}
	return u, nil
}

// asksAfter finds out what became of a release that a device has taken.
func (g *Gateway) asksAfter(ctx context.Context, h *home, u store.Update) (store.Update, error) {
	answer, err := question[*wire.Release](ctx, h, &wire.AskRelease{})
	switch {
	case err != nil:
		return u, err
	case answer.Next != "":
		return u, nil // it waits for the end of a visit
	case u.Back || answer.Runs == u.Version:
		u.State, u.Why, u.Version = store.UpdateDone, "", answer.Runs
	case answer.Failed == u.Version:
		u.State, u.Why = store.UpdateFailed, fmt.Sprintf("It runs %s again: %s", answer.Runs, answer.Why)
	default:
		return u, fmt.Errorf("it runs %s, and does not have %s any more", answer.Runs, u.Version)
	}
	return u, nil
}

// sendRelease offers a release to a device, and sends the program for it.
func (g *Gateway) sendRelease(ctx context.Context, h *home, w *way, u store.Update) (*wire.ReleaseTaken, error) {
	f, err := g.release(u.Version)
	if err == nil && f.Digest() != u.Manifest {
		err = fmt.Errorf("release %s here is not the one any more that was ordered", u.Version)
	}
	if err != nil {
		return nil, err
	}
	select {
	case g.updates.places <- struct{}{}:
		defer func() { <-g.updates.places }()
	case <-h.gone:
		return nil, errLinkLost
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer w.size.Store(0)
	var answer *wire.ReleaseTaken
	err = h.onUpdates(ctx, func(conn *wire.Conn, to io.Writer) error {
		if err := conn.Write(&wire.OfferRelease{Manifest: f.Text, Signature: f.Signature}); err != nil {
			return err
		}
		m, err := conn.Read()
		if send, ok := m.(*wire.SendRelease); ok && err == nil {
			m, err = g.sendProgram(conn, to, f, send, w)
		}
		if err != nil {
			return err
		}
		taken, ok := m.(*wire.ReleaseTaken)
		answer = taken
		if !ok {
			return wire.ErrMessage
		}
		return nil
	})
	return answer, err
}

// sendProgram sends the program that a device asks for, and hears what it says to
// that: it may say no before it has all, for example when its disk is full.
func (g *Gateway) sendProgram(conn *wire.Conn, to io.Writer, f *release.Folder, send *wire.SendRelease, w *way) (wire.Message, error) {
	p, err := f.For(send.System, send.Arch)
	if err != nil {
		return nil, err
	}
	file, err := os.Open(filepath.Join(f.Path, f.File(p)))
	if err != nil {
		return nil, fmt.Errorf("the gateway can't read release %s: %w", f.Version, err)
	}
	defer func() { _ = file.Close() }()
	w.sent.Store(0)
	w.size.Store(p.Size)
	g.publish()
	var m wire.Message
	var heard error
	answered := make(chan struct{})
	go func() { // ends with the answer, or with the channel
		defer close(answered)
		m, heard = conn.Read()
	}()
	n, err := io.Copy(counting{until{to, answered}, &w.sent}, io.LimitReader(file, p.Size))
	if err == nil && n != p.Size {
		return nil, fmt.Errorf("the gateway's file for %s/%s of release %s is shorter than what was signed", p.System, p.Arch, f.Version)
	}
	<-answered
	return m, heard
}

// until writes as long as there is no answer.
type until struct {
	io.Writer
	answered <-chan struct{}
}

func (u until) Write(p []byte) (int, error) {
	select {
	case <-u.answered:
		return 0, io.ErrClosedPipe
	default:
		return u.Writer.Write(p)
	}
}

// counting counts what was written.
type counting struct {
	io.Writer
	n *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	n, err := c.Writer.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// question asks a device one question about its releases.
func question[A wire.Message](ctx context.Context, h *home, q wire.Message) (answer A, err error) {
	err = h.onUpdates(ctx, func(conn *wire.Conn, _ io.Writer) error {
		if err := conn.Write(q); err != nil {
			return err
		}
		m, err := conn.Read()
		if err != nil {
			return err
		}
		var ok bool
		if answer, ok = m.(A); !ok {
			return wire.ErrMessage
		}
		return nil
	})
	return answer, err
}

// onUpdates speaks with a device about its releases, on a channel that is closed
// when nothing goes on there for a while.
func (h *home) onUpdates(ctx context.Context, speak func(*wire.Conn, io.Writer) error) error {
	ctx, cancel := context.WithTimeout(ctx, updateLimit)
	defer cancel()
	ch, err := h.openUpdates(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = ch.Close() }()
	defer context.AfterFunc(ctx, func() { _ = ch.Close() })()
	var stalled atomic.Bool
	stall := time.AfterFunc(updateJudged, func() { stalled.Store(true); _ = ch.Close() })
	defer stall.Stop()
	err = speak(wire.NewConn(ch), patient{ch, stall})
	if err == nil {
		return nil
	}
	if stalled.Load() {
		return errors.New("the device takes nothing, or says nothing, for minutes")
	}
	if answered, _ := h.ping(ctx); !answered {
		return errLinkLost // whatever the error was: a link says by many that it is none
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the device broke off")
	}
	return err
}

// openUpdates opens the channel. A device that has just called may not have read
// its welcome yet, and is asked again.
func (h *home) openUpdates(ctx context.Context) (gossh.Channel, error) {
	for wait, n := rosterAgain, 1; ; wait, n = 2*wait, n+1 {
		opening, cancel := context.WithTimeout(ctx, wire.Handshake)
		ch, reqs, err := h.open(opening, wire.ChannelUpdate, nil)
		cancel()
		if err == nil {
			go gossh.DiscardRequests(reqs)
			return ch, nil
		}
		closed, refused := errors.AsType[*gossh.OpenChannelError](err)
		switch {
		case refused && closed.Reason == gossh.ResourceShortage && n < rosterTries:
		case refused && closed.Reason == gossh.UnknownChannelType:
			return nil, fmt.Errorf("its agent (%s) takes no updates from a gateway yet: install a newer one there, as a package or by accord push", h.hello.Agent)
		case refused:
			return nil, errors.New(wire.Clean(closed.Message, wire.MaxReason))
		default:
			return nil, errLinkLost
		}
		select {
		case <-time.After(wait):
		case <-h.gone:
			return nil, errLinkLost
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// patient gives what is written a time that begins anew with each write.
type patient struct {
	io.Writer
	timer *time.Timer
}

func (p patient) Write(b []byte) (int, error) {
	p.timer.Reset(updateStall)
	defer p.timer.Reset(updateJudged)
	return p.Writer.Write(b)
}

// release is the release of a version; "" is the newest.
func (g *Gateway) release(version string) (*release.Folder, error) {
	if g.cfg.Releases == "" {
		return nil, errors.New("this gateway has no releases: its admin names their folder in gateway.releases")
	}
	list, odd, err := release.List(g.cfg.Releases)
	if err != nil {
		return nil, err
	}
	for _, f := range list {
		if version == "" || f.Version == version {
			return f, nil
		}
	}
	sentence := strings.TrimSpace(fmt.Sprintf("%s has no release %s", g.cfg.Releases, version))
	for _, err := range odd {
		sentence += "; " + err.Error()
	}
	return nil, errors.New(sentence)
}
