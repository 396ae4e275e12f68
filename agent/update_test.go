package agent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
	"accord/wire/release"
)

// releaser makes releases whose programs are scripts that say which they are.
type releaser struct {
	t   *testing.T
	key ssh.Signer
}

func (r releaser) config(o *Options) {
	o.Version, o.Made, o.Command = "v1.0.0", day(1), []string{"/bin/false"}
	if r.key != nil {
		o.Config.Update.Signers = []string{"releases " + string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(r.key.PublicKey())))}
	}
}

func day(n int) time.Time { return time.Date(2026, 1, n, 0, 0, 0, 0, time.UTC) }

// make is version n.0.0, made on day n, for this machine or another architecture.
func (r releaser) make(n int, arch, namespace string) (*wire.OfferRelease, []byte) {
	r.t.Helper()
	b := release.Build{Version: fmt.Sprintf("v%d.0.0", n), Made: day(n)}
	program := fmt.Appendf(nil, "#!/bin/sh\necho '{\"version\":\"%s\",\"made\":\"%s\"}'\n", b.Version, b.Made.Format(time.RFC3339))
	sum := sha256.Sum256(program)
	text := (&release.Manifest{Build: b, Commit: "0123456", Programs: []release.Program{
		{System: runtime.GOOS, Arch: arch, Size: int64(len(program)), Sum: hex.EncodeToString(sum[:])},
	}}).Text()
	sig, err := wire.Sign(r.key, namespace, text)
	if err != nil {
		r.t.Fatal(err)
	}
	return &wire.OfferRelease{Manifest: text, Signature: sig}, program
}

func (r releaser) good(n int) (*wire.OfferRelease, []byte) {
	return r.make(n, runtime.GOARCH, release.Namespace)
}

// updates opens the channel about releases.
func (l *evilLink) updates() (ssh.Channel, *wire.Conn) {
	l.t.Helper()
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelUpdate, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	return ch, wire.NewConn(ch)
}

