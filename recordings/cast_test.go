package recordings

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// TestExactBytes records 20 MB of random bytes in random pieces on two streams
// at once, and gets them back byte for byte.
func TestExactBytes(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	s := shell(t, r, ptyInfo)
	random := rand.New(rand.NewPCG(9, 10))
	var out, errs bytes.Buffer
	p := make([]byte, 256<<10)
	for out.Len()+errs.Len() < 20_000_000 {
		p = p[:1+random.IntN(cap(p))]
		if random.IntN(3) == 0 {
			p = p[:1+random.IntN(min(len(p), 5))]
		}
		for i := range p {
			p[i] = byte(random.Uint32())
		}
		if random.IntN(4) == 0 {
			must(t, s.ErrorOutput(p))
			errs.Write(p)
		} else {
			must(t, s.Output(p))
			out.Write(p)
		}
	}
	must(t, s.Close(Exit{}))
	seal(t, r)
	path := filepath.Join(dirOf(root, r.ID()), s.Name())
	if !bytes.Equal(bytesOf(t, path, Stdout), out.Bytes()) || !bytes.Equal(bytesOf(t, path, Stderr), errs.Bytes()) {
		t.Error("the bytes are not what was recorded")
	}
	wantOK(t, dirOf(root, r.ID()), StateComplete)
}

// TestStreams draws writes on three streams, and wants each byte back, and the
// text of each stream as a terminal would have it.
func TestStreams(t *testing.T) {
	l := openLibrary(t, t.TempDir())
	r := create(t, l, visitNumber(1))
	part := rapid.OneOf(
		rapid.SliceOfN(rapid.Byte(), 0, 20),
		rapid.SliceOfN(rapid.SampledFrom([]byte("\xe2\x82\xac\xf0\x9f\x99\x82\xef\xbf\xbd\xc2\x9b\"\\\x00a")), 0, 20),
		rapid.Custom(func(t *rapid.T) []byte { return []byte(rapid.String().Draw(t, "text")) }),
	)
	rapid.Check(t, func(rt *rapid.T) {
		s := shell(t, r, ptyInfo)
		var want [3][]byte
		for range rapid.IntRange(0, 20).Draw(rt, "writes") {
			i, p := rapid.IntRange(0, 2).Draw(rt, "stream"), part.Draw(rt, "part")
			must(t, []func([]byte) error{s.Output, s.ErrorOutput, s.Input}[i](p))
			want[i] = append(want[i], p...)
		}
		path := filepath.Join(dirOf(l.cfg.Dir, r.ID()), s.Name())
		check := func() {
			for i, stream := range []Stream{Stdout, Stderr, Stdin} {
				if got := bytesOf(t, path, stream); !bytes.Equal(got, want[i]) {
					rt.Fatalf("stream %c: %q, want %q", stream, got, want[i])
				}
			}
		}
		check()
		must(t, s.Close(Exit{}))
		check()
		var shown [3]string
		for _, e := range eventsOf(t, path) {
			switch {
			case e.Kind == CastInput:
				shown[2] += e.Text
			case e.Kind == CastOutput && e.Stderr:
				shown[1] += e.Text
			case e.Kind == CastOutput:
				shown[0] += e.Text
			}
		}
		for i, text := range shown {
			if want := perByte(want[i]); text != want {
				rt.Fatalf("stream %d shows %q, want %q", i, text, want)
			}
		}
	})
	seal(t, r)
}

// perByte shows each byte that is no UTF-8 as U+FFFD.
func perByte(p []byte) string {
	var b strings.Builder
	for _, r := range string(p) {
		b.WriteRune(r)
	}
	return b.String()
}

// TestEscape compares the escapes written by hand with encoding/json.
func TestEscape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOf(rapid.Byte()).Draw(t, "bytes")
		checkEscape(t, p)
		checkEscape(t, []byte(rapid.String().Draw(t, "text")))
	})
	all := make([]byte, 0, 256*10)
	for i := range 256 {
		all = append(append(all, byte(i)), "a plain "...)
	}
	for r := rune(0); r < 0x300; r++ {
		all = utf8.AppendRune(all, r)
	}
	checkEscape(t, all)
}

func checkEscape(t interface{ Fatalf(string, ...any) }, p []byte) {
	text, raw, broken := appendText([]byte(`"`), nil, p)
	var got string
	if err := json.Unmarshal(append(text, '"'), &got); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	if want := perByte(p); got != want {
		t.Fatalf("%q became %q, want %q", p, got, want)
	}
	if broken == utf8.Valid(p) {
		t.Fatalf("%q: broken is %v", p, broken)
	}
	if back := restore(got, raw); !bytes.Equal(back, p) {
		t.Fatalf("%q came back as %q", p, back)
	}
	for _, r := range string(text) {
		if r < ' ' || r >= 0x7F && r < 0xA0 {
			t.Fatalf("%q holds a control", text)
		}
	}
}

