package recordings

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// TestVisit tells one visit from its opening to its seal.
func TestVisit(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	id := visitNumber(1)
	r := create(t, l, id)
	first := r.Head()
	if first.Seq != 1 {
		t.Fatalf("the chain starts at line %d", first.Seq)
	}
	must(t, r.Event("prompt", map[string]string{"state": "shown"}))
	s := shell(t, r, ptyInfo)
	must(t, s.Output([]byte("hello \x1b[1mworld\x1b[m\r\n")))
	must(t, s.Resize(120, 40))
	must(t, s.Mark("here"))
	must(t, s.Input([]byte("exit\r")))
	must(t, s.Close(Exit{Status: 3}))
	cmd := shell(t, r, ShellInfo{Command: "uname -a"})
	must(t, cmd.Output([]byte("Linux\n")))
	must(t, cmd.ErrorOutput([]byte("oops\n")))
	must(t, cmd.Close(Exit{Status: -1, Signal: "KILL"}))
	head := seal(t, r)

	dir := dirOf(root, id)
	report := wantOK(t, dir, StateComplete, first, head)
	if report.Head != head || report.Tail != 0 {
		t.Errorf("report %+v", report)
	}
	v := report.Visit
	if v.End == nil || v.End.By != "user" || v.End.Shells != 2 || v.End.Bytes == 0 || v.Technician.Name != "alice" {
		t.Errorf("visit %+v, end %+v", v, v.End)
	}
	wantNames(t, dir, "001.cast", "002.cast", "chain.jsonl", "seal", "timeline.jsonl", "visit.json")
	wantEvents(t, filepath.Join(dir, "001.cast"), "o hello \x1b[1mworld\x1b[m\r\n", "r 120x40", "m here", "i exit\r", "x 3")
	wantEvents(t, filepath.Join(dir, "002.cast"), "o Linux\n", "O oops\n", "x signal KILL")
	wantTimeline(t, dir, "opened", "prompt", "shell", "exit", "shell", "exit", "ended")
}

func wantNames(t *testing.T, dir string, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	must(t, err)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
		info, err := e.Info()
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", e.Name(), info.Mode())
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("files %q, want %q", names, want)
	}
}

func wantEvents(t *testing.T, path string, want ...string) {
	t.Helper()
	var got []string
	for _, e := range eventsOf(t, path) {
		kind := string(e.Kind)
		if e.Stderr {
			kind = strings.ToUpper(kind)
		}
		got = append(got, kind+" "+e.Text)
	}
	if !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func wantTimeline(t *testing.T, dir string, want ...string) {
	t.Helper()
	var got []string
	last := -1.0
	for e, err := range ReadTimeline(dir) {
		must(t, err)
		if e.Kind != KindTorn && e.T < last {
			t.Errorf("event %s at %v, after %v", e.Kind, e.T, last)
		}
		got, last = append(got, e.Kind), e.T
	}
	if !slices.Equal(got, want) {
		t.Errorf("timeline %q, want %q", got, want)
	}
}

// TestWrittenBeforeReturn is promise P1: after Output the bytes are in the
// file, unfinished characters included, without any flush.
func TestWrittenBeforeReturn(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	s := shell(t, r, ptyInfo)
	path := filepath.Join(dirOf(root, r.ID()), s.Name())
	var sent []byte
	for _, part := range []string{"a", "\xe2", "\x82", "\xac", "\xf0\x9f", "x", "\xff", "€\xe2\x82"} {
		must(t, s.Output([]byte(part)))
		sent = append(sent, part...)
		if got := bytesOf(t, path, Stdout); !bytes.Equal(got, sent) {
			t.Fatalf("after %q the file holds %q, want %q", part, got, sent)
		}
	}
	must(t, s.Close(Exit{}))
	if got := bytesOf(t, path, Stdout); !bytes.Equal(got, sent) {
		t.Fatalf("at the end the file holds %q, want %q", got, sent)
	}
	text := ""
	for _, e := range eventsOf(t, path) {
		if e.Kind == CastOutput {
			text += e.Text
		}
	}
	if want := "a€\uFFFD\uFFFDx\uFFFD€\uFFFD\uFFFD"; text != want {
		t.Errorf("players show %q, want %q", text, want)
	}
	seal(t, r)
}

// TestFlushes shows both reasons for a flush, and none without one.
func TestFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := openLibrary(t, t.TempDir())
		r := create(t, l, visitNumber(1))
		s := shell(t, r, ptyInfo)
		time.Sleep(flushEvery)
		synctest.Wait()
		quiet := r.Head()
		if quiet.Seq != 2 {
			t.Errorf("line %d after the first interval", quiet.Seq)
		}
		time.Sleep(time.Hour)
		synctest.Wait()
		if r.Head() != quiet {
			t.Error("a quiet recording was flushed")
		}
		must(t, s.Output([]byte("x")))
		time.Sleep(flushEvery)
		synctest.Wait()
		if r.Head().Seq != 3 {
			t.Error("one byte was not flushed within the interval")
		}
		must(t, s.Output(bytes.Repeat([]byte("x"), flushBytes)))
		synctest.Wait()
		if r.Head().Seq != 4 {
			t.Error("64 KiB were not flushed at once")
		}
		seal(t, r)
	})
}

