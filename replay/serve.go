package replay

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"

	"accord/recordings/rfb"
	"accord/tui"
)

// Serve plays a visit's screens to VNC viewers that connect to l, which it
// closes: all see what the player on the terminal shows, and nothing that they
// type goes anywhere. Without a terminal to steer it, each screen plays once,
// from its start, and its last picture stays until the context ends. ready is
// called once viewers may come.
func Serve(ctx context.Context, t *tui.Terminal, path string, l net.Listener, ready func()) error {
	defer l.Close()
	s := &stage{screen: rfb.NewScreen()}
	rec, done, err := load(path, s)
	if err != nil {
		return err
	}
	defer done()
	rec.First = slices.IndexFunc(rec.Tracks, func(t tui.Track) bool { return t.Pictures != nil })
	if rec.First < 0 {
		return errNoScreen
	}
	if _, err := rec.Tracks[rec.First].Pictures.Seek(ctx, 0); err != nil {
		return fmt.Errorf("play the screen: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	v := viewers{screen: s.screen, name: rec.Title}
	v.wait.Go(func() { v.accept(ctx, l) })
	defer v.wait.Wait()
	defer cancel()
	ready()
	if t == nil {
		return unattended(ctx, rec)
	}
	return tui.Play(ctx, t, rec)
}

// viewers are those that watch a replay.
type viewers struct {
	screen *rfb.Screen
	name   string
	wait   sync.WaitGroup
}

// maxViewers bounds those at a time.
const maxViewers = 8

// accept welcomes viewers until the context ends, and hangs up then.
func (v *viewers) accept(ctx context.Context, l net.Listener) {
	stop := context.AfterFunc(ctx, func() { l.Close() })
	defer stop()
	places := make(chan struct{}, maxViewers)
	for {
		conn, err := l.Accept()
		if err != nil {
			return // closed; a listener on loopback fails in no other way for long
		}
		select {
		case places <- struct{}{}:
		default:
			conn.Close()
			continue
		}
		v.wait.Go(func() {
			defer func() { <-places }()
			v.serve(ctx, conn)
		})
	}
}

// serve shows the replay to one viewer until it leaves.
func (v *viewers) serve(ctx context.Context, conn net.Conn) {
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	viewer, err := rfb.NewViewer(conn, v.screen, rfb.ViewerOptions{Name: v.name})
	if err == nil {
		_ = viewer.Run() // it ends with the viewer, whose own affair that is
	}
}

// unattended plays all screens by the clock, one after the other.
func unattended(ctx context.Context, rec tui.Recording) error {
	for _, track := range rec.Tracks {
		if track.Pictures == nil {
			continue
		}
		if err := byClock(ctx, track.Pictures); err != nil {
			return err
		}
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

func byClock(ctx context.Context, p tui.Pictures) error {
	began := time.Now()
	for at := time.Duration(0); ; {
		m, err := p.Seek(ctx, at)
		if err != nil || m.Next < 0 {
			return err
		}
		at = m.Next
		select {
		case <-time.After(time.Until(began.Add(at))):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
