package releases

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"pgregory.net/rapid"

	"accord/wire"
	"accord/wire/release"
)

// TestMain is the program that TestKilled kills, too.
func TestMain(m *testing.M) {
	if dir := os.Getenv("RELEASES_DIR"); dir != "" {
		takeForEver(dir)
	}
	os.Exit(m.Run())
}

// maker makes releases. Their programs are scripts that say which they are.
type maker struct {
	t    interface{ Fatal(...any) }
	key  ssh.Signer
	dir  string
	code string // what the programs do besides
}

func newMaker(t *testing.T) maker {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewSignerFromKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return maker{t, key, dir, ""}
}

func (m maker) store() *Store {
	return Open(m.dir, []release.Signer{{Name: "releases", Key: m.key.PublicKey()}})
}

func build(n int) release.Build {
	return release.Build{Version: fmt.Sprintf("v%d.0.0", n), Made: time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC)}
}

// release is number n: its manifest, signature and program.
func (m maker) release(n int) (text, sig, program []byte) {
	b := build(n)
	program = fmt.Appendf(nil, "#!/bin/sh\n%s\necho '{\"version\":\"%s\",\"made\":\"%s\"}'\n# %d%s\n", m.code, b.Version, b.Made.Format(time.RFC3339), n, strings.Repeat(".", 1000))
	sum := sha256.Sum256(program)
	text = (&release.Manifest{Build: b, Commit: "0123456", Programs: []release.Program{
		{System: runtime.GOOS, Arch: runtime.GOARCH, Size: int64(len(program)), Sum: hex.EncodeToString(sum[:])},
	}}).Text()
	sig, err := wire.Sign(m.key, release.Namespace, text)
	if err != nil {
		m.t.Fatal(err)
	}
	return text, sig, program
}

// take takes release n while another build runs.
func (m maker) take(n int, runs release.Build) {
	text, sig, program := m.release(n)
	offer, err := m.store().Judge(text, sig, runs)
	if err == nil {
		err = offer.Receive(context.Background(), bytes.NewReader(program), runs)
	}
	if err != nil {
		m.t.Fatal(err)
	}
}

// keep puts releases there as if they had come, and a record.
func (m maker) keep(r record, list ...int) {
	var errs []error
	for _, n := range list {
		text, sig, program := m.release(n)
		dir := filepath.Join(m.dir, "releases", build(n).Version)
		errs = append(errs, os.MkdirAll(dir, 0o755), os.WriteFile(dir+"/accord", program, 0o755), os.WriteFile(dir+"/RELEASE", text, 0o644), os.WriteFile(dir+"/RELEASE.sig", sig, 0o644))
	}
	r.Format = format
	text, err := json.Marshal(r)
	if err := errors.Join(append(errs, err, os.WriteFile(filepath.Join(m.dir, "releases.json"), text, 0o644))...); err != nil {
		m.t.Fatal(err)
	}
}

// runs is what runs at the next start; the installed program is number 1.
func (m maker) runs() string {
	next, _ := m.store().Next(build(1), time.Now(), nil)
	if next == nil {
		return ""
	}
	if out, err := exec.Command(next.Path).Output(); err != nil || !bytes.Contains(out, []byte(next.Version)) {
		m.t.Fatal(string(out), err)
	}
	return next.Version
}

