package recordings

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

var at = time.Date(2026, 11, 22, 16, 45, 0, 123e6, time.UTC)

// TestLinkGolden pins a line of the chain: other programs read it, and one
// that is spelled otherwise would have another head.
func TestLinkGolden(t *testing.T) {
	l := link{Seq: 2, Time: at, Prev: sumOf(nil), Files: []extent{{"001.cast", 10, 20, sumOf([]byte("x"))}}}
	line, err := l.encode()
	must(t, err)
	const want = `{"seq":2,"time":"2026-11-22T16:45:00.123Z","prev":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",` +
		`"files":[{"name":"001.cast","from":10,"size":20,"sha256":"2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}]}` + "\n"
	if string(line) != want {
		t.Errorf("%s", line)
	}
	got, err := decodeLink(line)
	must(t, err)
	if got.Files[0] != l.Files[0] || got.Prev != l.Prev || !got.Time.Equal(l.Time) {
		t.Errorf("%+v", got)
	}
}

func TestBadLinks(t *testing.T) {
	l := link{Seq: 2, Time: at, Files: []extent{{"001.cast", 10, 20, sum{}}, {timelineFile, 0, 5, sum{}}}}
	good, err := l.encode()
	must(t, err)
	_, err = decodeLink(good)
	must(t, err)
	for name, change := range map[string][2]string{
		"space":          {`{"seq"`, `{ "seq"`},
		"unknown field":  {`"seq":2`, `"seq":2,"x":1`},
		"field twice":    {`"seq":2`, `"seq":2,"seq":2`},
		"other case":     {`"seq"`, `"Seq"`},
		"negative":       {`"from":10`, `"from":-1`},
		"nothing new":    {`"size":20`, `"size":10`},
		"backwards":      {`"size":20`, `"size":5`},
		"path":           {`001.cast`, `../../x.cast`},
		"chain":          {timelineFile, chainFile},
		"seal":           {timelineFile, sealFile},
		"same file":      {timelineFile, "001.cast"},
		"upper case hex": {`"sha256":"00`, `"sha256":"AB`},
		"short hex":      {`"sha256":"00`, `"sha256":"`},
		"escape":         {"001.cast", `\u00301.cast`},
		"other zone":     {`.123Z`, `.123+01:00`},
		"no newline":     {"\n", ""},
		"two newlines":   {"\n", "\n\n"},
	} {
		bad := bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(bad, good) {
			t.Fatalf("%s changes nothing", name)
		}
		if _, err := decodeLink(bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
	if _, err := decodeLink([]byte(`{"seq":1,"time":"2026-11-22T16:45:00Z","prev":"` + strings.Repeat("0", 64) + `","files":[]}` + "\n")); err == nil {
		t.Error("a line that covers nothing was taken")
	}
}

// TestSealGolden pins the statement that is signed.
func TestSealGolden(t *testing.T) {
	s := sealed{Format: sealFormat, Visit: visitNumber(1), State: StateComplete, Sealed: at, Seq: 3,
		Files: []fileSum{{"001.cast", 5, sum{}}}}
	text, err := s.encode()
	must(t, err)
	zeros := strings.Repeat("0", 64)
	want := `{
  "format": "accord recording seal 1",
  "visit": "20261122-164500-aaaaaaab",
  "state": "complete",
  "sealed": "2026-11-22T16:45:00.123Z",
  "chain_seq": 3,
  "chain_head": "` + zeros + `",
  "files": [
    {
      "name": "001.cast",
      "size": 5,
      "sha256": "` + zeros + `"
    }
  ]
}
`
	if string(text) != want {
		t.Errorf("%s", text)
	}
}

func TestBadSeals(t *testing.T) {
	s := sealed{Format: sealFormat, Visit: visitNumber(1), State: StateComplete, Sealed: at, Seq: 3,
		Files: []fileSum{{"001.cast", 5, sum{}}, {chainFile, 5, sum{}}}}
	text, err := s.encode()
	must(t, err)
	armored, err := testSign(text)
	must(t, err)
	good := append(text, armored...)
	_, _, _, err = parseSeal(good)
	must(t, err)
	for name, change := range map[string][2]string{
		"format":            {"seal 1", "seal 2"},
		"state":             {"complete", "open"},
		"spaces":            {"  \"visit\"", "   \"visit\""},
		"unknown field":     {`"chain_seq": 3`, `"chain_sec": 3`},
		"negative":          {`"size": 5`, `"size": -5`},
		"path":              {"001.cast", "../001.cast"},
		"order":             {"001.cast", "timeline.jsonl"},
		"no signature":      {string(armored), ""},
		"two signatures":    {string(armored), string(armored) + string(armored)},
		"signature's start": {beginSig, "-----BEGIN SSH SIGNATURE----\n"},
		"signature's end":   {endSig, "\n-----END SSH SIGNATURE----\n"},
		"empty signature":   {string(armored), beginSig + endSig[1:]},
		"behind":            {endSig, endSig + "x"},
		"carriage return":   {endSig, "\r" + endSig},
		"empty line":        {beginSig, beginSig + "\n"},
		"PEM header":        {beginSig, beginSig + "X: y\n\n"},
	} {
		bad := bytes.Replace(good, []byte(change[0]), []byte(change[1]), 1)
		if bytes.Equal(bad, good) {
			t.Fatalf("%s changes nothing", name)
		}
		if _, _, _, err := parseSeal(bad); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}

// TestCastGolden pins the lines of a cast.
func TestCastGolden(t *testing.T) {
	var e encoder
	e.piece(outStream, 1500*time.Millisecond, nil, []byte("a\x1b[1m\"é\\\r\n\t\x7f\u009b"))
	e.piece(outStream, 2*time.Second, []byte("€"), []byte("\xff\uFFFD"))
	e.piece(errStream, 61*time.Second+time.Microsecond, nil, []byte("no"))
	e.piece(inStream, 61*time.Second+time.Microsecond, nil, []byte("\b"))
	e.carry(outStream, 62*time.Second, []byte("\xe2\x82"))
	e.event(63*time.Second, 'r', "80x24")
	const want = `[1.500000,"o","a\u001b[1m\"é\\\r\n\t\u007f\u009b"]
[2.000000,"b","/wA="]
[2.000000,"o","€��"]
[61.000001,"e",""]
[61.000001,"o","no"]
[61.000001,"i","\b"]
[62.000000,"c","o4oI="]
[63.000000,"r","80x24"]
`
	if string(e.lines) != want {
		t.Errorf("%s", e.lines)
	}
}

func TestHeaderGolden(t *testing.T) {
	s := &Shell{rec: &Recording{opened: Visit{ID: visitNumber(1)}}, start: at}
	line, err := json.Marshal(s.header(ShellInfo{Width: 80, Height: 24, Term: "xterm", Command: "ls", Login: "root", PTY: true}))
	must(t, err)
	const want = `{"version":2,"width":80,"height":24,"timestamp":1795365900,"command":"ls","env":{"TERM":"xterm"},` +
		`"accord":{"format":1,"visit":"20261122-164500-aaaaaaab","start":"2026-11-22T16:45:00.123Z","login":"root","pty":true}}`
	if string(line) != want {
		t.Errorf("%s", line)
	}
}

func TestTimelineLines(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want []string // kinds before the end or the error
		bad  bool
	}{
		"good":          {`{"t":1,"at":"2026-11-22T16:45:00Z","kind":"tick","data":{"a":[1]}}` + "\n", []string{"tick"}, false},
		"cut":           {`{"t":1,"at":"2026-11-22T16:45:00Z","kind":"tick"}` + "\n" + `{"t":2,"at`, []string{"tick", KindTorn}, false},
		"zeros":         {"\x00\x00\x00", []string{KindTorn}, false},
		"end after cut": {`{"t":2,"at` + "\n" + `{"t":1,"at":"2026-11-22T16:45:00Z","kind":"ended"}` + "\n", []string{KindTorn, KindEnded}, false},
		"negative":      {`{"t":-1,"at":"2026-11-22T16:45:00Z","kind":"tick"}` + "\n", nil, true},
		"kind":          {`{"t":1,"at":"2026-11-22T16:45:00Z","kind":"No Kind"}` + "\n", nil, true},
		"torn":          {`{"t":1,"at":"2026-11-22T16:45:00Z","kind":"torn"}` + "\n", nil, true},
		"unknown field": {`{"t":1,"at":"2026-11-22T16:45:00Z","kind":"tick","x":1}` + "\n", nil, true},
		"no object":     {"[]\n", nil, true},
		"long":          {strings.Repeat("x", maxLine+1), nil, true},
	} {
		var kinds []string
		var last error
		for e, err := range parseTimeline(strings.NewReader(c.text)) {
			if last = err; err == nil {
				kinds = append(kinds, e.Kind)
			}
		}
		if !slices.Equal(kinds, c.want) || (last != nil) != c.bad {
			t.Errorf("%s: %q, %v", name, kinds, last)
		}
	}
}

func TestSentences(t *testing.T) {
	for cause, want := range map[error]string{
		syscall.ENOSPC: "disk is full", syscall.EDQUOT: "disk is full", syscall.EFBIG: "disk is full",
		syscall.EROFS: "may not write", syscall.EACCES: "may not write",
		syscall.EIO: "reports errors", errors.New("other"): "gateway's log",
	} {
		f := newFailure(fmt.Errorf("write /secret/path: %w", cause))
		if !strings.Contains(f.Sentence, want) || strings.Contains(f.Sentence, "/secret") || !strings.HasSuffix(f.Sentence, ".") {
			t.Errorf("%v: %q", cause, f.Sentence)
		}
		if !errors.Is(f, cause) || !strings.Contains(f.Error(), "/secret/path") {
			t.Errorf("the log gets %q", f.Error())
		}
		if again := newFailure(fmt.Errorf("seal: %w", f)); again != f {
			t.Error("a failure became another one")
		}
	}
}

// TestShortWrite lets a limit of the system cut a write in the middle, in a
// child process: what was written of it is taken back, so that the file ends
// with a whole line.
func TestShortWrite(t *testing.T) {
	dir := t.TempDir()
	out, err := childProcess(t, "short", dir).Output()
	if err != nil || string(out) != "ok\n" {
		t.Fatalf("%v: %s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(dir, "001.cast"))
	must(t, err)
	if string(text) != "whole\n" {
		t.Errorf("%q", text)
	}
}

func childShort() {
	signal.Ignore(syscall.SIGXFSZ)
	d, err := openFolder(os.Getenv("RECORDINGS_DIR"))
	exitOn(err)
	f, err := d.create("001.cast")
	exitOn(err)
	g, err := grow("001.cast", f, 0, nil)
	exitOn(err)
	exitOn(unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 10, Max: 10}))
	exitOn(g.append([]byte("whole\n")))
	if err := g.append([]byte("too long\n")); !errors.Is(err, syscall.EFBIG) || g.written.Load() != 6 {
		fmt.Println(err)
		return
	}
	fmt.Println("ok")
}

// TestFolder keeps a name inside the folder and refuses what is no file.
func TestFolder(t *testing.T) {
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "secret"), []byte("x"), 0o600))
	dir := t.TempDir()
	d, err := openFolder(dir)
	must(t, err)
	defer d.close()
	must(t, os.Symlink(filepath.Join(outside, "secret"), filepath.Join(dir, "link")))
	must(t, unix.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "folder"), 0o700))
	for _, name := range []string{"link", "fifo", "folder", "none", "../" + filepath.Base(outside) + "/secret", filepath.Join(outside, "secret")} {
		if f, err := d.open(name); err == nil {
			f.Close()
			t.Errorf("%s was opened", name)
		}
	}
	must(t, d.write("file", []byte("first")))
	for _, name := range []string{"file", "link"} {
		if f, err := d.create(name); err == nil {
			f.Close()
			t.Errorf("%s was created although it exists", name)
		}
	}
	must(t, os.WriteFile(filepath.Join(dir, "file"+fresh), []byte("left by a crash"), 0o600))
	must(t, d.replace("file", []byte("second")))
	text, err := d.read("file", 6)
	must(t, err)
	if string(text) != "second" || d.exists("file"+fresh) {
		t.Errorf("%q", text)
	}
	if _, err := d.read("file", 5); err == nil {
		t.Error("a file over the limit was read")
	}
	must(t, d.remove("none"))
}

