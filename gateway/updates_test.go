package gateway

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire"
	"accord/wire/release"
)

// publisher is a house with a folder of releases.
type publisher struct {
	*house
	dir string
	key gossh.Signer
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{dir: t.TempDir(), key: newSigner(t)}
	p.house = newHouse(t, func(o *Options) { o.Config.Releases = p.dir })
	return p
}

// release puts a version for linux/amd64 into the folder.
func (p *publisher) release(version string, program []byte) {
	p.t.Helper()
	dir := filepath.Join(p.dir, version)
	err := os.MkdirAll(dir, 0o755)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "accord-"+version+"-linux-amd64"), program, 0o600)
	}
	var m *release.Manifest
	if err == nil {
		m, err = release.Make(dir, release.Build{Version: version, Made: time.Date(2026, 1, 2, 0, 0, len(program)%60, 0, time.UTC)}, "0123456")
	}
	var sig []byte
	if err == nil {
		sig, err = wire.Sign(p.key, release.Namespace, m.Text())
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, release.SignatureFile), sig, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

// stands waits until the order of a device stands so, and returns why.
func (p *publisher) stands(d *device, want store.UpdateState) (why string) {
	p.t.Helper()
	eventually(p.t, string(want), func() bool {
		u, err := p.store.Update(p.t.Context(), gossh.FingerprintSHA256(d.key.PublicKey()))
		why = u.Why
		return err == nil && u.State == want
	})
	return why
}

// order has boss order, and says what is said.
func (p *publisher) order(line string) said {
	p.t.Helper()
	return p.run("list", p.boss, "devices update "+line)
}

// takes is a device that takes what it is offered, and says what it got. Then it
// hangs up.
func (d *device) takes(answer *wire.ReleaseTaken) <-chan []byte {
	got := make(chan []byte, 1)
	d.answer(func(ch gossh.Channel) {
		c := wire.NewConn(ch)
		if m, err := c.Read(); err != nil || !is[*wire.OfferRelease](m) {
			return
		}
		_ = c.Write(&wire.SendRelease{System: "linux", Arch: "amd64", Size: 1})
		program := make([]byte, 300_000)
		_, _ = io.ReadFull(ch, program)
		got <- program
		_ = c.Write(answer)
		_, _ = c.Read()
		d.hangUp()
	})
	return got
}

// hangUp ends its link, from any goroutine.
func (d *device) hangUp() {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.conn.Close()
}

// answer sets how the device answers.
func (d *device) answer(with func(gossh.Channel)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.releases = with
}

// says is a device that answers each question about its releases so.
func (d *device) says(answers ...wire.Message) {
	d.answer(func(ch gossh.Channel) {
		c := wire.NewConn(ch)
		if _, err := c.Read(); err == nil {
			for _, m := range answers {
				_ = c.Write(m)
			}
		}
		_ = ch.Close()
	})
}

func is[M wire.Message](m wire.Message) bool { _, ok := m.(M); return ok }

// TestUpdate: an order waits for a device that is away, brings it the program, and
// is done when the device says that it runs it; one step is in the log after the
// other, with who ordered it.
func TestUpdate(t *testing.T) {
	p := newPublisher(t)
	program := bytes.Repeat([]byte("program"), 300_000)[:300_000]
	p.release("v2.0.0", program)
	d := p.device("laptop-7").join()
	_ = d.conn.Close()
	d.isOnline(false)
	if s := p.order("laptop-7"); s.status != 0 || !strings.Contains(s.out, "v2.0.0 is ordered; the device is away") {
		t.Fatalf("%+v", s)
	}
	got := d.takes(&wire.ReleaseTaken{Version: "v2.0.0"})
	d.online()
	if !bytes.Equal(<-got, program) {
		t.Error("it got another program")
	}
	p.stands(d, store.UpdateTaken)
	d.isOnline(false)
	if known, err := p.store.DeviceByName(t.Context(), "laptop-7"); err != nil || !strings.Contains(known.Why, "replaced by another version") {
		t.Errorf("%+v, %v", known, err)
	}
	d.agent = "v2.0.0"
	d.says(&wire.Release{Runs: "v2.0.0"})
	d.online()
	p.stands(d, store.UpdateDone)
	if s := p.order("laptop-7"); !strings.Contains(s.out, "runs v2.0.0 already") {
		t.Errorf("%+v", s)
	}

	// And back, to what it ran before.
	d.says(&wire.ReleaseTaken{})
	_ = p.order("laptop-7 --back")
	p.stands(d, store.UpdateTaken)
	_ = d.conn.Close()
	d.isOnline(false)
	d.agent = "v1.0.0"
	d.says(&wire.Release{Runs: "v1.0.0", Failed: "v1.5.0", Why: "old"})
	d.online()
	p.stands(d, store.UpdateDone)

	// It takes it, dies with it, and says so.
	_ = d.takes(&wire.ReleaseTaken{Version: "v2.0.0", Waits: true})
	_ = p.order("name=lap*")
	p.stands(d, store.UpdateTaken)
	d.isOnline(false)
	d.says(&wire.Release{Runs: "v1.0.0", Failed: "v2.0.0", Why: "it \x1b[31mdied"})
	d.online()
	if why := p.stands(d, store.UpdateFailed); why != "It runs v1.0.0 again: it <U+001B>[31mdied" {
		t.Errorf("why: %q", why)
	}
	entries, err := p.store.Audit(t.Context(), store.Filter{Kind: store.DeviceUpdate})
	var steps []string
	for _, e := range entries {
		steps = append(steps, strings.TrimSuffix(e.Actor+" "+e.Data["step"]+" "+e.Data["version"]+" "+e.Data["back"], " "))
	}
	want := "boss ordered v2.0.0|device laptop-7 taken v2.0.0|device laptop-7 done v2.0.0|" +
		"boss ordered  yes|device laptop-7 taken  yes|device laptop-7 done v1.0.0 yes|" +
		"boss ordered v2.0.0|device laptop-7 taken v2.0.0|device laptop-7 went back v2.0.0"
	if got := strings.Join(steps, "|"); err != nil || got != want {
		t.Errorf("in the log: %s, %v", got, err)
	}
}

