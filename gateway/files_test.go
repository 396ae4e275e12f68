package gateway

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pkg/sftp"
	gossh "golang.org/x/crypto/ssh"

	"accord/recordings"
	"accord/wire"
)

// filing makes a device that serves SFTP, by a server that refuses nothing, or
// by what the test puts in its place.
func (h *house) filing(serve func(ch gossh.Channel), granted ...wire.Capability) *device {
	h.t.Helper()
	d := h.device("laptop-7")
	d.session = func(nc gossh.NewChannel) {
		ch, reqs, err := nc.Accept()
		if err != nil {
			return
		}
		defer func() { _ = ch.Close() }()
		for r := range reqs {
			if r.WantReply {
				_ = r.Reply(true, nil)
			}
			if r.Type == "subsystem" || r.Type == "exec" {
				go gossh.DiscardRequests(reqs)
				serve(ch)
				_, _ = ch.SendRequest("exit-status", false, make([]byte, 4))
				return
			}
		}
	}
	if granted != nil {
		d.consent = func(c *wire.Consent) { c.Granted = granted }
	}
	hello := d.introduction()
	hello.Capabilities = []wire.Capability{wire.Shell, wire.FilesGet, wire.FilesPut}
	token, err := h.Enroll(h.t.Context(), d.name)
	if err != nil {
		h.t.Fatal(err)
	}
	hello.Token = token.Secret
	if m, err := d.enter(hello); err != nil {
		h.t.Fatal(m, err)
	}
	_ = d.conn.Close()
	hello.Token = ""
	if m, err := d.enter(hello); err != nil {
		h.t.Fatal(m, err)
	}
	d.isOnline(true)
	return d
}

func serveAll(t *testing.T) func(gossh.Channel) {
	return func(ch gossh.Channel) {
		s, err := sftp.NewServer(ch)
		if err != nil {
			t.Error(err)
			return
		}
		_ = s.Serve()
	}
}

// sftp opens SFTP as the technician's client does.
func (h *house) sftp() (*sftp.Client, func()) {
	h.t.Helper()
	conn := h.mustLogin("laptop-7", h.alice)
	c, err := sftp.NewClient(conn)
	if err != nil {
		h.t.Fatal(err)
	}
	return c, func() {
		_ = c.Close()
		_ = conn.Close()
		h.noLive()
	}
}

// told are the events of the only recording whose kinds begin so.
func (h *house) told(kind string) []recordings.Event {
	h.t.Helper()
	list, err := h.library.List("", 10)
	if err != nil || len(list) != 1 {
		h.t.Fatalf("%d recordings, %v", len(list), err)
	}
	var events []recordings.Event
	for e, err := range recordings.ReadTimeline(list[0].Dir) {
		if err != nil {
			h.t.Fatal(err)
		}
		if strings.HasPrefix(e.Kind, kind) {
			events = append(events, e)
		}
	}
	if report, err := recordings.Verify(list[0].Dir, h.checkSeal); err != nil || !report.OK() {
		h.t.Errorf("%v, %+v", err, report.Problems)
	}
	return events
}

func kinds(events []recordings.Event) (list []string) {
	for _, e := range events {
		list = append(list, e.Kind)
	}
	return list
}

