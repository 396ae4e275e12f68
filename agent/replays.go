package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	gossh "golang.org/x/crypto/ssh"

	"accord/agent/proc"
	"accord/wire"
)

// What a device keeps of recordings; the oldest make room.
const (
	replaysMost  = 20
	replaysBytes = 1 << 30
)

// replays are the recordings of visits that the device's user may replay, in
// the folder state/replays, each readable by that user alone.
type replays struct {
	dir string
	uid int // whose they are; -1: the agent's own account
	gid int
	mu  sync.Mutex // one comes at a time
}

func (s state) replays(user proc.Account) *replays {
	r := &replays{dir: filepath.Join(string(s), "replays"), uid: -1}
	if proc.Me().Root() {
		r.uid, r.gid = user.UID, user.GID
	}
	return r
}

// take stores one that comes from the gateway: whole, or not at all.
func (r *replays) take(visit string, from io.Reader) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := os.MkdirAll(r.dir, 0o755); err != nil { //nolint:gosec // the names of visits stand in receipts, too
		return fmt.Errorf("make the folder for replays: %w", err)
	}
	folder := filepath.Join(r.dir, visit)
	if _, err := os.Lstat(folder); err == nil {
		return errors.New("the replay of this visit is here already")
	}
	part := filepath.Join(r.dir, ".new")
	if err := os.RemoveAll(part); err != nil {
		return fmt.Errorf("make room for a replay: %w", err)
	}
	defer func() { _ = os.RemoveAll(part) }() // gone, if all went well
	if err := os.Mkdir(part, 0o700); err != nil {
		return fmt.Errorf("keep a replay: %w", err)
	}
	if err := wire.ReadReplay(from, func(name string, file io.Reader) error {
		return r.file(filepath.Join(part, name), file)
	}); err != nil {
		return fmt.Errorf("keep a replay: %w", err)
	}
	if err := r.give(part); err != nil {
		return err
	}
	if err := os.Rename(part, folder); err != nil {
		return fmt.Errorf("keep a replay: %w", err)
	}
	return r.makeRoom()
}

func (r *replays) file(path string, from io.Reader) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	return r.give(path)
}

// give makes the user the owner.
func (r *replays) give(path string) error {
	if r.uid < 0 {
		return nil
	}
	if err := os.Lchown(path, r.uid, r.gid); err != nil {
		return fmt.Errorf("give a replay to its user: %w", err)
	}
	return nil
}

// makeRoom removes the oldest: the names of visits begin with their time.
func (r *replays) makeRoom() error {
	list, err := r.list()
	if err != nil {
		return err
	}
	var bytes int64
	for i, visit := range slices.Backward(list) {
		folder := filepath.Join(r.dir, visit)
		bytes += size(folder)
		if newest := i == len(list)-1; newest || bytes <= replaysBytes && len(list)-i <= replaysMost {
			continue
		}
		if err := os.RemoveAll(folder); err != nil {
			return fmt.Errorf("make room for a replay: %w", err)
		}
	}
	return nil
}

// list names the visits whose replays are here, oldest first.
func (r *replays) list() ([]string, error) {
	entries, err := os.ReadDir(r.dir)
	if err != nil {
		return nil, fmt.Errorf("read the folder of replays: %w", err)
	}
	var visits []string
	for _, e := range entries {
		if e.IsDir() && wire.ValidVisit(e.Name()) {
			visits = append(visits, e.Name())
		}
	}
	return visits, nil
}

// size is what the files of a folder take, in bytes.
func size(folder string) (bytes int64) {
	entries, _ := os.ReadDir(folder) // one that can't be read is removed by its age
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			bytes += info.Size()
		}
	}
	return bytes
}

// onReplay takes the recording of a visit whose user was promised it.
func (l *link) onReplay(_ context.Context, _ *gossh.ServerConn, nc gossh.NewChannel) {
	visit, err := wire.ParseSession(nc.ExtraData())
	if err == nil {
		err = l.agent.promised(visit)
	}
	if err != nil {
		_ = nc.Reject(gossh.Prohibited, err.Error())
		return
	}
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	go gossh.DiscardRequests(reqs)
	defer func() { _ = ch.Close() }()
	if err := l.agent.replays.take(visit, ch); err != nil {
		l.agent.log.Warn("no replay was kept", "visit", visit, "error", err)
	}
}

// promised says whether the user of this device was told, in the request that
// was answered, that they may replay the visit, and it has ended.
func (a *Agent) promised(visit string) error {
	r, err := a.ledger.find(visit)
	switch {
	case err != nil:
		return err
	case !r.Consent.Opens() || !r.Consent.Request.Replay:
		return no("the user was not promised to replay visit %s", visit)
	case r.Ending == nil:
		return no("visit %s has not ended", visit)
	}
	return nil
}

// findMost is how many receipts are looked through for a visit.
const findMost = 1000

// find reads the receipt of a visit.
func (l *ledger) find(visit string) (*Receipt, error) {
	list, err := l.numbers()
	if err != nil {
		return nil, err
	}
	for i := len(list) - 1; i >= max(0, len(list)-findMost); i-- {
		if r, err := l.open(list[i]); err == nil && r.Consent.Request.Visit == visit && !r.Consent.Further {
			return r, nil
		}
	}
	return nil, no("there is no receipt of visit %s", visit)
}

// Replay is where the recording of a visit is on this device, and what it must
// agree with.
type Replay struct {
	Visit  string    `json:"visit"`
	Folder string    `json:"folder"`
	Head   wire.Head `json:"head"`    // in the device's receipt
	Sealed bool      `json:"sealed"`  // that head is the last one
	Key    string    `json:"gateway"` // its public key, as pinned
}

// replay finds the replay of a visit, by its id, the number of its receipt, or
// the newest. It is for the device's user.
func (d *desk) replay(c *client, which string) toClient {
	if err := d.admits(c); err != nil {
		return toClient{Error: fmt.Sprintf("visits of this device are replayed by %s, not by you", d.agent.user.Name)}
	}
	list, err := d.agent.replays.list()
	if err != nil || len(list) == 0 {
		return toClient{Error: "no recording of a visit is kept on this device; it is where the request said that you can replay the visit"}
	}
	for _, visit := range slices.Backward(list) {
		r, err := d.agent.ledger.find(visit)
		if err != nil || r.Ending == nil || which != "" && which != visit && which != fmt.Sprint(r.Consent.Number) {
			continue
		}
		return toClient{Replay: &Replay{
			Visit: visit, Folder: filepath.Join(d.agent.replays.dir, visit), Head: r.Ending.Head, Sealed: r.Ending.Sealed,
			Key: strings.TrimSpace(d.agent.pin.Key),
		}}
	}
	return toClient{Error: "the recording of that visit is not on this device; `accord receipts` lists the visits"}
}