func TestEnded(t *testing.T) {
	l := openLibrary(t, t.TempDir())
	r := create(t, l, visitNumber(1))
	s := shell(t, r, ptyInfo)
	closed := shell(t, r, ptyInfo)
	must(t, closed.Close(Exit{}))
	seal(t, r)
	_, sealErr := r.Seal(End{})
	_, shellErr := r.Shell(ptyInfo)
	for name, err := range map[string]error{
		"Output": s.Output([]byte("x")), "Resize": s.Resize(1, 1), "Close": s.Close(Exit{}),
		"closed": closed.Output([]byte("x")), "Event": r.Event("prompt", nil), "Seal": sealErr, "Shell": shellErr,
	} {
		if !errors.Is(err, ErrSealed) {
			t.Errorf("%s after the seal: %v", name, err)
		}
	}
	if _, err := l.Create(testVisit(r.ID())); !errors.Is(err, ErrExists) {
		t.Errorf("a second recording of the visit: %v", err)
	}
}

func TestRefused(t *testing.T) {
	l := openLibrary(t, t.TempDir())
	r := create(t, l, visitNumber(1))
	s := shell(t, r, ptyInfo)
	_, command := r.Shell(ShellInfo{Command: strings.Repeat("x", maxCommand+1)})
	for name, err := range map[string]error{
		"own kind":     r.Event(KindEnded, nil),
		"kind":         r.Event("No Kind", nil),
		"value":        r.Event("prompt", make(chan int)),
		"large value":  r.Event("prompt", strings.Repeat("x", maxLine)),
		"long mark":    s.Mark(strings.Repeat("x", 5000)),
		"long command": command,
	} {
		if err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	must(t, r.Err())
	must(t, s.Output([]byte("still there")))
	seal(t, r)
}

func TestBadVisits(t *testing.T) {
	l := openLibrary(t, t.TempDir())
	for name, change := range map[string]func(*Visit){
		"id":        func(v *Visit) { v.ID = "../../etc" },
		"day":       func(v *Visit) { v.ID = "20261399-164500-abcdefgh" },
		"device":    func(v *Visit) { v.Device.Name = "" },
		"UTF-8":     func(v *Visit) { v.Reason = "\xff" },
		"statement": func(v *Visit) { v.Consent.Statement = strings.Repeat("x", maxVisit) },
	} {
		v := testVisit(visitNumber(1))
		change(&v)
		_, err := l.Create(v)
		if f := new(Failure); !errors.As(err, &f) || f.Sentence == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	entries, err := l.List("", 10)
	must(t, err)
	if len(entries) != 0 {
		t.Errorf("a refused visit left %q", entries[0].Dir)
	}
	must(t, filepath.WalkDir(l.cfg.Dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			t.Errorf("%s was left", path)
		}
		return err
	}))
}

// TestManyAtOnce writes from many goroutines, while the recording is sealed.
func TestManyAtOnce(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	var group sync.WaitGroup
	started := make(chan struct{}, 8)
	for range 8 {
		group.Go(func() {
			s, err := r.Shell(ptyInfo)
			for i := 0; err == nil; i++ {
				if err = s.Output(bytes.Repeat([]byte("é"), 5000)); err == nil {
					err = r.Event("tick", i)
				}
				if i == 20 {
					started <- struct{}{}
				}
			}
			if !errors.Is(err, ErrSealed) {
				t.Error(err)
			}
		})
	}
	for range 8 {
		<-started
	}
	head := seal(t, r)
	group.Wait()
	wantOK(t, dirOf(root, r.ID()), StateComplete, head)
}