func TestFilesAreOnTheTimeline(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Recordings.CopyFilesKiB = 4 })
	h.filing(serveAll(t))
	dir := t.TempDir()
	text := bytes.Repeat([]byte("a line of text\n"), 100_000)
	c, done := h.sftp()
	f, err := c.Create(filepath.Join(dir, "up\x1b[2J"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFrom(bytes.NewReader(text)); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if f, err = c.Open(filepath.Join(dir, "up\x1b[2J")); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := f.WriteTo(&got); err != nil || !bytes.Equal(got.Bytes(), text) {
		t.Errorf("%d bytes came back, %v", got.Len(), err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if err := c.Rename(filepath.Join(dir, "up\x1b[2J"), filepath.Join(dir, "b")); err != nil {
		t.Error(err)
	}
	done()
	events := h.told("file")
	want := []string{eventFiles, eventFile, eventFileEnded, eventFile, eventFileEnded, eventFileChanged, eventFilesEnded}
	if got := kinds(events); !slices.Equal(got, want) {
		t.Fatalf("got %q, want %q", got, want)
	}
	for i, direction := range map[int]string{2: "put", 4: "get"} {
		var e movedWhole
		if err := json.Unmarshal(events[i].Data, &e); err != nil {
			t.Fatal(err)
		}
		if string(e.Direction) != direction || e.Went != int64(len(text)) || e.Sum != fmt.Sprintf("%x", sha256.Sum256(text)) || e.State != "whole" {
			t.Errorf("%s", events[i].Data)
		}
		list, _ := h.library.List("", 1)
		if kept, err := os.ReadFile(filepath.Join(list[0].Dir, e.Copy)); err != nil || !bytes.Equal(kept, text[:4<<10]) {
			t.Errorf("of its copy %q there are %d bytes, %v", e.Copy, len(kept), err)
		}
		if strings.Contains(e.Path, "\x1b") || !bytes.HasSuffix(e.Bytes, []byte("up\x1b[2J")) {
			t.Errorf("the name is %q, its bytes %q", e.Path, e.Bytes)
		}
	}
}

// What was not granted reaches no device, even one that would do it.
func TestFilesNotGranted(t *testing.T) {
	h := newHouse(t, nil)
	h.filing(serveAll(t), wire.FilesGet)
	path := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	c, done := h.sftp()
	if err := c.Remove(path); err == nil {
		t.Error("it was removed")
	}
	if _, err := c.Create(path); err == nil {
		t.Error("it was opened to be written")
	}
	if err := c.Chmod(path, 0); err == nil {
		t.Error("it was changed")
	}
	if _, err := c.Open(path); err != nil {
		t.Error(err)
	}
	done()
	if text, err := os.ReadFile(path); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	if got := kinds(h.told("file.refused")); len(got) != 4 { // the client tries rmdir, too
		t.Errorf("%q", got)
	}
	if got := h.told("file.ended"); len(got) != 1 || !bytes.Contains(got[0].Data, []byte(`"state":"part"`)) {
		t.Errorf("%+v", got)
	}
}

// A device whose answers make no sense ends its own session, and nothing of them
// reaches the technician.
func TestFilesOfAnEvilDevice(t *testing.T) {
	for name, says := range map[string]string{
		"an answer to nothing":  "\x00\x00\x00\x09\x65\x00\x00\x00\x07\x00\x00\x00\x00",
		"a packet without end":  "\xff\xff\xff\xff",
		"another version":       "\x00\x00\x00\x05\x02\x00\x00\x00\x06",
		"a packet of no length": "\x00\x00\x00\x00",
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, nil)
			h.filing(func(ch gossh.Channel) {
				_, _ = io.WriteString(ch, says)
				_, _ = io.Copy(io.Discard, ch)
			})
			conn := h.mustLogin("laptop-7", h.alice)
			ch, reqs, err := conn.OpenChannel("session", nil)
			if err != nil {
				t.Fatal(err)
			}
			go gossh.DiscardRequests(reqs)
			go func() { _, _ = io.Copy(io.Discard, ch.Stderr()) }()
			if ok, err := ch.SendRequest("subsystem", true, gossh.Marshal(struct{ Name string }{"sftp"})); err != nil || !ok {
				t.Fatal(ok, err)
			}
			_, _ = ch.Write([]byte{0, 0, 0, 5, 1, 0, 0, 0, 3})
			got, _ := io.ReadAll(ch)
			if len(got) > 0 {
				t.Errorf("the technician gets %q", got)
			}
			_ = conn.Close()
			h.noLive()
			if got := kinds(h.told("files")); !slices.Equal(got, []string{eventFiles, eventFilesEnded}) {
				t.Errorf("%q", got)
			}
		})
	}
}

// A transfer that is cut in the middle says so.
func TestFilesCut(t *testing.T) {
	h := newHouse(t, nil)
	h.filing(serveAll(t))
	path := filepath.Join(t.TempDir(), "f")
	c, done := h.sftp()
	f, err := c.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte("x"), 100_000)); err != nil {
		t.Fatal(err)
	}
	done()
	if got := h.told("file.ended"); len(got) != 1 || !bytes.Contains(got[0].Data, []byte(`"bytes":100000`)) || !bytes.Contains(got[0].Data, []byte(`"why":"it was cut"`)) {
		t.Errorf("%+v", got)
	}
}

