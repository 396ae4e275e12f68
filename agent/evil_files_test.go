package agent

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"accord/wire"
)

// rawFiles starts what serves files, in the named visit.
func (l *evilLink) rawFiles(visit string) (ssh.Channel, bool) {
	l.t.Helper()
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelSession, wire.MarshalSession(visit))
	if err != nil {
		return nil, false
	}
	go ssh.DiscardRequests(reqs)
	l.t.Cleanup(func() { _ = ch.Close() })
	ok, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	return ch, err == nil && ok
}

func (l *evilLink) files(visit string) *sftp.Client {
	l.t.Helper()
	ch, ok := l.rawFiles(visit)
	if !ok {
		l.t.Fatal("no files are served")
	}
	go func() { _, _ = io.Copy(io.Discard, ch.Stderr()) }()
	c, err := sftp.NewClientPipe(ch, ch)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Close() })
	return c
}

// TestFilesWithoutConsent: a gateway that asks for files in a visit that is for
// something else, or over, gets none; and one that was granted one direction
// gets that, whatever it asks.
func TestFilesWithoutConsent(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	if _, ok := l.rawFiles(newID()); ok {
		t.Error("files of no visit")
	}
	v := l.open(p)
	if _, ok := l.rawFiles(v.req.Visit); ok {
		t.Error("files in a visit for a shell")
	}
	for _, command := range []string{"scp -t " + e.dir, "scp -f /etc/passwd", "rsync --server -r . " + e.dir} {
		if err := l.run(v.req.Visit, command); err == nil {
			t.Errorf("%s in a visit for a shell", command)
		}
	}
	_ = v.ch.Close()
	p.ended(v.req.Visit)
	if _, ok := l.rawFiles(v.req.Visit); ok {
		t.Error("files after the end")
	}

	path := filepath.Join(e.dir, "f")
	if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	v = l.openFor(p, wire.FilesGet)
	c := l.files(v.req.Visit)
	if c.Remove(path) == nil || c.Chmod(path, 0) == nil || c.Mkdir(path+"d") == nil {
		t.Error("something was changed with files.get")
	}
	if f, err := c.Create(path); err == nil {
		_ = f.Close()
		t.Error("a file was opened to be written with files.get")
	}
	if err := l.run(v.req.Visit, "scp -t "+e.dir); err == nil {
		t.Error("scp -t with files.get")
	}
	l.mustNot(v.req.Visit, "with files.get")
	f, err := c.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(f); err != nil || string(got) != "text" {
		t.Errorf("%q, %v", got, err)
	}
	_ = v.ch.Close()
	p.ended(v.req.Visit)
	if _, err := c.Stat(path); err == nil {
		t.Error("files after the end of the visit")
	}
}