// TestManyShells shows that files are closed when they are done.
func TestManyShells(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	for range 200 {
		s := shell(t, r, ShellInfo{Command: "true"})
		must(t, s.Output([]byte("done\n")))
		must(t, s.Close(Exit{}))
	}
	waitHead(t, r, 1)
	must(t, r.Event("tick", nil))
	for seq := r.Head().Seq; ; seq = waitHead(t, r, seq).Seq {
		r.mu.Lock()
		open := len(r.files)
		r.mu.Unlock()
		if open == 1 {
			break
		}
		must(t, r.Event("tick", nil))
	}
	seal(t, r)
	report := wantOK(t, dirOf(root, r.ID()), StateComplete)
	if report.Visit.End.Shells != 200 {
		t.Errorf("%d shells", report.Visit.End.Shells)
	}
}

func TestCommandThatIsNotText(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	s := shell(t, r, ShellInfo{Command: "rm caf\xe9", Term: "dumb", Width: 1 << 30})
	seal(t, r)
	c, err := OpenCast(filepath.Join(dirOf(root, r.ID()), s.Name()))
	must(t, err)
	defer c.Close()
	h := c.Header()
	if h.Command != "rm caf\xe9" || h.Term != "dumb" || h.Width != maxSide || h.Height != 1 || h.Visit != r.ID() || h.PTY {
		t.Errorf("header %+v", h)
	}
}

func TestConfig(t *testing.T) {
	must(t, Default().Check())
	for key, c := range map[string]Config{
		"recordings.dir":          {},
		"recordings.min_free_mib": {Dir: "x", MinFreeMiB: -1},
	} {
		if err := c.Check(); err == nil || !strings.Contains(err.Error(), key) {
			t.Errorf("%+v: %v", c, err)
		}
		if _, err := Open(c, testSign); err == nil {
			t.Errorf("%+v was opened", c)
		}
	}
	if err := (Config{Dir: "a\x00b"}).Check(); err == nil {
		t.Error("a NUL was taken")
	}
	if _, err := Open(Config{Dir: t.TempDir()}, nil); err == nil {
		t.Error("no key was taken")
	}
}

func TestTooLittleSpace(t *testing.T) {
	l, err := Open(Config{Dir: t.TempDir(), MinFreeMiB: 1 << 30}, testSign)
	must(t, err)
	defer l.Close()
	_, err = l.Create(testVisit(visitNumber(1)))
	f := new(Failure)
	if !errors.As(err, &f) || !strings.Contains(f.Sentence, "disk is full") || strings.Contains(f.Sentence, l.cfg.Dir) {
		t.Errorf("%v, sentence %q", err, f.Sentence)
	}
}

func TestInUse(t *testing.T) {
	dir := t.TempDir()
	openLibrary(t, dir)
	if _, err := Open(Config{Dir: dir}, testSign); !errors.Is(err, ErrInUse) {
		t.Errorf("opened twice: %v", err)
	}
}

// TestVisitJSON pins the files that people and other programs read.
func TestVisitJSON(t *testing.T) {
	text, err := testVisit(visitNumber(1)).normal().encode()
	must(t, err)
	v, err := decodeVisit(text)
	must(t, err)
	if v.Consent.Statement != testVisit("").Consent.Statement {
		t.Errorf("the statement came back as %q", v.Consent.Statement)
	}
	for name, bad := range map[string][]byte{
		"unknown field":    bytes.Replace(text, []byte(`"gateway"`), []byte(`"gatevay"`), 1),
		"other case":       bytes.Replace(text, []byte(`"gateway"`), []byte(`"Gateway"`), 1),
		"something behind": append(slices.Clone(text), '{'),
		"spaces":           append(slices.Clone(text), ' '),
		"nothing":          nil,
	} {
		if _, err := decodeVisit(bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if !json.Valid(text) {
		t.Error("no JSON")
	}
}