// kept is all that is in the folder.
func (m maker) kept() (names []string) {
	for _, pattern := range []string{"releases.json*", "releases/*", "releases/.new*"} {
		found, _ := filepath.Glob(filepath.Join(m.dir, pattern))
		for _, f := range found {
			names = append(names, strings.TrimPrefix(f, m.dir+"/"))
		}
	}
	return names
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// TestOnTrial: a release that does not come online is started three times, and then
// what ran before runs; one that has been online stays.
func TestOnTrial(t *testing.T) {
	m := newMaker(t)
	same(t, "at first", m.runs(), "")
	m.take(2, build(1))
	for range Starts {
		same(t, "on trial", m.runs(), "v2.0.0")
	}
	next, doubts := m.store().Next(build(1), time.Now(), errors.New("exit status 7"))
	if next != nil || len(doubts) != 1 {
		t.Errorf("after %d starts: %+v, %v", Starts, next, doubts)
	}
	if s := m.store().State(); s.Failed != "v2.0.0" || !strings.Contains(s.Why, "3 times and has not come online: exit status 7") || s.Trial {
		t.Errorf("%+v", s)
	}
	same(t, "kept", m.kept(), []string{"releases.json"})

	m.take(2, build(1)) // ordered anew
	same(t, "again", m.runs(), "v2.0.0")
	if err := errors.Join(m.store().Good("v2.0.0"), m.store().Good("v3.0.0")); err != nil {
		t.Fatal(err)
	}
	for range Starts + 1 {
		same(t, "once it was online", m.runs(), "v2.0.0")
	}
	m.take(3, build(2))
	same(t, "the next", m.runs(), "v3.0.0")
	same(t, "kept", m.kept(), []string{"releases.json", "releases/v2.0.0", "releases/v3.0.0"})
	_, _ = m.runs(), m.runs()
	same(t, "given up", m.runs(), "v2.0.0")
	m.take(4, build(2))
	same(t, "one more", m.runs(), "v4.0.0")
	if err := m.store().Good("v4.0.0"); err != nil {
		t.Fatal(err)
	}
	m.take(5, build(4))
	same(t, "and one more", m.runs(), "v5.0.0")
	same(t, "what is kept is what runs and the one before", m.kept(), []string{"releases.json", "releases/v4.0.0", "releases/v5.0.0"})
}

// TestBack: what ran before runs again, once, and needs nobody's signature anew.
func TestBack(t *testing.T) {
	m := newMaker(t)
	if _, err := m.store().Back(); err == nil {
		t.Error("back to nothing")
	}
	m.take(2, build(1))
	same(t, "runs", m.runs(), "v2.0.0")
	_ = m.store().Good("v2.0.0")
	m.take(3, build(2))
	same(t, "runs", m.runs(), "v3.0.0")
	_ = m.store().Good("v3.0.0")
	version, err := m.store().Back()
	same(t, "back to", fmt.Sprint(version, err), "v2.0.0<nil>")
	same(t, "runs", m.runs(), "v2.0.0")
	same(t, "kept", m.kept(), []string{"releases.json", "releases/v2.0.0"})
	version, err = m.store().Back()
	same(t, "back to the installed program", fmt.Sprint(version, err), "<nil>")
	same(t, "runs", m.runs(), "")
	if _, err := m.store().Back(); err == nil {
		t.Error("back from the installed program")
	}
	m.take(2, build(1))
	_ = m.runs()
	_ = m.store().Good("v2.0.0")
	m.take(4, build(2))
	_ = m.runs()
	_ = m.store().Good("v4.0.0")
	_ = os.Remove(filepath.Join(m.dir, "releases/v2.0.0/accord"))
	if _, err := m.store().Back(); err == nil {
		t.Error("back to what is gone")
	}
	same(t, "runs", m.runs(), "v4.0.0")
}

// TestWhatIsKeptIsCheckedEachTime: what an attacker, a disk or the owner has changed
// since a release was taken counts at the next start.
func TestWhatIsKeptIsCheckedEachTime(t *testing.T) {
	in := func(m maker, name string) string { return filepath.Join(m.dir, "releases/v3.0.0", name) }
	for name, change := range map[string]func(m maker) error{
		"another program": func(m maker) error { return os.WriteFile(in(m, "accord"), []byte("#!/bin/sh\n"), 0o755) },
		"no program":      func(m maker) error { return os.Remove(in(m, "accord")) },
		"a link to a program": func(m maker) error {
			return errors.Join(os.Rename(in(m, "accord"), in(m, "x")), os.Symlink("x", in(m, "accord")))
		},
		"a folder":            func(m maker) error { return errors.Join(os.Remove(in(m, "accord")), os.Mkdir(in(m, "accord"), 0o755)) },
		"writable for others": func(m maker) error { return os.Chmod(in(m, "accord"), 0o777) },
		"in a folder that others write to": func(m maker) error {
			return os.Chmod(filepath.Dir(in(m, "accord")), 0o777)
		},
		"the manifest of another": func(m maker) error {
			text, sig, _ := m.release(9)
			return errors.Join(os.WriteFile(in(m, "RELEASE"), text, 0o644), os.WriteFile(in(m, "RELEASE.sig"), sig, 0o644))
		},
		"another manifest": func(m maker) error {
			text, _, _ := m.release(9)
			return os.WriteFile(in(m, "RELEASE"), text, 0o644)
		},
		"no signature":       func(m maker) error { return os.Remove(in(m, "RELEASE.sig")) },
		"no folder":          func(m maker) error { return os.RemoveAll(in(m, "")) },
		"not to be executed": func(m maker) error { return os.WriteFile(in(m, "accord"), []byte("\x7fELF"), 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			m, two := newMaker(t), "v2.0.0"
			m.keep(record{Current: "v3.0.0", Before: &two}, 2, 3)
			same(t, "runs", m.runs(), "v3.0.0")
			if err := change(m); err != nil {
				t.Fatal(err)
			}
			same(t, "runs", m.runs(), "v2.0.0")
			same(t, "given up", m.store().State().Failed, "v3.0.0")
		})
	}
	m := newMaker(t)
	m.take(2, build(1))
	if next, doubts := Open(m.dir, nil).Next(build(1), time.Now(), nil); next != nil || !errors.Is(errors.Join(doubts...), ErrNoSigners) {
		t.Errorf("whose signers count no more: %+v, %v", next, doubts)
	}
	m.take(2, build(1))
	if next, doubts := m.store().Next(build(3), time.Now(), nil); next != nil || !errors.Is(errors.Join(doubts...), errInstalled) {
		t.Errorf("older than what was installed since: %+v, %v", next, doubts)
	}
	same(t, "kept", m.kept(), []string{"releases.json"})
	if s := m.store().State(); s.Next != "" || s.Trial {
		t.Errorf("%+v", s)
	}
}

// TestRefused: what is not to be taken changes nothing.
func TestRefused(t *testing.T) {
	m := newMaker(t)
	text, sig, program := m.release(2)
	other := newMaker(t)
	for name, c := range map[string]struct {
		store     *Store
		text, sig []byte
		runs      release.Build
		want      string
	}{
		"no signers":          {Open(m.dir, nil), text, sig, build(1), "agent.update.signers"},
		"another signer":      {other.store(), text, sig, build(1), "none of those"},
		"not signed":          {m.store(), text, nil, build(1), "none of those"},
		"what runs":           {m.store(), text, sig, build(2), "is not newer"},
		"older":               {m.store(), text, sig, build(3), "is not newer"},
		"than what is unsure": {m.store(), text, sig, release.Build{Version: "devel"}, "is not known"},
	} {
		if _, err := c.store.Judge(c.text, c.sig, c.runs); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	far := (&release.Manifest{Build: build(2), Commit: "0123456", Programs: []release.Program{{System: "plan9", Arch: "mips", Size: 1, Sum: strings.Repeat("0", 64)}}}).Text()
	farSig, _ := wire.Sign(m.key, release.Namespace, far)
	if _, err := m.store().Judge(far, farSig, build(1)); err == nil || !strings.Contains(err.Error(), "has no program for "+runtime.GOOS) {
		t.Errorf("for another machine: %v", err)
	}
	same(t, "kept", m.kept(), []string(nil))

	for name, c := range map[string]struct {
		from io.Reader
		want string
	}{
		"nothing":          {strings.NewReader(""), "sent 0 bytes"},
		"cut":              {bytes.NewReader(program[:len(program)-1]), "bytes of the program's"},
		"another byte":     {bytes.NewReader(append([]byte("!"), program[1:]...)), "is not the program that was signed"},
		"without an end":   {zeros{}, "is not the program that was signed"},
		"a link that ends": {io.MultiReader(bytes.NewReader(program[:10]), broken{}), "was not received: broken off"},
	} {
		offer, err := m.store().Judge(text, sig, build(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := offer.Receive(t.Context(), c.from, build(1)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		same(t, name, m.kept(), []string{}[:0:0])
	}
	for code, want := range map[string]string{
		"exit 1": "does not run on this device", "echo '{\"version\":\"v1.0.0\",\"made\":\"2026-01-01T00:00:02Z\"}'; exit": "says that it is \"v1.0.0\"", "echo; exit": "says that it is",
	} {
		m.code = code
		text, sig, program := m.release(2)
		offer, err := m.store().Judge(text, sig, build(1))
		if err != nil {
			t.Fatal(err)
		}
		if err := offer.Receive(t.Context(), bytes.NewReader(program), build(1)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", code, err)
		}
	}
	same(t, "runs", m.runs(), "")
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { return len(p), nil }

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("broken off") }

// TestHalfDone: whatever a device was doing when it was killed, its next start finds
// one that runs, and nothing of the rest.
func TestHalfDone(t *testing.T) {
	type step struct {
		name string
		do   func(m maker, sub string)
		want string
	}
	must := func(errs ...error) {
		t.Helper()
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
	}
	text := func(m maker) []byte { x, _, _ := m.release(3); return x }
	sig := func(m maker) []byte { _, x, _ := m.release(3); return x }
	program := func(m maker) []byte { _, _, x := m.release(3); return x }
	// In the order in which they come about; sub is the folder of the one that comes.
	steps := []step{
		{"the folder is made", func(_ maker, sub string) { must(os.Mkdir(sub, 0o755)) }, "v2.0.0"},
		{"half of the program", func(m maker, sub string) { must(os.WriteFile(sub+"/accord", program(m)[:20], 0o600)) }, "v2.0.0"},
		{"the program", func(m maker, sub string) {
			must(os.WriteFile(sub+"/accord", program(m), 0o755), os.Chmod(sub+"/accord", 0o755))
		}, "v2.0.0"},
		{"the manifest", func(m maker, sub string) { must(os.WriteFile(sub+"/RELEASE", text(m), 0o644)) }, "v2.0.0"},
		{"half of the signature", func(m maker, sub string) { must(os.WriteFile(sub+"/.new-1", sig(m)[:20], 0o644)) }, "v2.0.0"},
		{"the signature", func(m maker, sub string) {
			must(os.Rename(sub+"/.new-1", sub+"/x"), os.WriteFile(sub+"/RELEASE.sig", sig(m), 0o644))
		}, "v2.0.0"},
		{"it is in its place", func(m maker, sub string) { must(os.Rename(sub, filepath.Join(m.dir, "releases/v3.0.0"))) }, "v2.0.0"},
		{"half of the record", func(m maker, _ string) {
			must(os.WriteFile(filepath.Join(m.dir, "releases.json.new"), []byte("{"), 0o644))
		}, "v2.0.0"},
		{"the record", func(m maker, _ string) {
			two := "v2.0.0"
			must(m.store().save(record{Current: "v3.0.0", Before: &two, Trial: true}))
		}, "v3.0.0"},
		{"started once", func(m maker, _ string) { _ = m.runs() }, "v3.0.0"},
		{"started twice", func(m maker, _ string) { _ = m.runs() }, "v3.0.0"},
		{"started three times", func(m maker, _ string) { _ = m.runs() }, "v2.0.0"},
	}
	for k := range steps {
		t.Run(steps[k].name, func(t *testing.T) {
			m, installed := newMaker(t), ""
			m.keep(record{Current: "v2.0.0", Before: &installed}, 2)
			for _, s := range steps[:k+1] {
				s.do(m, filepath.Join(m.dir, "releases/.new-1"))
			}
			same(t, "runs", m.runs(), steps[k].want)
			for _, name := range m.kept() {
				if strings.HasPrefix(name, "releases/.new") {
					t.Errorf("%s is left", name)
				}
			}
			if steps[k].want == "v2.0.0" { // and it can be ordered again
				m.take(3, build(2))
				same(t, "then", m.runs(), "v3.0.0")
			}
		})
	}
	m := newMaker(t)
	m.take(2, build(1))
	for _, bad := range []string{"", "{", "null", `{"format":2}`, `{"format":1,"current":"../../etc"}`, `{"format":1,"current":"v2.0.0","before":"/"}`} {
		must(os.WriteFile(filepath.Join(m.dir, "releases.json"), []byte(bad), 0o644))
		next, doubts := m.store().Next(build(1), time.Now(), nil)
		if next != nil || len(doubts) == 0 && bad != "null" {
			t.Errorf("%q: %+v, %v", bad, next, doubts)
		}
	}
}

// takeForEver takes one release after the other, until it is killed.
func takeForEver(dir string) {
	text, err := os.ReadFile(filepath.Join(dir, "signer"))
	if err != nil {
		panic(err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		panic(err)
	}
	m := maker{fatal{}, key, dir, ""}
	runs := build(1)
	for n := 2; ; n++ {
		next, _ := m.store().Next(build(1), time.Now(), nil)
		if next != nil {
			runs = next.Build
			_ = m.store().Good(next.Version)
		}
		_, _ = fmt.Sscanf(runs.Version, "v%d.", &n)
		m.take(n+1, runs)
		fmt.Println(n + 1)
	}
}

type fatal struct{}

func (fatal) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

// TestKilled kills an agent that takes one release after the other, at any moment:
// what is to run at the next start is whole, and not older than what it said that
// it had taken.
func TestKilled(t *testing.T) {
	m := newMaker(t)
	text, err := wire.NewPrivateKey("test")
	if err != nil {
		t.Fatal(err)
	}
	if m.key, err = ssh.ParsePrivateKey(text); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(m.dir, "signer"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	said := 1
	for range 8 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "RELEASES_DIR="+m.dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		first := make([]byte, 16) // it is at work
		n, _ := out.Read(first)
		_, _ = fmt.Sscanf(string(first[:n]), "%d", &said)
		delay, _ := rand.Int(rand.Reader, big.NewInt(int64(20*time.Millisecond)))
		<-time.After(time.Duration(delay.Int64()))
		_ = cmd.Process.Kill()
		rest, _ := io.ReadAll(out)
		_ = cmd.Wait()
		for line := range strings.Lines(string(rest)) {
			if strings.HasSuffix(line, "\n") {
				_, _ = fmt.Sscanf(line, "%d", &said)
			}
		}
		next, doubts := m.store().Next(build(1), time.Now(), nil)
		if next == nil || len(doubts) > 0 {
			t.Fatalf("after it had taken %d: %+v, %v, %v", said, next, doubts, m.kept())
		}
		if out, err := exec.Command(next.Path).Output(); err != nil || !bytes.Contains(out, []byte(next.Version)) {
			t.Fatal(string(out), err)
		}
		var runs int
		_, _ = fmt.Sscanf(next.Version, "v%d.", &runs)
		if runs < said || runs > said+1 {
			t.Errorf("it had taken %d, and %d runs", said, runs)
		}
		if names := m.kept(); len(names) > 4 { // of the record one that was begun may be left
			t.Errorf("left: %v", names)
		}
		_ = m.store().Good(next.Version)
		said = runs
	}
}

// TestNoOrderIsLost: whatever is done in whatever order, what runs was signed, and
// is never older than the installed program.
func TestNoOrderIsLost(t *testing.T) {
	whole := newMaker(t)
	if dir, err := os.MkdirTemp("/dev/shm", "accord"); err == nil { // where nothing waits for a disk
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		whole.dir = dir
	}
	rapid.Check(t, func(t *rapid.T) {
		m := whole
		m.t = t
		_ = os.RemoveAll(filepath.Join(m.dir, "releases"))
		s, installed := m.store(), 1
		two, three, empty := "v2.0.0", "v3.0.0", ""
		before := rapid.SampledFrom([]*string{nil, &empty, &two, &three}).Draw(t, "before")
		m.keep(record{
			Current: rapid.SampledFrom([]string{"", two, three, "v9.0.0"}).Draw(t, "current"), Before: before,
			Trial: rapid.Bool().Draw(t, "trial"), Starts: rapid.IntRange(0, 4).Draw(t, "started"),
		}, 2, 3)
		for range rapid.IntRange(1, 3).Draw(t, "starts") {
			installed = max(installed, rapid.IntRange(1, 3).Draw(t, "installed"))
			next, _ := s.Next(build(installed), time.Now(), nil)
			if next != nil && next.Newer(build(installed)) != nil {
				t.Fatalf("%+v runs in place of %d", next, installed)
			}
			if rapid.Bool().Draw(t, "good") && next != nil {
				_ = s.Good(next.Version)
			}
		}
		for range Starts + 2 { // it settles
			if s.State().Trial {
				_, _ = s.Next(build(installed), time.Now(), nil)
			}
		}
		if s.State().Trial {
			t.Fatal("it is on trial for ever")
		}
	})
}

// TestNothingIsMade: a device whose releases nobody orders gets no folder.
func TestNothingIsMade(t *testing.T) {
	m := newMaker(t)
	_ = m.runs()
	_ = m.store().State()
	if _, err := os.Stat(filepath.Join(m.dir, "releases")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