// offerRelease offers a release, and sends a program when it is asked for. It returns the
// device's last word; nil where it hung up without one.
func (l *evilLink) offerRelease(question wire.Message, program io.Reader) *wire.ReleaseTaken {
	l.t.Helper()
	ch, conn := l.updates()
	defer func() { _ = ch.Close() }()
	_ = conn.Write(question)
	m, err := conn.Read()
	if _, send := m.(*wire.SendRelease); send && err == nil {
		go func() { // a device that has enough doesn't read on
			_, _ = io.Copy(ch, program)
			_ = ch.CloseWrite()
		}()
		m, _ = conn.Read()
	}
	taken, _ := m.(*wire.ReleaseTaken)
	return taken
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// TestForgedReleases is the gateway that has been taken over, and wants its own code
// on the device: nothing that it offers is kept, let alone run.
func TestForgedReleases(t *testing.T) {
	r, other := releaser{t, newSigner(t)}, releaser{t, newSigner(t)}
	e := newEvil(t, r.config)
	p := e.sit()
	l := e.link()
	good, program := r.good(2)
	forged, forgedProgram := other.good(2)
	altered := *good
	altered.Manifest = bytes.Replace(good.Manifest, []byte("v2.0.0"), []byte("v2.0.1"), 1)
	older, olderProgram := r.good(1)
	elsewhere, _ := r.make(2, "mips", release.Namespace)
	asFile, _ := r.make(2, runtime.GOARCH, "file")
	asOverride, _ := r.make(2, runtime.GOARCH, wire.NamespaceOverride)
	for name, c := range map[string]struct {
		offer   *wire.OfferRelease
		program io.Reader
		want    string
	}{
		"signed by another":                  {forged, bytes.NewReader(forgedProgram), "has signed this one"},
		"another text":                       {&altered, bytes.NewReader(program), "has signed this one"},
		"another's signature":                {&wire.OfferRelease{Manifest: good.Manifest, Signature: forged.Signature}, bytes.NewReader(program), "has signed this one"},
		"signed for another purpose":         {asOverride, bytes.NewReader(program), "has signed this one"},
		"signed as a file":                   {asFile, bytes.NewReader(program), "has signed this one"},
		"an old release with a hole, again":  {older, bytes.NewReader(olderProgram), "is not newer than"},
		"for another machine":                {elsewhere, bytes.NewReader(program), "has no program for"},
		"another program":                    {good, bytes.NewReader(bytes.Replace(program, []byte("echo"), []byte("exec"), 1)), "is not the program that was signed"},
		"a program that is cut":              {good, bytes.NewReader(program[:20]), "sent 20 bytes"},
		"a program without an end":           {good, endless{}, "is not the program that was signed"},
		"a manifest that is longer than any": {&wire.OfferRelease{Manifest: make([]byte, 20<<10), Signature: good.Signature}, nil, "no manifest"},
	} {
		if m := l.offerRelease(c.offer, c.program); m == nil || !strings.Contains(m.Sentence, c.want) || m.Version != "" {
			t.Errorf("%s: %+v", name, m)
		}
		if found, _ := filepath.Glob(filepath.Join(e.opts.Config.State, "releases*", "*")); len(found) > 0 {
			t.Errorf("%s: %v is kept", name, found)
		}
	}
	if m := l.offerRelease(&wire.GoBack{}, nil); m == nil || !strings.Contains(m.Sentence, "keeps no release") {
		t.Errorf("back to nothing: %+v", m)
	}
	if m := l.offerRelease(&wire.Ready{}, nil); m != nil {
		t.Errorf("a message of another channel: %+v", m)
	}
	v := l.ask(request()) // it is the same agent, on the same link, and asks its user
	p.asked()
	_ = v.ch.Close()
	v.gone()
}

// TestNoSignersNoUpdates: a device whose owner named nobody takes nothing, and says
// so; so does an agent that nobody could start anew, and one that can't tell older
// from newer.
func TestNoSignersNoUpdates(t *testing.T) {
	r := releaser{t, newSigner(t)}
	good, program := r.good(2)
	for want, change := range map[string]func(*Options){
		"agent.update.signers": releaser{t: t}.config,
		"so it can't start":    func(o *Options) { r.config(o); o.Command = nil },
		"is not known":         func(o *Options) { r.config(o); o.Made = time.Time{} },
	} {
		e := newEvil(t, change)
		l := e.link()
		if m := l.offerRelease(good, bytes.NewReader(program)); m == nil || !strings.Contains(m.Sentence, want) {
			t.Errorf("want %q, got %+v", want, m)
		}
		_ = l.conn.Close()
		e.clean()
	}
}

// TestUpdateWaitsForVisits: a release that is taken while somebody asks for a visit
// runs when that is over, and nobody gets in between. A second one is not taken.
func TestUpdateWaitsForVisits(t *testing.T) {
	r := releaser{t, newSigner(t)}
	e := newEvil(t, r.config)
	p := e.sit()
	l := e.link()
	v := l.ask(request())
	p.asked()
	good, program := r.good(2)
	if m := l.offerRelease(good, bytes.NewReader(program)); m == nil || m.Sentence != "" || m.Version != "v2.0.0" || !m.Waits {
		t.Fatalf("%+v", m)
	}
	third, program := r.good(3)
	if m := l.offerRelease(third, bytes.NewReader(program)); m == nil || !strings.Contains(m.Sentence, "waits to be started") {
		t.Errorf("a second one: %+v", m)
	}
	ch, conn := l.updates()
	_ = conn.Write(&wire.AskRelease{})
	if m, err := conn.Read(); err != nil || m.(*wire.Release).Next != "v2.0.0" || m.(*wire.Release).Runs != "v1.0.0" {
		t.Errorf("%+v, %v", m, err)
	}
	_ = ch.Close()
	select {
	case <-e.agent.leaves:
		t.Error("it left during a visit")
	default:
	}
	_ = v.ch.Close()
	v.gone()
	<-e.agent.leaves
	_ = l.conn.Wait() // it hangs up by itself
	e.clean()
	next, doubts := e.agent.releases.Next(release.Build{Version: "v1.0.0", Made: day(1)}, time.Now(), nil)
	if next == nil || next.Version != "v2.0.0" || !next.Trial {
		t.Errorf("%+v, %v", next, doubts)
	}
}

// TestUpdateAndLostLink: the link on which a release was taken is lost before the
// end of a visit, so that the visit is over; then the release runs.
func TestUpdateAndLostLink(t *testing.T) {
	r := releaser{t, newSigner(t)}
	e := newEvil(t, r.config)
	p := e.sit()
	l := e.link()
	_ = l.ask(request())
	p.asked()
	good, program := r.good(2)
	if m := l.offerRelease(good, bytes.NewReader(program)); m == nil || !m.Waits {
		t.Fatalf("%+v", m)
	}
	_ = l.conn.Close()
	<-e.agent.leaves
}

// TestReleaseComesOnline: the release that runs is good as soon as its gateway has
// let it in, and not before; what ran before is kept, and can be ordered back.
func TestReleaseComesOnline(t *testing.T) {
	r := releaser{t, newSigner(t)}
	var state string
	e := newEvil(t, func(o *Options) {
		r.config(o)
		state, o.Version, o.Made, o.Release = o.Config.State, "v2.0.0", day(2), "v2.0.0"
		if err := os.MkdirAll(state, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(state, "releases.json"), []byte(`{"format":1,"current":"v2.0.0","before":"","trial":true,"starts":1}`), 0o644); err != nil {
			t.Fatal(err)
		}
	})
	if !e.agent.releases.State().Trial {
		t.Error("it is good before it was online")
	}
	l := e.link()
	eventually(t, "it is good", func() bool { return !e.agent.releases.State().Trial })
	if m := l.offerRelease(&wire.GoBack{}, nil); m == nil || m.Sentence != "" || m.Version != "" || m.Waits {
		t.Errorf("%+v", m)
	}
	<-e.agent.leaves
}
