package agent

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// book is a ledger in a folder of its own.
func book(t *testing.T) *ledger {
	t.Helper()
	l, err := state(t.TempDir()).ledger(newSigner(t))
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// statement is a consent as the agent makes it.
func statement(choice wire.Choice) *wire.Consent {
	c := &wire.Consent{
		Device: "laptop-7", Nonce: "n", Request: request(), Choice: choice, UID: -1, Text: "may I?", Language: "en",
		Asked: time.Unix(1_700_000_000, 0).UTC(), Answered: time.Unix(1_700_000_060, 0).UTC(),
	}
	if choice == wire.Approve {
		until := c.Answered.Add(time.Minute)
		c.Granted, c.Until = c.Request.Capabilities, &until
	}
	return c
}

func (l *ledger) must(t *testing.T, c *wire.Consent) *wire.Consent {
	t.Helper()
	if _, _, err := l.consent(c); err != nil {
		t.Fatal(err)
	}
	return c
}

func end(c *wire.Consent) *wire.Ending {
	return &wire.Ending{
		Number: c.Number, Visit: c.Request.Visit, Opened: c.Answered, Ended: c.Answered.Add(time.Second),
		By: "user", Cause: "done", Head: zeroHead(),
	}
}

func TestReceiptsAreNumberedWithoutGaps(t *testing.T) {
	l := book(t)
	for want := 1; want <= 12; want++ {
		if c := l.must(t, statement(wire.Refuse)); c.Number != want {
			t.Fatalf("number %d, want %d", c.Number, want)
		}
	}
	// Other files in the folder do not disturb the count, one that is gone
	// does not have its number given again.
	for _, name := range []string{"notes.txt", ".new-123", "x.json"} {
		if err := os.WriteFile(filepath.Join(l.dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(l.path(3)); err != nil {
		t.Fatal(err)
	}
	if c := l.must(t, statement(wire.None)); c.Number != 13 {
		t.Errorf("number %d after 12", c.Number)
	}
	good, bad, err := l.list(4)
	if err != nil || len(bad) > 0 || len(good) != 4 || good[0].Consent.Number != 13 || good[3].Consent.Number != 10 {
		t.Errorf("the newest four: %d, %v, %v", len(good), bad, err)
	}
}

func TestReceiptsBeyondSixDigits(t *testing.T) {
	l := book(t)
	l.must(t, statement(wire.None))
	if err := os.Rename(l.path(1), l.path(999_999)); err != nil {
		t.Fatal(err)
	}
	for want := 1_000_000; want < 1_000_003; want++ {
		if c := l.must(t, statement(wire.None)); c.Number != want {
			t.Fatalf("number %d, want %d", c.Number, want)
		}
	}
}

// A receipt that was altered is named, and the others are shown.
func TestTamperedReceiptIsNamed(t *testing.T) {
	for name, alter := range map[string]func(*receiptFile){
		"statement": func(f *receiptFile) {
			f.Consent.Statement = strings.Replace(f.Consent.Statement, "laptop-7", "laptop-8", 1)
		},
		"space":        func(f *receiptFile) { f.Consent.Statement += " " },
		"signature":    func(f *receiptFile) { f.Consent.Signature = f.Ending.Signature },
		"no signature": func(f *receiptFile) { f.Consent.Signature = "" },
		"ending":       func(f *receiptFile) { f.Ending.Statement = strings.Replace(f.Ending.Statement, "done", "gone", 1) },
		"swapped":      func(f *receiptFile) { f.Consent, *f.Ending = *f.Ending, f.Consent },
	} {
		t.Run(name, func(t *testing.T) {
			l := book(t)
			l.must(t, statement(wire.Refuse))
			c := l.must(t, statement(wire.Approve))
			if _, _, err := l.ending(end(c)); err != nil {
				t.Fatal(err)
			}
			l.must(t, statement(wire.Refuse))
			f, err := l.read(2)
			if err != nil {
				t.Fatal(err)
			}
			alter(&f)
			if err := l.write(2, f); err != nil {
				t.Fatal(err)
			}
			good, bad, err := l.list(10)
			if err != nil || len(good) != 2 || len(bad) != 1 || !strings.Contains(bad[0].Error(), "receipt 2") {
				t.Errorf("%d good, bad %v, %v", len(good), bad, err)
			}
		})
	}
}

// A whole receipt under the number of another, or with the end of another, is
// altered too: each half is signed, but they do not belong together.
func TestReceiptsCannotBeMixed(t *testing.T) {
	l := book(t)
	var files []receiptFile
	for range 2 {
		c := l.must(t, statement(wire.Approve))
		if _, _, err := l.ending(end(c)); err != nil {
			t.Fatal(err)
		}
		f, err := l.read(c.Number)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	t.Run("end of another", func(t *testing.T) {
		if err := l.write(1, receiptFile{files[0].Consent, files[1].Ending}); err != nil {
			t.Fatal(err)
		}
		if r, err := l.open(1); err == nil {
			t.Errorf("taken: %+v", r.Ending)
		}
	})
	t.Run("number of another", func(t *testing.T) {
		if err := l.write(1, files[1]); err != nil {
			t.Fatal(err)
		}
		if r, err := l.open(1); err == nil {
			t.Errorf("taken as receipt 1: %d", r.Consent.Number)
		}
	})
}

func TestDamagedFiles(t *testing.T) {
	for name, text := range map[string]string{"empty": "", "cut": `{"consent":`, "zeros": string(make([]byte, 512)), "array": "[]", "other": `{"a":1}`} {
		t.Run(name, func(t *testing.T) {
			l := book(t)
			l.must(t, statement(wire.None))
			if err := os.WriteFile(l.path(1), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, bad, err := l.list(10); err != nil || len(bad) != 1 || !strings.Contains(bad[0].Error(), "receipt 1") {
				t.Errorf("bad %v, %v", bad, err)
			}
			if err := l.interrupted(time.Now()); err != nil {
				t.Errorf("a damaged receipt keeps the agent from starting: %v", err)
			}
			if c := l.must(t, statement(wire.None)); c.Number != 2 {
				t.Errorf("the next is %d", c.Number)
			}
		})
	}
}

func TestInterruptedVisitsGetTheirEnd(t *testing.T) {
	l := book(t)
	refused := l.must(t, statement(wire.Refuse))
	ended := l.must(t, statement(wire.Approve))
	if _, _, err := l.ending(end(ended)); err != nil {
		t.Fatal(err)
	}
	cut := l.must(t, statement(wire.Approve))
	at := time.Unix(1_700_000_600, 0).UTC()
	for range 2 { // a second start changes nothing
		if err := l.interrupted(at); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Hour)
	}
	if r, err := l.open(refused.Number); err != nil || r.Ending != nil {
		t.Errorf("a refusal: %+v, %v", r, err)
	}
	if r, err := l.open(ended.Number); err != nil || r.Ending.Cause != "done" {
		t.Errorf("an end was changed: %+v, %v", r, err)
	}
	r, err := l.open(cut.Number)
	if err != nil || r.Ending == nil || r.Ending.By != byAgent || r.Ending.Visit != cut.Request.Visit || !r.Ending.Ended.Equal(at.Add(-2*time.Hour)) {
		t.Errorf("interrupted: %+v, %v", r, err)
	}
}

// A receipt verifies by the rules of SSHSIG alone, and says what was shown.
func TestReceiptIsAStatement(t *testing.T) {
	l := book(t)
	text, sig, err := l.consent(statement(wire.Approve))
	if err != nil {
		t.Fatal(err)
	}
	if err := wire.Verify(l.key.PublicKey(), wire.NamespaceReceipt, text, sig); err != nil {
		t.Error(err)
	}
	if err := wire.Verify(newSigner(t).PublicKey(), wire.NamespaceReceipt, text, sig); err == nil {
		t.Error("it verifies with another device's key")
	}
	var c wire.Consent
	if err := json.Unmarshal(text, &c); err != nil || c.Text != "may I?" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestReceiptsOnAReadOnlyDisk(t *testing.T) {
	l := book(t)
	if err := os.RemoveAll(l.dir); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.consent(statement(wire.Approve)); err == nil {
		t.Error("a receipt was kept nowhere")
	}
	if err := os.WriteFile(l.dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := l.consent(statement(wire.Approve)); err == nil {
		t.Error("a receipt was kept in a file")
	}
}

// No receipt, no visit: the user says yes, and the disk does not take it.
func TestNoReceiptNoVisit(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.ask(request())
	asked := p.asked()
	dir := e.agent.ledger.dir
	if err := errors.Join(os.RemoveAll(dir), os.WriteFile(dir, nil, 0o600)); err != nil {
		t.Fatal(err)
	}
	p.give(asked.ID, approval())
	v.write(&wire.Open{Head: zeroHead()})
	v.gone()
	l.mustNot(v.req.Visit, "without a receipt")
}

func TestStateKeepsTheKey(t *testing.T) {
	dir := t.TempDir()
	s, err := openState(filepath.Join(dir, "a", "b"))
	if err != nil {
		t.Fatal(err)
	}
	first, err := s.deviceKey()
	if err != nil {
		t.Fatal(err)
	}
	second, err := s.deviceKey()
	if err != nil || !bytes.Equal(first.PublicKey().Marshal(), second.PublicKey().Marshal()) {
		t.Errorf("another key the second time: %v", err)
	}
	path := filepath.Join(string(s), "key")
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v", info, err)
	}
	for name, text := range map[string]string{"empty": "", "garbage": "x", "public": string(ssh.MarshalAuthorizedKey(first.PublicKey()))} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := s.deviceKey(); err == nil {
			t.Errorf("%s: a key was made up", name)
		}
		if now, _ := os.ReadFile(path); string(now) != text {
			t.Errorf("%s: the file was overwritten", name)
		}
	}
}

func TestPin(t *testing.T) {
	s, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.pin(); !errors.Is(err, ErrNotJoined) {
		t.Errorf("no pin: %v", err)
	}
	want := Pin{Address: "gw:2223", Key: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(newSigner(t).PublicKey()))), Device: "a", Organisation: "b"}
	if err := s.savePin(want); err != nil {
		t.Fatal(err)
	}
	if got, err := s.pin(); err != nil || *got != want {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"", "{", "[]"} {
		if err := os.WriteFile(filepath.Join(string(s), "gateway.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if p, err := s.pin(); err == nil || errors.Is(err, ErrNotJoined) {
			t.Errorf("%q: %+v, %v", text, p, err)
		}
	}
	if _, err := (&Pin{Key: "ssh-ed25519 AAAA"}).gatewayKey(); err == nil {
		t.Error("a broken key is a key")
	}
}

// A file is there whole or not at all, and nothing else is left.
func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "f")
	for i := range 3 {
		if err := writeFile(path, fmt.Append(nil, i), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := writeFile(filepath.Join(dir, "no", "f"), nil, 0o600); err == nil {
		t.Error("written into a folder that is not there")
	}
	text, err := os.ReadFile(path)
	info, serr := os.Stat(path)
	if errors.Join(err, serr) != nil || string(text) != "2" || info.Mode().Perm() != 0o640 {
		t.Errorf("%q, %v, %v", text, info, err)
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("%d files are left", len(list))
	}
}

func TestBackoff(t *testing.T) {
	const first, longest = 30 * time.Second, 2 * time.Minute
	ceilings := []time.Duration{first, 2 * first, longest, longest, longest}
	most := make([]time.Duration, len(ceilings))
	least := []time.Duration{longest, longest, longest, longest, longest}
	for range 2000 {
		b := backoff{first: first, longest: longest}
		for i, ceiling := range ceilings {
			wait := b.next(time.Second)
			if wait < 0 || wait > ceiling {
				t.Fatalf("call %d waits %v, at most %v", i+1, wait, ceiling)
			}
			most[i], least[i] = max(most[i], wait), min(least[i], wait)
		}
		if wait := b.next(healthy); wait > first {
			t.Fatalf("%v after a minute of health", wait)
		}
		if wait := b.next(healthy - 1); wait > 2*first {
			t.Fatalf("%v after less than a minute", wait)
		}
	}
	for i, ceiling := range ceilings { // full jitter: the whole range is used
		if least[i] > ceiling/20 || most[i] < ceiling*19/20 {
			t.Errorf("call %d waits %v to %v of 0 to %v", i+1, least[i], most[i], ceiling)
		}
	}
}
