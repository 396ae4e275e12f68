package replay

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"accord/recordings"
)

// happened makes a recording of a visit that opened no shell, with these events.
func happened(t *testing.T, events [][2]string) string {
	t.Helper()
	cfg := recordings.Default()
	cfg.Dir, cfg.MinFreeMiB = t.TempDir(), 0
	lib, err := recordings.Open(cfg, func([]byte) ([]byte, error) { return []byte("signed"), nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = lib.Close() })
	now := time.Now()
	rec, err := lib.Create(recordings.Visit{
		ID: "20261122-164500-abcd2345", Device: recordings.Device{Name: "laptop", Key: "SHA256:x"},
		Technician: recordings.Technician{Name: "alice", Key: "SHA256:y"}, Asked: now, Opened: now, Until: now.Add(time.Hour),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if err := rec.Event(e[0], rawJSON(e[1])); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := rec.Seal(recordings.End{Ended: now.Add(time.Minute), By: "user", Cause: "stopped by the user"}); err != nil {
		t.Fatal(err)
	}
	list, err := lib.List("", 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d recordings, %v", len(list), err)
	}
	return list[0].Dir
}

type rawJSON string

func (r rawJSON) MarshalJSON() ([]byte, error) { return []byte(r), nil }

// TestVisitWithoutShells: a visit that copied files, and forwarded, plays as a
// list that people can read, whatever a device wrote into it.
func TestVisitWithoutShells(t *testing.T) {
	dir := happened(t, [][2]string{
		{"files", `{"files":1,"tool":"sftp"}`},
		{"file", `{"files":1,"transfer":1,"path":"/etc/hosts","direction":"get"}`},
		{"file.ended", `{"files":1,"transfer":1,"path":"/etc/hosts","direction":"get","bytes":1500,"state":"whole"}`},
		{"file.ended", `{"files":1,"path":"/tmp/\u001b[31mx","direction":"put","bytes":3,"state":"part","why":"it was cut"}`},
		{"file.changed", `{"files":1,"op":"rename","path":"/a","to":{"path":"/b"}}`},
		{"file.changed", `{"files":1,"op":"mkdir","path":"/no","error":"permission denied"}`},
		{"file.refused", `{"files":1,"op":"open","path":"/root/x","why":"not granted"}`},
		{"further", `{"capabilities":["forward"],"rule":"all"}`},
		{"consent", `{"choice":"approve","granted":["forward"],"statement":"x","signature":"y"}`},
		{"forward", `{"number":1,"network":"tcp","host":"localhost","port":80}`},
		{"listen", `{"socket":"/run/x"}`},
		{"forward", `{"number":2,"network":"unix","host":"/run/x","reverse":true}`},
		{"forward.ended", `{"number":1,"up":5,"down":2000000,"seconds":1}`},
		{"paused", `null`},
		{"files", `{"files":2,"tool":"rsync"}`},
		{"files.ended", `{"files":2,"status":0,"up":{"opaque":true,"bytes":10},"down":{"opaque":true,"bytes":20}}`},
		{"nobody.knows", `{"path":"x"}`},
		{"forward", `{"number":"three"}`},
	})
	var out bytes.Buffer
	if err := Play(t.Context(), plain(&out), dir); err != nil {
		t.Fatal(err)
	}
	text := out.String()
	at := 0
	for _, want := range []string{
		"sftp begins to copy", "fetched /etc/hosts, 1.5 kB", "sent /tmp/", "not all of it: it was cut", "renamed /a to /b", "refused: /root/x (not granted)",
		"asked for more: open network connections", "the user agreed to: open network connections", "connected to localhost:80", "the device listens on /run/x",
		"somebody connected to /run/x", "disconnected from localhost:80: 5 bytes sent, 2.0 MB received", "paused by the user", "rsync has copied: 10 bytes sent, 20 bytes fetched",
		"the visit has ended: stopped by the user",
	} {
		i := strings.Index(text[at:], want)
		if i < 0 {
			t.Fatalf("no %q behind %q in\n%s", want, text[:at], text)
		}
		at += i
	}
	if strings.Contains(text, "\x1b[31m") || strings.Contains(text, "/no") || strings.Contains(text, "nobody") {
		t.Errorf("it tells too much: %q", text)
	}
}