func TestProblems(t *testing.T) {
	s := &survey{}
	for i := range int64(5) {
		s.add(Problem{File: "001.cast", From: i * 10, To: i*10 + 10, Before: at.Add(time.Duration(i) * time.Second), What: whatCut})
		s.add(Problem{File: timelineFile, From: i * 20, To: i*20 + 10, What: whatChanged})
	}
	if len(s.problems) != 6 || s.problems[0].To != 50 || !s.problems[0].Before.Equal(at.Add(4*time.Second)) {
		t.Errorf("%+v", s.problems)
	}
	for i := range int64(2 * maxProblems) {
		s.add(Problem{File: "x", From: i * 2, To: i*2 + 1, What: whatChanged})
	}
	if len(s.problems) != maxProblems {
		t.Errorf("%d problems", len(s.problems))
	}
	for want, p := range map[string]Problem{
		"seal: is missing":             {File: sealFile, What: whatMissing},
		"a, bytes 3 to 4: was changed": {File: "a", From: 3, To: 5, What: whatChanged},
		"a, bytes 0 to 0, written before 2026-11-22T16:45:00.123Z: was changed": {File: "a", To: 1, Before: at, What: whatChanged},
	} {
		if p.String() != want {
			t.Errorf("%q, want %q", p.String(), want)
		}
	}
}