const goodHeader = `{"version":2,"width":80,"height":24}` + "\n"

func TestForeignCasts(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want int // events before the end
		bad  bool
		cut  bool
	}{
		"empty":              {goodHeader, 0, false, false},
		"spaces":             {goodHeader + " [ 1 , \"o\" , \"x\" ] \r\n", 1, false, false},
		"unknown code":       {goodHeader + `[1,"z","x"]` + "\n" + `[2,"o","x"]` + "\n", 1, false, false},
		"codes of ours":      {goodHeader + `[1,"b","x"]` + "\n" + `[1,"c","x"]` + "\n" + `[2,"o","x"]` + "\n", 1, false, false},
		"same time":          {goodHeader + `[1,"o","x"]` + "\n" + `[1.0,"o","x"]` + "\n", 2, false, false},
		"cut":                {goodHeader + `[1,"o","x"]` + "\n" + `[2,"o","x`, 1, false, true},
		"cut before newline": {goodHeader + `[1,"o","x"]`, 0, false, true},
		"surrogates":         {goodHeader + `[1,"o","\ud83d\ude42"]` + "\n", 1, false, false},
		"back in time":       {goodHeader + `[1,"o","x"]` + "\n" + `[0.9,"o","x"]` + "\n", 1, true, false},
		"negative":           {goodHeader + `[-1,"o","x"]` + "\n", 0, true, false},
		"negative zero":      {goodHeader + `[-0.0,"o","x"]` + "\n", 0, true, false},
		"NaN":                {goodHeader + `[NaN,"o","x"]` + "\n", 0, true, false},
		"infinite":           {goodHeader + `[1e999,"o","x"]` + "\n", 0, true, false},
		"a year":             {goodHeader + `[31536000,"o","x"]` + "\n", 0, true, false},
		"hex time":           {goodHeader + `[0x1p4,"o","x"]` + "\n", 0, true, false},
		"text as time":       {goodHeader + `["1","o","x"]` + "\n", 0, true, false},
		"two values":         {goodHeader + `[1,"o"]` + "\n", 0, true, false},
		"four values":        {goodHeader + `[1,"o","x",2]` + "\n", 0, true, false},
		"behind":             {goodHeader + `[1,"o","x"]]` + "\n", 0, true, false},
		"empty line":         {goodHeader + "\n", 0, true, false},
		"lone surrogate":     {goodHeader + `[1,"o","\ud83d"]` + "\n", 0, true, false},
		"bad escape":         {goodHeader + `[1,"o","\x41"]` + "\n", 0, true, false},
		"raw control":        {goodHeader + "[1,\"o\",\"\x1b\"]\n", 0, true, false},
		"raw control later":  {goodHeader + "[1,\"o\",\"\\n\x1b\"]\n", 0, true, false},
		"no UTF-8":           {goodHeader + "[1,\"o\",\"\xff\"]\n", 0, true, false},
		"long line":          {goodHeader + `[1,"o","` + strings.Repeat("x", maxLine) + `"]` + "\n", 0, true, false},
		"endless line":       {goodHeader + strings.Repeat("x", 3*maxLine), 0, true, false},
		"huge resize":        {goodHeader + `[1,"r","99999x99999"]` + "\n", 0, true, false},
		"no resize":          {goodHeader + `[1,"r","80"]` + "\n", 0, true, false},
	} {
		t.Run(name, func(t *testing.T) {
			cast, err := NewCast(strings.NewReader(c.text))
			must(t, err)
			var p Pos
			n := 0
			for ; ; n++ {
				if _, p, err = cast.ReadAt(p); err != nil {
					break
				}
			}
			if n != c.want || errors.Is(err, ErrCast) != c.bad || cast.Cut() != c.cut {
				t.Errorf("%d events, cut %v, %v", n, cast.Cut(), err)
			}
			if _, _, again := cast.ReadAt(p); again.Error() != err.Error() {
				t.Errorf("read again: %v, before: %v", again, err)
			}
		})
	}
}