// TestFilesAskedFor: each tool asks for what it needs, and what only looks like
// one asks for a shell.
func TestFilesAskedFor(t *testing.T) {
	h := newHouse(t, nil)
	d := h.filing(func(ch gossh.Channel) { _, _ = io.Copy(io.Discard, ch) })
	for command, want := range map[string][]wire.Capability{
		"scp -t /tmp/x":                      {wire.FilesPut},
		"scp -f /tmp/x":                      {wire.FilesGet},
		"scp -t /tmp/x; bash":                {wire.Shell},
		"rsync --server -re.i . x":           {wire.FilesPut},
		"rsync --server --sender -re.i . x":  {wire.FilesGet},
		"rsync --server -re.i . x; sh":       {wire.Shell},
		"bash -c 'rsync --server -re.i . x'": {wire.Shell},
		"git-upload-pack '/srv/x.git'":       {wire.Shell},
	} {
		h.run("laptop-7", h.alice, command)
		h.noLive()
		d.mu.Lock()
		got := d.asked[len(d.asked)-1].Capabilities
		d.mu.Unlock()
		if !slices.Equal(got, want) {
			t.Errorf("%s asked for %v, want %v", command, got, want)
		}
	}
	asked := d.requests()
	for _, command := range []string{"mosh-server new -s", "/usr/bin/mosh-server new", `sh -c '[ -n "$SSH_CONNECTION" ] && printf "\nMOSH SSH_CONNECTION %s\n" "$SSH_CONNECTION" ; mosh-server new'`} {
		if got := h.run("laptop-7", h.alice, command); got.status != exitRefused || !strings.Contains(got.errs, "mosh") {
			t.Errorf("%s: %+v", command, got)
		}
	}
	if d.requests() != asked {
		t.Error("mosh asked somebody")
	}
}

// TestSFTPAsksForWhatTheRulesAllow: where the rules leave one direction, that is
// asked for.
func TestSFTPAsksForWhatTheRulesAllow(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Policy.Rules[0].Capabilities = []string{"shell", "files.get"}
	})
	d := h.filing(serveAll(t))
	_, done := h.sftp()
	done()
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := d.asked[0].Capabilities; !slices.Equal(got, []wire.Capability{wire.FilesGet}) {
		t.Errorf("asked for %v", got)
	}
}

// Whatever is refused is answered in the protocol's words, not with silence.
func TestFilesRefusalIsAnAnswer(t *testing.T) {
	h := newHouse(t, nil)
	h.filing(serveAll(t), wire.FilesPut)
	conn := h.mustLogin("laptop-7", h.alice)
	s, err := conn.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	in, err1 := s.StdinPipe()
	out, err2 := s.StdoutPipe()
	if err1 != nil || err2 != nil || s.RequestSubsystem("sftp") != nil {
		t.Fatal(err1, err2)
	}
	_, _ = in.Write([]byte{0, 0, 0, 5, 1, 0, 0, 0, 3})
	read := func() []byte {
		var n [4]byte
		if _, err := io.ReadFull(out, n[:]); err != nil {
			t.Fatal(err)
		}
		p := make([]byte, binary.BigEndian.Uint32(n[:]))
		if _, err := io.ReadFull(out, p); err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := read(); p[0] != 2 {
		t.Fatalf("%q", p)
	}
	_, _ = in.Write([]byte("\x00\x00\x00\x12\x03\x00\x00\x00\x09\x00\x00\x00\x01f\x00\x00\x00\x01\x00\x00\x00\x00"))
	if p := read(); !bytes.HasPrefix(p, []byte{101, 0, 0, 0, 9, 0, 0, 0, 3}) || !bytes.Contains(p, []byte("files.get was not granted")) {
		t.Errorf("%q", p)
	}
	_ = conn.Close()
	h.noLive()
}

// A side of rsync that is cut goes on while its session's end is told.
func TestOpaqueIsToldWhileItGoes(t *testing.T) {
	var o opaque
	var both sync.WaitGroup
	for range 2 {
		both.Go(func() {
			for range 100 {
				_ = o.take([]byte("x"))
				if said := o.told(); said.Bytes < 1 || said.Sum == "" {
					t.Errorf("%+v", said)
				}
			}
		})
	}
	both.Wait()
	if said := o.told(); said.Bytes != 200 {
		t.Errorf("%+v", said)
	}
}