// TestUpdateRefused: what a device says against it, or does, ends the order with a
// sentence for the admin; a device whose link is lost is not given up.
func TestUpdateRefused(t *testing.T) {
	p := newPublisher(t)
	p.release("v2.0.0", make([]byte, 300_000))
	broken := func(ch gossh.Channel) { _ = ch.Close() }
	for name, c := range map[string]struct {
		device func(*device)
		want   string
	}{
		"an-old-agent": {func(*device) {}, "takes no updates from a gateway yet"},
		"a-no":         {func(d *device) { d.says(&wire.ReleaseTaken{Sentence: "The disk is \x1b[31mfull."}) }, "The disk is <U+001B>[31mfull."},
		"breaks-off":   {func(d *device) { d.answer(broken) }, "broke off"},
		"nonsense":     {func(d *device) { d.says(&wire.Ready{}) }, "makes no sense"},
		"asks-for-another": {func(d *device) { d.says(&wire.SendRelease{System: "plan9", Arch: "mips", Size: 1}) },
			"has no program for plan9/mips"},
		"says-no-half-way": {func(d *device) {
			d.answer(func(ch gossh.Channel) {
				c := wire.NewConn(ch)
				_, _ = c.Read()
				_ = c.Write(&wire.SendRelease{System: "linux", Arch: "amd64", Size: 1})
				_, _ = io.ReadFull(ch, make([]byte, 1000))
				_ = c.Write(&wire.ReleaseTaken{Sentence: "The disk is full."})
				_, _ = io.Copy(io.Discard, ch)
				_ = ch.Close()
			})
		}, "The disk is full."},
		"takes-half": {func(d *device) {
			d.answer(func(ch gossh.Channel) {
				c := wire.NewConn(ch)
				_, _ = c.Read()
				_ = c.Write(&wire.SendRelease{System: "linux", Arch: "amd64", Size: 1})
				_, _ = io.ReadFull(ch, make([]byte, 1000))
				_ = ch.Close()
			})
		}, "broke off"},
	} {
		d := p.device(name)
		c.device(d)
		d.join()
		_ = p.order(name)
		if why := p.stands(d, store.UpdateRefused); !strings.Contains(why, c.want) {
			t.Errorf("%s: %q", name, why)
		}
	}
	lost := p.device("lost")
	lost.answer(func(gossh.Channel) { lost.hangUp() })
	lost.join()
	_ = p.order("lost")
	lost.isOnline(false)
	p.stands(lost, store.UpdateOrdered)
	if s := p.order("lost --cancel"); s.status != 0 || !strings.Contains(s.out, "taken back") {
		t.Errorf("%+v", s)
	}
	if s := p.order("lost --cancel"); s.status == 0 || !strings.Contains(s.out, "no order waits") {
		t.Errorf("twice: %+v", s)
	}
	lost.answer(func(gossh.Channel) { t.Error("it is asked, and nothing is ordered") })
	lost.online()
	if s := p.run("list", p.boss, "devices updates"); s.status != 0 || !strings.Contains(s.out, "Release v2.0.0") || !strings.Contains(s.out, "cancelled") {
		t.Errorf("%+v", s)
	}
}

// TestUpdateOrders: an order is for devices that there are, and a release that is
// there as it was signed.
func TestUpdateOrders(t *testing.T) {
	p := newPublisher(t)
	d := p.device("laptop-7").join()
	_ = d.conn.Close()
	d.isOnline(false)
	for line, want := range map[string]string{
		"":                           "Name devices",
		"laptop-7":                   "has no release",
		"laptop-7 --to v9":           "has no release v9",
		"laptop-9 --back":            "no device laptop-9",
		"site=lyon --back":           "no device site=lyon",
		"site= --back":               "selects no device",
		"laptop-7 --back --cancel":   "One of",
		"laptop-7 --to v1 --to v2":   "One of",
		"laptop-7 --now":             "no option",
		"laptop-7 --force x --to v2": "no option",
	} {
		if s := p.order(line); s.status == 0 || !strings.Contains(s.out+s.errs, want) {
			t.Errorf("%q: %+v", line, s)
		}
	}
	p.release("v2.0.0", []byte("two"))
	p.release("v3.0.0", []byte("three"))
	if s := p.order("laptop-7 --to v2.0.0"); s.status != 0 {
		t.Errorf("%+v", s)
	}
	p.release("v2.0.0", []byte("another two")) // signed, and not what was ordered
	d.says(&wire.ReleaseTaken{})
	d.online()
	if why := p.stands(d, store.UpdateRefused); !strings.Contains(why, "not the one any more that was ordered") {
		t.Errorf("%q", why)
	}
	if err := os.WriteFile(filepath.Join(p.dir, "v3.0.0", release.SignatureFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if s := p.order("laptop-7 --to v3.0.0"); s.status == 0 || !strings.Contains(s.errs+s.out, "signature of release v3.0.0") {
		t.Errorf("%+v", s)
	}
}