func TestOurLines(t *testing.T) {
	header := `{"version":2,"width":80,"height":24,"accord":{"format":1,"visit":"","start":"2026-11-22T16:45:00Z","pty":true}}` + "\n"
	for name, text := range map[string]string{
		"unknown code":      `[1,"z",""]`,
		"stderr of input":   `[1,"e",""]` + "\n" + `[1,"i","x"]`,
		"stderr of exit":    `[1,"e",""]` + "\n" + `[1,"x","0"]`,
		"stderr twice":      `[1,"e",""]` + "\n" + `[1,"e",""]`,
		"stderr, resize":    `[1,"e",""]` + "\n" + `[1,"r","1x1"]`,
		"stderr with text":  `[1,"e","x"]`,
		"bytes twice":       `[1,"b","/w=="]` + "\n" + `[1,"b","/w=="]`,
		"bytes of a mark":   `[1,"b","/w=="]` + "\n" + `[1,"m","x"]`,
		"bytes malformed":   `[1,"b","/x"]` + "\n" + `[1,"o","x"]`,
		"too many bytes":    `[1,"b","//8="]` + "\n" + `[1,"o","\ufffd"]`,
		"too few bytes":     `[1,"b","/w=="]` + "\n" + `[1,"o","\ufffd\ufffd"]`,
		"bytes for ASCII":   `[1,"b","QQ=="]` + "\n" + `[1,"o","\ufffd"]`,
		"carry of nothing":  `[1,"c","o"]`,
		"carry of no one":   `[1,"c","z4oI="]`,
		"carry too long":    `[1,"c","o4oKC4oI="]`,
		"carry without all": `[1,"c",""]`,
	} {
		cast, err := NewCast(strings.NewReader(header + text + "\n"))
		must(t, err)
		if _, _, err := cast.ReadAt(Pos{}); !errors.Is(err, ErrCast) {
			t.Errorf("%s: %v", name, err)
		}
	}
	cast, err := NewCast(strings.NewReader(header + `[1,"e",""]` + "\n"))
	must(t, err)
	if _, p, err := cast.ReadAt(Pos{}); err != io.EOF || !cast.Cut() || p.count != 0 {
		t.Errorf("half an event: %v, at %+v", err, p)
	}
}

func TestBadHeaders(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":     "",
		"no newline":  strings.TrimSpace(goodHeader),
		"no JSON":     "hello\n",
		"version 1":   `{"version":1,"width":80,"height":24}` + "\n",
		"version 3":   `{"version":3,"term":{"cols":80,"rows":24}}` + "\n",
		"no size":     `{"version":2}` + "\n",
		"huge":        `{"version":2,"width":80,"height":2400000}` + "\n",
		"negative":    `{"version":2,"width":-80,"height":24}` + "\n",
		"old":         `{"version":2,"width":80,"height":24,"timestamp":-5}` + "\n",
		"format":      `{"version":2,"width":80,"height":24,"accord":{"format":2}}` + "\n",
		"no UTF-8":    "{\"version\":2,\"width\":80,\"height\":24,\"title\":\"\xff\"}\n",
		"long header": `{"version":2,"width":80,"height":24,"title":"` + strings.Repeat("x", maxLine) + "\"}\n",
	} {
		if _, err := NewCast(strings.NewReader(text)); !errors.Is(err, ErrCast) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := OpenCast(t.TempDir()); err == nil {
		t.Error("a folder was opened")
	}
}

// TestFollow reads a cast while it is written.
func TestFollow(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	s := shell(t, r, ptyInfo)
	c, err := OpenCast(filepath.Join(dirOf(root, r.ID()), s.Name()))
	must(t, err)
	defer c.Close()
	var p Pos
	var e CastEvent
	for i := range 1000 {
		if _, _, err := c.ReadAt(p); err != io.EOF {
			t.Fatalf("before %d was written: %v", i, err)
		}
		want := strings.Repeat(strconv.Itoa(i), 1+i%300)
		must(t, s.Output([]byte(want)))
		if e, p, err = c.ReadAt(p); err != nil || e.Text != want {
			t.Fatalf("%d: %q, %v", i, e.Text, err)
		}
	}
	seal(t, r)
}

// TestRandomAccess reads places in any order.
func TestRandomAccess(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	s := shell(t, r, ptyInfo)
	random := rand.New(rand.NewPCG(11, 12))
	for range 200 {
		must(t, s.Output(randomOutput(random, 1+random.IntN(3000))))
	}
	must(t, s.Close(Exit{}))
	seal(t, r)
	c, err := OpenCast(filepath.Join(dirOf(root, r.ID()), s.Name()))
	must(t, err)
	defer c.Close()
	var places []Pos
	var texts []string
	var last time.Duration
	for p := (Pos{}); ; {
		e, next, err := c.ReadAt(p)
		if err == io.EOF {
			break
		}
		must(t, err)
		if e.Time < last {
			t.Error("time goes back")
		}
		places, texts = append(places, p), append(texts, e.Text)
		p, last = next, e.Time
	}
	for range 500 {
		i := random.IntN(len(places))
		if e, _, err := c.ReadAt(places[i]); err != nil || e.Text != texts[i] {
			t.Fatalf("event %d: %v", i, err)
		}
	}
}