func TestCharacters(t *testing.T) {
	for text, want := range map[string]int{
		"": 0, "a": 1, "é": 2, "\xc3": 0, "a\xe2\x82": 1, "a\xf0\x9f\x99": 1, "\xe2\x82\xac": 3,
		"\xff": 1, "\x80\x80\x80": 3, "\xe2a": 2, "\xf0\x9f\x99\x82": 4, "\xed\xa0": 2,
	} {
		if got := splitTail([]byte(text)); got != want {
			t.Errorf("%q is split at %d, want %d", text, got, want)
		}
	}
	for _, c := range []struct {
		carry, next, char string
		took              int
		whole             bool
	}{
		{"\xe2", "\x82\xacx", "€", 2, true},
		{"\xe2\x82", "\xac", "€", 1, true},
		{"\xf0\x9f", "\x99", "\xf0\x9f\x99", 1, false},
		{"\xe2", "x", "\xe2", 0, true},
		{"\xe2", "\xc3\xa9", "\xe2", 0, true},
		{"\xf0\x9f", "\x99x", "\xf0\x9f", 0, true},
		{"\xe2", "", "\xe2", 0, false},
	} {
		char, took, whole := completeRune([]byte(c.carry), []byte(c.next))
		if string(char) != c.char || took != c.took || whole != c.whole {
			t.Errorf("%q and %q: %q, %d, %v", c.carry, c.next, char, took, whole)
		}
	}
}