// TestFilesTakenBack: what is taken back ends at once, in the middle of a file,
// and so do questions that the device does not expect.
func TestFilesTakenBack(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.openFor(p, wire.FilesGet, wire.FilesPut)
	c := l.files(v.req.Visit)
	f, err := c.Create(filepath.Join(e.dir, "f"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(bytes.Repeat([]byte("x"), 50_000)); err != nil {
		t.Fatal(err)
	}
	shown := p.until("the file on its way", func(m toClient) bool {
		return m.Began != nil && len(m.Began.Transfers) == 1 && m.Began.Transfers[0].Bytes == 50_000
	}).Began.Transfers[0]
	if !shown.Put || !strings.HasSuffix(shown.Name, "/f") || shown.Done {
		t.Errorf("%+v", shown)
	}
	p.say(fromClient{Op: opReduce, ID: v.req.Visit, Take: []wire.Capability{wire.FilesPut}})
	await[*wire.Control](v)
	eventually(t, "nothing is written any more", func() bool { _, err := f.Write([]byte("y")); return err != nil })
	c = l.files(v.req.Visit) // again, with what is left
	if _, err := c.Create(filepath.Join(e.dir, "g")); err == nil {
		t.Error("a file was written after that was taken back")
	}
	if _, err := c.Open(filepath.Join(e.dir, "f")); err != nil {
		t.Error(err)
	}
	ch, _ := l.rawFiles(v.req.Visit)
	_, _ = ch.Write([]byte("\xff\xff\xff\xff nonsense"))
	if got, _ := io.ReadAll(ch); len(got) > 0 {
		t.Errorf("nonsense is answered with %q", got)
	}
	_ = v.ch.Close()
	card := p.until("the end card", func(m toClient) bool { return m.Ended != nil }).Ended
	if card.Copied.Put != 1 || card.Copied.PutBytes < 50_000 {
		t.Errorf("%+v", card.Copied)
	}
}

// TestFilesUsed: the end card names the direction in which something went, not
// all that was granted.
func TestFilesUsed(t *testing.T) {
	for want, do := range map[string]func(c *sftp.Client, path string) error{
		"files.put": func(c *sftp.Client, path string) error {
			f, err := c.OpenFile(path+"2", os.O_WRONLY|os.O_CREATE)
			if err != nil {
				return err
			}
			_, err = f.Write([]byte("text"))
			return errors.Join(err, f.Close())
		},
		"files.get": func(c *sftp.Client, path string) error {
			f, err := c.Open(path)
			if err != nil {
				return err
			}
			_, err = io.Copy(io.Discard, f)
			return errors.Join(err, f.Close())
		},
		"": func(c *sftp.Client, path string) error { _, err := c.Stat(path); return err },
	} {
		t.Run(want, func(t *testing.T) {
			e := newEvil(t, nil)
			l, p := e.link(), e.sit()
			path := filepath.Join(e.dir, "f")
			if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
				t.Fatal(err)
			}
			v := l.openFor(p, wire.FilesGet, wire.FilesPut)
			if err := do(l.files(v.req.Visit), path); err != nil {
				t.Fatal(err)
			}
			_ = v.ch.Close()
			card := p.until("the end card", func(m toClient) bool { return m.Ended != nil }).Ended
			if got := strings.Join(card.Used, " "); got != want {
				t.Errorf("the card says that %q was used, want %q", got, want)
			}
		})
	}
}

// TestCopyPaused: what the old protocol of scp copies waits while the user has
// paused, both ways.
func TestCopyPaused(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.openFor(p, wire.FilesGet, wire.FilesPut)
	path := filepath.Join(e.dir, "f")
	ch, reqs, err := l.conn.OpenChannel(wire.ChannelSession, wire.MarshalSession(v.req.Visit))
	if err != nil {
		t.Fatal(err)
	}
	go ssh.DiscardRequests(reqs)
	if ok, err := ch.SendRequest("exec", true, ssh.Marshal(struct{ Command string }{"scp -t " + path})); !ok || err != nil {
		t.Fatal(ok, err)
	}
	zero := make([]byte, 1)
	if _, err := io.ReadFull(ch, zero); err != nil {
		t.Fatal(err)
	}
	p.say(fromClient{Op: opPause, ID: v.req.Visit})
	await[*wire.Control](v)
	if _, err := io.WriteString(ch, "C0644 4 f\n"); err != nil {
		t.Fatal(err)
	}
	if l.starts(v.req.Visit, "exec", "scp -f /etc/hosts") { // refused, so what was said before has come
		t.Error("a copy begins while the visit is paused")
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a file was made while the visit was paused")
	}
	p.say(fromClient{Op: opResume, ID: v.req.Visit})
	if _, err := io.ReadFull(ch, zero); err != nil || zero[0] != 0 {
		t.Fatal(zero, err)
	}
	if _, err := io.WriteString(ch, "text\x00"); err != nil {
		t.Fatal(err)
	}
	_ = ch.CloseWrite()
	if _, err := io.ReadAll(ch); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "text" {
		t.Errorf("%q, %v", text, err)
	}
	_ = v.ch.Close()
	p.ended(v.req.Visit)
}

// TestFilesPaused: while the user has paused the visit nothing goes.
func TestFilesPaused(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	path := filepath.Join(e.dir, "f")
	v := l.openFor(p, wire.FilesGet, wire.FilesPut)
	c := l.files(v.req.Visit)
	p.say(fromClient{Op: opPause, ID: v.req.Visit})
	await[*wire.Control](v)
	made := make(chan error, 1)
	go func() { made <- c.Mkdir(path) }()
	if _, ok := l.rawFiles(v.req.Visit); ok {
		t.Error("files are served while the visit is paused")
	}
	select {
	case err := <-made:
		t.Errorf("a folder was made: %v", err)
	default:
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("a folder was made while the visit was paused")
	}
	p.say(fromClient{Op: opResume, ID: v.req.Visit})
	if err := <-made; err != nil {
		t.Error(err)
	}
	_ = v.ch.Close()
	p.ended(v.req.Visit)
}

// TestFilesOfTheOwnersFolders: nothing else is reached, nor by a tool that can't
// be kept to them.
func TestFilesOfTheOwnersFolders(t *testing.T) {
	dir := t.TempDir()
	e := newEvil(t, func(o *Options) { o.Config.Files = Files{Read: []string{dir}, Write: []string{}} })
	l, p := e.link(), e.sit()
	req := request()
	req.Capabilities = []wire.Capability{wire.FilesPut}
	if c := l.answer(l.ask(req)); c.Choice != wire.None || !strings.Contains(c.Why, "does not offer files.put") {
		t.Errorf("%+v", c)
	}
	v := l.openFor(p, wire.FilesGet)
	c := l.files(v.req.Visit)
	if _, err := c.ReadDir(dir); err != nil {
		t.Error(err)
	}
	for _, path := range []string{"/etc/passwd", dir + "/../x", e.dir} {
		if _, err := c.Stat(path); err == nil {
			t.Errorf("%s is seen", path)
		}
	}
	if err := l.run(v.req.Visit, "rsync --server --sender -re.i . /etc/passwd"); err == nil {
		t.Error("rsync reads what it wants")
	}
	_ = v.ch.Close()
	p.ended(v.req.Visit)
}

func TestFilesConfig(t *testing.T) {
	for _, bad := range []string{"", "relative", "~user", "/a/../b", "/a\x00", "~/../x"} {
		if (Files{Read: []string{bad}}).check() == nil || (Files{Write: []string{"/", bad}}).check() == nil {
			t.Errorf("%q is a folder", bad)
		}
	}
	if err := (Files{Read: []string{"/", "~", "~/Downloads", "/srv/a b"}}).check(); err != nil {
		t.Error(err)
	}
	if (Files{Read: make([]string, foldersMost+1)}).check() == nil {
		t.Error("too many folders")
	}
	if got := (Files{Read: []string{"/"}}).capabilities(); len(got) != 1 || got[0] != wire.FilesGet {
		t.Errorf("%v", got)
	}
}