// TestStockPlayer plays a cast with asciinema. It wants a terminal of its own.
func TestStockPlayer(t *testing.T) {
	player, err := exec.LookPath("asciinema")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("asciinema is not installed")
		}
		t.Skip("asciinema is not installed")
	}
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	s := shell(t, r, ptyInfo)
	random := rand.New(rand.NewPCG(13, 14))
	var sent []byte
	for range 50 {
		p := randomOutput(random, 1+random.IntN(5000))
		must(t, s.Output(p))
		must(t, s.Resize(80+random.IntN(80), 24))
		sent = append(sent, p...)
	}
	must(t, s.Mark("here"))
	must(t, s.Close(Exit{}))
	seal(t, r)

	cmd := exec.Command(player, "cat", filepath.Join(dirOf(root, r.ID()), s.Name()))
	cmd.Env = append(os.Environ(), "PYTHONIOENCODING=utf-8", "LC_ALL=C.UTF-8", "HOME="+root)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	cmd.Stdin = terminal(t)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, errs.Bytes())
	}
	if want := perByte(sent); string(out) != want {
		t.Errorf("it plays %d bytes that are not the %d recorded", len(out), len(want))
	}
}

// terminal opens a pty and gives its terminal side.
func terminal(t *testing.T) *os.File {
	t.Helper()
	ptmx, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { ptmx.Close() })
	must(t, unix.IoctlSetPointerInt(int(ptmx.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(ptmx.Fd()), unix.TIOCGPTN)
	must(t, err)
	tty, err := os.OpenFile("/dev/pts/"+strconv.Itoa(n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { tty.Close() })
	return tty
}

// FuzzCast reads a hostile cast: it ends, within its limits, and what it gives
// can be shown.
func FuzzCast(f *testing.F) {
	f.Add([]byte(goodHeader + `[1,"o","x"]` + "\n"))
	f.Add([]byte(`{"version":2,"width":80,"height":24,"accord":{"format":1}}` + "\n" + `[0.5,"e",""]` + "\n" + `[0.5,"b","/w=="]` + "\n" + `[0.5,"o","\ufffd"]` + "\n" + `[1,"c","o4oI="]` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := NewCast(bytes.NewReader(text))
		if err != nil {
			return
		}
		var last time.Duration
		for p := (Pos{}); ; {
			e, next, err := c.ReadAt(p)
			if err != nil {
				break
			}
			if next.offset <= p.offset || e.Time < last || e.Time > maxCastTime || !utf8.ValidString(e.Text) {
				t.Fatalf("%+v", e)
			}
			e.Bytes()
			p, last = next, e.Time
		}
		_, _ = c.WriteStream(io.Discard, Stdout)
	})
}

// FuzzLine compares the parser written by hand with encoding/json: what it
// takes, encoding/json takes in the same sense.
func FuzzLine(f *testing.F) {
	f.Add([]byte(`[1.5,"o","a\u001b\n\ud83d\ude42"]`))
	f.Add([]byte("[1,\"o\",\"\x7f\"] "))
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := parseLine(line)
		if err != nil {
			return
		}
		var parts []any
		if err := json.Unmarshal(line, &parts); err != nil || len(parts) != 3 {
			t.Fatalf("%q is no list of three: %v", line, err)
		}
		if parts[1] != string(e.Kind) || parts[2] != e.Text {
			t.Fatalf("%q was read as %+v", line, e)
		}
	})
}

// FuzzShell writes hostile bytes in two pieces and reads them back.
func FuzzShell(f *testing.F) {
	f.Add([]byte("a\xe2\x82"), []byte("\xac\xff"))
	f.Add([]byte("\xf0\x9f"), []byte("\uFFFD"))
	l := openLibrary(f, f.TempDir())
	r := create(f, l, visitNumber(1))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		s := &Shell{rec: r, name: "fuzz", start: time.Now(), carry: make(map[byte][]byte)}
		e := encoder{lines: []byte(`{"version":2,"width":80,"height":24,"accord":{"format":1}}` + "\n")}
		s.encode(&e, outStream, a, true)
		s.encode(&e, outStream, b, true)
		c, err := NewCast(bytes.NewReader(e.lines))
		must(t, err)
		var got bytes.Buffer
		_, err = c.WriteStream(&got, Stdout)
		must(t, err)
		if want := append(a[:len(a):len(a)], b...); !bytes.Equal(got.Bytes(), want) {
			t.Errorf("%q, want %q", got.Bytes(), want)
		}
	})
}

// FuzzTimeline reads hostile events.
func FuzzTimeline(f *testing.F) {
	f.Add([]byte(`{"t":1,"at":"2026-11-22T16:45:00Z","kind":"opened"}` + "\n" + `{"t":`))
	f.Fuzz(func(t *testing.T, text []byte) {
		n := 0
		for e, err := range parseTimeline(bytes.NewReader(text)) {
			if err != nil {
				break
			}
			if n++; n > len(text) || e.Kind == "" || e.T < 0 {
				t.Fatalf("%+v", e)
			}
		}
	})
}
