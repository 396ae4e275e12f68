package hub

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"accord/recordings/rfb"
)

// viewerTime is how long a viewer may take to shake hands.
const viewerTime = 20 * time.Second

// View serves a VNC viewer on a connection, until it leaves, the screen ends or
// ctx does. The connection is closed. An error says why the screen is not shown
// any more; a viewer that has left is none.
func (h *Hub) View(ctx context.Context, conn io.ReadWriteCloser, o SeatOptions) error {
	// Closing writes, and so may wait as long as the connection lasts.
	hangUp := func() { go func() { _ = conn.Close() }() }
	defer hangUp()
	if err := h.Shown(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(h.ctx, func() { cancel(context.Cause(h.ctx)) })()
	defer context.AfterFunc(ctx, hangUp)()
	ended, viewed := make(chan struct{}), error(nil)
	go func() {
		defer close(ended)
		viewed = h.view(conn, o)
	}()
	select {
	case <-ended:
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		return viewed
	case <-ctx.Done():
	}
	timer := time.NewTimer(closeTime)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C: // one that does not read; it ends with its connection
	}
	return context.Cause(ctx)
}

// view is the RFB with a viewer.
func (h *Hub) view(conn io.ReadWriteCloser, o SeatOptions) error {
	greeting := time.AfterFunc(viewerTime, func() { _ = conn.Close() })
	defer greeting.Stop()
	var seat *Seat
	viewer, err := rfb.NewViewer(conn, h.screen, rfb.ViewerOptions{
		Monitor: o.Monitor,
		// Without a Name of its own it has the picture's, which says so when the visit is paused.
		Key:     func(down bool, keysym uint32) { seat.Key(down, keysym) },
		Pointer: func(x, y int, buttons uint8) { seat.Pointer(x, y, buttons) },
		Cut:     func(text string) { seat.Put(text) },
		Resize:  func(width, height int) error { return seat.Resize(width, height) },
	})
	if err != nil {
		return fmt.Errorf("the viewer was not served: %w", err)
	}
	greeting.Stop()
	o.Bell, o.Copied = viewer.Bell, viewer.SendCut
	if seat, err = h.Sit(o); err != nil {
		return err
	}
	defer seat.Leave()
	return viewer.Run()
}

// Refuse tells a viewer why there is no screen, as RFB has it in place of the
// kinds of security (RFC 6143, section 7.1.2), and closes the connection.
func Refuse(conn io.ReadWriteCloser, sentence string) error {
	late := time.AfterFunc(viewerTime, func() { _ = conn.Close() })
	defer late.Stop()
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, "RFB 003.008\n"); err != nil {
		return err
	}
	version := make([]byte, len("RFB 003.008\n"))
	if _, err := io.ReadFull(conn, version); err != nil {
		return err
	}
	no := []byte{0} // no kind of security
	if string(version) == "RFB 003.003\n" {
		no = make([]byte, 4) // there it is the server that chooses one
	}
	no = binary.BigEndian.AppendUint32(no, uint32(len(sentence)))
	if _, err := conn.Write(append(no, sentence...)); err != nil {
		return err
	}
	_, err := io.CopyN(io.Discard, conn, 1<<10) // until it has read it, and hung up
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
