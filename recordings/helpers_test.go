package recordings

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"go.uber.org/goleak"
	"golang.org/x/crypto/ssh"
)

func TestMain(m *testing.M) {
	if role := os.Getenv("RECORDINGS_CHILD"); role != "" {
		child(role)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// testKey is a gateway's key, always the same one.
func testKey(seed byte) ssh.Signer {
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		panic(err)
	}
	return signer
}

const sealNamespace = "seal@accord"

func signWith(key ssh.Signer) Sign {
	return func(statement []byte) ([]byte, error) {
		s, err := sshsig.Sign(bytes.NewReader(statement), key, sshsig.HashSHA512, sealNamespace)
		if err != nil {
			return nil, err
		}
		return sshsig.Armor(s), nil
	}
}

func checkWith(key ssh.PublicKey) Check {
	return func(statement, armored []byte) error {
		s, err := sshsig.Unarmor(armored)
		if err != nil {
			return err
		}
		return sshsig.Verify(bytes.NewReader(statement), s, key, sshsig.HashSHA512, sealNamespace)
	}
}

var (
	testSign  = signWith(testKey(1))
	testCheck = checkWith(testKey(1).PublicKey())
)

func openLibrary(t testing.TB, dir string) *Library {
	t.Helper()
	l, err := Open(Config{Dir: dir}, testSign)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// visitNumber gives the id of the n-th visit of one day.
func visitNumber(n int) string {
	letters := []byte("aaaaaaaa")
	for i := len(letters) - 1; n > 0; i, n = i-1, n/26 {
		letters[i] += byte(n % 26)
	}
	return "20261122-164500-" + string(letters)
}

func testVisit(id string) Visit {
	at := time.Date(2026, 11, 22, 16, 45, 0, 0, time.UTC)
	return Visit{
		ID: id, Gateway: "gw-1", Organisation: "Example AG",
		Device:     Device{Name: "laptop-7", Key: "SHA256:device"},
		Technician: Technician{Name: "alice", Full: "Alice Example", Key: "SHA256:alice"},
		Reason:     "printer <jams> & \"squeaks\"", Ticket: "INC-42",
		Capabilities: []string{"shell"}, Login: "root", Minutes: 30, Rule: "helpdesk",
		Consent: Consent{Statement: `{"number":1,"text":"Alice möchte…"}`, Signature: "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n"},
		Asked:   at.Add(-time.Minute), Opened: at, Until: at.Add(30 * time.Minute),
	}
}

func create(t testing.TB, l *Library, id string) *Recording {
	t.Helper()
	r, err := l.Create(testVisit(id))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func shell(t testing.TB, r *Recording, info ShellInfo) *Shell {
	t.Helper()
	s, err := r.Shell(info)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var ptyInfo = ShellInfo{Width: 80, Height: 24, Term: "xterm-256color", Login: "root", PTY: true}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func seal(t testing.TB, r *Recording) Head {
	t.Helper()
	h, err := r.Seal(End{By: "user", Cause: "The user ended the visit."})
	must(t, err)
	return h
}

// dirOf is the folder of a visit's recording below root.
func dirOf(root, id string) string {
	return filepath.Join(root, id[:4], id[4:6], id[6:8], id)
}

// waitHead waits until the chain has passed a line.
func waitHead(t testing.TB, r *Recording, past uint64) Head {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 20_000 {
		if h := r.Head(); h.Seq > past {
			return h
		}
		<-tick.C
	}
	t.Fatalf("the chain stays at line %d", r.Head().Seq)
	return Head{}
}

// bytesOf gives the exact bytes of a stream of a cast.
func bytesOf(t testing.TB, path string, s Stream) []byte {
	t.Helper()
	c, err := OpenCast(path)
	must(t, err)
	defer c.Close()
	var b bytes.Buffer
	_, err = c.WriteStream(&b, s)
	must(t, err)
	return b.Bytes()
}

// eventsOf gives all events of a cast.
func eventsOf(t testing.TB, path string) []CastEvent {
	t.Helper()
	c, err := OpenCast(path)
	must(t, err)
	defer c.Close()
	var list []CastEvent
	for p := (Pos{}); ; {
		e, next, err := c.ReadAt(p)
		if err == io.EOF {
			return list
		}
		must(t, err)
		list, p = append(list, e), next
	}
}

func verify(t testing.TB, dir string, heads ...Head) Report {
	t.Helper()
	r, err := Verify(dir, testCheck, heads...)
	must(t, err)
	return r
}

func wantOK(t testing.TB, dir string, state State, heads ...Head) Report {
	t.Helper()
	r := verify(t, dir, heads...)
	for _, p := range r.Problems {
		t.Errorf("%s", p)
	}
	if r.State != state {
		t.Errorf("state %s, want %s", r.State, state)
	}
	return r
}

func copyTree(t testing.TB, from, to string) {
	t.Helper()
	must(t, os.CopyFS(to, os.DirFS(from)))
}

func child(role string) {
	switch role {
	case "killed":
		childKilled()
	case "filmed":
		childFilmed()
	case "full":
		childFull()
	case "short":
		childShort()
	default:
		fmt.Fprintln(os.Stderr, "unknown role", role)
		os.Exit(2)
	}
}
