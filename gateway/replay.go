package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire"
)

// replayLimit is how long a device may take for the recording of a visit.
const replayLimit = 30 * time.Minute

// errReplayLarge is a recording that a device doesn't take.
var errReplayLarge = fmt.Errorf("the recording has more than %d files or %d MiB", wire.MaxReplayFiles, wire.MaxReplay>>20)

// giveReplay brings the device the sealed recording of a visit that its user may
// replay. A device that is gone by now does not get it. That it was given
// stands in the audit log first, as that it was looked at does.
func (v *visit) giveReplay() {
	log := v.gateway.log.With("visit", v.req.Visit)
	e, err := v.gateway.library.Find(v.req.Visit)
	if err != nil || !e.Sealed {
		log.Error("no replay was given", "error", err)
		return
	}
	entry := store.Entry{
		At: time.Now(), Kind: store.RecordingViewed, Actor: v.home.device.Name, Device: v.home.device.Name, Visit: v.req.Visit, Success: true,
		Data: map[string]string{"how": "given to the device for its user, as its consent says"},
	}
	if err := v.gateway.note(entry); err != nil {
		log.Error("no replay was given", "error", err)
		return
	}
	ctx, cancel := context.WithTimeout(v.gateway.ctx, replayLimit)
	defer cancel()
	if err := v.home.replay(ctx, v.req.Visit, e.Dir); err != nil {
		log.Warn("the device has no replay, or not all of it", "error", err)
	}
}

// replay sends a recording's folder to the device.
func (h *home) replay(ctx context.Context, visit, dir string) error {
	list, err := replayFiles(dir)
	if err != nil {
		return err
	}
	ch, reqs, err := h.open(ctx, wire.ChannelReplay, wire.MarshalSession(visit))
	if err != nil {
		return err
	}
	go gossh.DiscardRequests(reqs)
	defer func() { _ = ch.Close() }()
	sent := make(chan error, 1)
	go func() { sent <- sendReplay(ch, list) }() // ends with the link at the latest
	select {
	case err = <-sent:
	case <-ctx.Done():
		return errors.New("it did not take it in time")
	}
	if err != nil {
		return err
	}
	_ = ch.CloseWrite()
	return awaitClose(ctx, ch)
}

// awaitClose waits until the device has taken all: then it closes the channel.
func awaitClose(ctx context.Context, ch io.Reader) error {
	closed := make(chan struct{})
	go func() { // ends with the link at the latest
		defer close(closed)
		_, _ = io.Copy(io.Discard, ch)
	}()
	select {
	case <-closed:
		return nil
	case <-ctx.Done():
		return errors.New("it did not say that it has it")
	}
}

// replayFiles lists the files of a recording that a device takes.
func replayFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var list []string
	var bytes int64
	for _, e := range entries {
		if !wire.ReplayFile(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		bytes += info.Size()
		list = append(list, filepath.Join(dir, e.Name()))
	}
	if len(list) > wire.MaxReplayFiles || bytes > wire.MaxReplay {
		return nil, errReplayLarge
	}
	return list, nil
}

func sendReplay(to io.Writer, list []string) error {
	for _, path := range list {
		if err := sendFile(to, path); err != nil {
			return err
		}
	}
	return wire.WriteReplayEnd(to)
}

func sendFile(to io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return wire.WriteReplayFile(to, filepath.Base(path), info.Size(), f)
}
