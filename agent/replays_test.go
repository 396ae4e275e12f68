package agent

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// replayStream is a replay as a gateway sends it.
func replayStream(t *testing.T, end bool, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, name := range files {
		if err := wire.WriteReplayFile(&b, name, 5, strings.NewReader("bytes")); err != nil {
			t.Fatal(err)
		}
	}
	if end {
		if err := wire.WriteReplayEnd(&b); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

// offer sends a replay; an error means that the device did not take the channel.
func (l *evilLink) offer(visit string, stream []byte) error {
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelReplay, wire.MarshalSession(visit))
	if err != nil {
		return err
	}
	go ssh.DiscardRequests(reqs)
	_, _ = ch.Write(stream)
	_ = ch.CloseWrite()
	_, _ = ch.Read(make([]byte, 1)) // the device closes it when it is done
	_ = ch.Close()                  // it is closed
	return nil
}

// A gateway may bring the recording of a visit that the user was promised, once
// and after its end: no other, and nothing else.
func TestReplayIsForPromisedVisits(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	whole := replayStream(t, true, "visit.json", "001.cast", "seal")
	kept := func(v string) bool { return exists(filepath.Join(e.agent.replays.dir, v, "001.cast")) }
	visit := func(replay bool) *evilVisit {
		req := request()
		req.Replay = replay
		v := l.ask(req)
		p.give(p.asked().ID, approval())
		l.answer(v)
		v.write(&wire.Open{Head: zeroHead()})
		if _, ok := await[*wire.Ready](v); !ok {
			t.Fatal("the visit does not open")
		}
		return v
	}
	end := func(v *evilVisit) {
		head := zeroHead()
		v.write(&wire.End{By: "gateway", Cause: "Over.", Head: &head})
		p.ended(v.req.Visit)
		await[*wire.Card](v)
	}
	secret, promised := visit(false), visit(true)
	if err := l.offer(promised.req.Visit, whole); err == nil || kept(promised.req.Visit) {
		t.Error("a replay was taken before the visit's end")
	}
	end(secret)
	end(promised)
	if err := l.offer(secret.req.Visit, whole); err == nil || kept(secret.req.Visit) {
		t.Error("a replay was taken that nobody was promised")
	}
	if err := l.offer(newID(), whole); err == nil {
		t.Error("the replay of no visit was taken")
	}
	for name, bad := range map[string][]byte{
		"cut": replayStream(t, false, "visit.json"), "nothing": {}, "a path": append([]byte{6}, "../key\x00\x00\x00\x00\x00\x00\x00\x00\x00"...),
		"two of one": replayStream(t, true, "seal", "seal"),
	} {
		_ = l.offer(promised.req.Visit, bad)
		if list, _ := os.ReadDir(e.agent.replays.dir); len(list) > 0 {
			t.Errorf("%s left %v", name, list)
		}
	}
	if err := l.offer(promised.req.Visit, whole); err != nil || !kept(promised.req.Visit) {
		t.Fatalf("what was promised was not kept: %v", err)
	}
	_ = l.offer(promised.req.Visit, replayStream(t, true, "visit.json"))
	if !kept(promised.req.Visit) {
		t.Error("a second replay took the place of the first")
	}
	info, err := os.Stat(filepath.Join(e.agent.replays.dir, promised.req.Visit))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("its folder: %v, %v", info, err)
	}
	r, err := FindReplay(t.Context(), e.agent.Socket(), "")
	if err != nil || r.Visit != promised.req.Visit {
		t.Errorf("found %+v: %v", r, err)
	}
	if os.Getuid() == 0 {
		if out := e.local(nobodyUID, `{"op":"replay"}`+"\n"); !strings.Contains(out, `"error"`) {
			t.Errorf("another account: %s", out)
		}
	}
}

// The oldest make room.
func TestReplaysMakeRoom(t *testing.T) {
	r := &replays{dir: filepath.Join(t.TempDir(), "replays"), uid: -1}
	var all []string
	for i := range replaysMost + 5 {
		visit := fmt.Sprintf("20260102-0304%02d-aaaaaaaa", i)
		all = append(all, visit)
		if err := r.take(visit, bytes.NewReader(replayStream(t, true, "visit.json", "seal"))); err != nil {
			t.Fatal(err)
		}
	}
	if list, err := r.list(); err != nil || !slices.Equal(list, all[5:]) {
		t.Errorf("kept are %v: %v", list, err)
	}
}
