package wire

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
)

func goodOverride() Override {
	at := time.Date(2026, 11, 22, 16, 45, 0, 0, time.UTC)
	return Override{
		Number: 42, Organisation: "ACME", Device: "laptop-7", DeviceKey: "SHA256:device",
		Technician: "alice", Full: "Alice Martin", Key: "SHA256:alice", Capabilities: []Capability{Shell, "action:isolate"},
		Login: "ann", Minutes: 30, Reason: "ransomware spreads", Ticket: "INC-1",
		Attempts: []Attempt{{At: at, Visit: "20261122-164500-abcd2345", Outcome: "no answer"}},
		Nonce:    "N0NCE", Asked: at, Until: at.Add(time.Hour),
	}
}

func TestOverrideHasOneSpelling(t *testing.T) {
	o := goodOverride()
	text := o.Text()
	again, err := ParseOverride(text)
	if err != nil || !bytes.Equal(again.Text(), text) {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, line := range bytes.SplitAfter(text, []byte("\n")) {
		if len(line) == 0 {
			continue
		}
		key, _, _ := strings.Cut(string(line), ":")
		twice := bytes.Replace(text, line, append(bytes.Clone(line), line...), 1)
		if _, err := ParseOverride(twice); err == nil && key != "attempt" {
			t.Errorf("taken with a line twice: %s", line)
		}
		without := bytes.Replace(text, line, nil, 1)
		_, err := ParseOverride(without)
		switch key {
		case "name", "login", "ticket", "capability":
		default:
			if err == nil {
				t.Errorf("taken without: %s", line)
			}
		}
	}
}

func TestOverrideRefusesWhatCantBe(t *testing.T) {
	for name, change := range map[string]func(*Override){
		"no number":       func(o *Override) { o.Number = 0 },
		"no capability":   func(o *Override) { o.Capabilities = nil },
		"unknown one":     func(o *Override) { o.Capabilities = []Capability{"everything"} },
		"a device of air": func(o *Override) { o.Device = "" },
		"no reason":       func(o *Override) { o.Reason = "" },
		"a line break":    func(o *Override) { o.Reason = "a\nminutes: 600" },
		"no facts":        func(o *Override) { o.Attempts = nil },
		"an odd fact":     func(o *Override) { o.Attempts[0].Outcome = "said yes" },
		"ends first":      func(o *Override) { o.Until = o.Asked },
		"ends never":      func(o *Override) { o.Until = o.Asked.Add(VisitLongest + time.Second) },
		"no minutes":      func(o *Override) { o.Minutes = 0 },
		"no nonce":        func(o *Override) { o.Nonce = "" },
	} {
		o := goodOverride()
		change(&o)
		if _, err := ParseOverride(o.Text()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// TestSSHKeygenSignsOverrides: the stock tool's signature is one of ours, and
// ours is one of the stock tool's.
func TestSSHKeygenSignsOverrides(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "ada")
	run := func(stdin []byte, args ...string) []byte {
		t.Helper()
		cmd := exec.Command("ssh-keygen", args...)
		cmd.Stdin = bytes.NewReader(stdin)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("ssh-keygen %s: %v", args, err)
		}
		return out
	}
	run(nil, "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key)
	text := goodOverride().Text()
	sig := run(text, "-Y", "sign", "-n", NamespaceOverride, "-f", key)
	pub, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	r := Roster{Version: 1, Organisation: "ACME", Signers: 1, Made: time.Now(), Supervisors: []Supervisor{{"ada", strings.TrimSpace(string(pub))}}}
	r, err = ParseRoster(r.Text())
	if err != nil {
		t.Fatal(err)
	}
	if s, err := r.Signer(NamespaceOverride, text, sig); err != nil || s.Name != "ada" {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := r.Signer(NamespaceRoster, text, sig); err == nil {
		t.Error("a signature for one purpose served another")
	}
	if _, err := r.Signer(NamespaceOverride, append(text, '\n'), sig); err == nil {
		t.Error("an altered statement was taken")
	}
	private, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.ParsePrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := Sign(signer, NamespaceOverride, text)
	if err != nil {
		t.Fatal(err)
	}
	sigFile, allowed := filepath.Join(dir, "sig"), filepath.Join(dir, "allowed")
	if err := os.WriteFile(sigFile, ours, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(allowed, append([]byte("ada "), pub...), 0o600); err != nil {
		t.Fatal(err)
	}
	run(text, "-Y", "verify", "-f", allowed, "-I", "ada", "-n", NamespaceOverride, "-s", sigFile)
}

func TestRosterRefusesWhatCantBe(t *testing.T) {
	const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPdcYVUVtN4vo65hoLb4FX/uXKPL4ikFZVUjKm60i9cf"
	good := Roster{Version: 1, Organisation: "ACME", Signers: 1, Made: time.Now(), Supervisors: []Supervisor{{"ada", key}}}
	if _, err := ParseRoster(good.Text()); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Roster){
		"no version":     func(r *Roster) { r.Version = 0 },
		"nobody":         func(r *Roster) { r.Supervisors = nil },
		"no signature":   func(r *Roster) { r.Signers = 0 },
		"three":          func(r *Roster) { r.Signers = 3 },
		"no key":         func(r *Roster) { r.Supervisors[0].Key = "ssh-ed25519 x" },
		"a comment":      func(r *Roster) { r.Supervisors[0].Key += " ada@desk" },
		"a key twice":    func(r *Roster) { r.Supervisors = append(r.Supervisors, Supervisor{"bea", key}) },
		"a broken name":  func(r *Roster) { r.Supervisors[0].Name = "\x1b[2J" },
		"in no order":    func(r *Roster) { r.Supervisors = []Supervisor{{"b", key}, {"a", key}} },
		"nobody's order": func(r *Roster) { r.Organisation = "" },
	} {
		r := good
		r.Supervisors = append([]Supervisor{}, good.Supervisors...)
		change(&r)
		if _, err := ParseRoster(r.Text()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func FuzzParseOverride(f *testing.F) {
	f.Add(goodOverride().Text())
	f.Fuzz(func(t *testing.T, text []byte) {
		o, err := ParseOverride(text)
		if err == nil && !bytes.Equal(o.Text(), text) {
			t.Errorf("two spellings of one override:\n%s\n%s", text, o.Text())
		}
	})
}

func FuzzParseRoster(f *testing.F) {
	f.Add([]byte("accord roster 1\nversion: 1\norganisation: ACME\nsigners: 1\nmade: 2026-11-22T16:45:00Z\nsupervisor: ada ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPdcYVUVtN4vo65hoLb4FX/uXKPL4ikFZVUjKm60i9cf\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		r, err := ParseRoster(text)
		if err == nil && !bytes.Equal(r.Text(), text) {
			t.Errorf("two spellings of one roster:\n%s\n%s", text, r.Text())
		}
	})
}

// TestRosterSigned is the table of who may sign together.
func TestRosterSigned(t *testing.T) {
	keys := []ssh.Signer{newKey(t), newKey(t), newKey(t), newKey(t)}
	line := func(i int) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(keys[i].PublicKey()))) }
	r := Roster{Version: 1, Organisation: "ACME", Signers: 2, Made: time.Unix(0, 0), Supervisors: []Supervisor{
		{"bob", line(0)}, {"bob", line(1)}, {"carol", line(2)},
	}}
	text := []byte("a statement\n")
	sign := func(list ...int) (sigs [][]byte) {
		for _, i := range list {
			sig, err := Sign(keys[i], NamespaceOverride, text)
			if err != nil {
				t.Fatal(err)
			}
			sigs = append(sigs, sig)
		}
		return sigs
	}
	for name, c := range map[string]struct {
		sigs [][]byte
		want string // of the error; empty: good
	}{
		"two people":            {sign(0, 2), ""},
		"the other key":         {sign(2, 1), ""},
		"one":                   {sign(0), "2 supervisors must sign, 1 did"},
		"none":                  {nil, "2 supervisors must sign, 0 did"},
		"one twice":             {sign(2, 2), "carol signed twice"},
		"two keys of one":       {sign(0, 1), "bob signed twice"},
		"a stranger beside one": {sign(0, 3), "no supervisor on the list made it"},
		"too many":              {sign(0, 2, 2), "3 signatures"},
		"no signature":          {[][]byte{[]byte("x"), []byte("y")}, "no supervisor on the list made it"},
	} {
		by, err := r.Signed(NamespaceOverride, text, c.sigs)
		if c.want == "" && (err != nil || len(by) != 2) || c.want != "" && (!errors.Is(err, ErrSignature) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: %v, %v", name, by, err)
		}
	}
	if _, err := r.Signed(NamespaceRoster, text, sign(0, 2)); !errors.Is(err, ErrSignature) {
		t.Errorf("another namespace: %v", err)
	}
}
