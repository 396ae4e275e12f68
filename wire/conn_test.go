package wire

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

const (
	visitName = "20260102-030405-abcdefgh"
	hash      = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
)

func aRequest() Request {
	return Request{
		Visit: visitName, Organisation: "Example", Reason: "the printer <burns>", Ticket: "T-1", Minutes: 30, Login: "ada",
		Technician:   Technician{Name: "tom", Full: "Tom Tree", Key: "SHA256:abc", CharterVersion: "4", CharterSigned: "2026-10-03", TrainedUntil: "2027-05-01"},
		Capabilities: []Capability{Shell, FilesGet, "action:power-off"},
	}
}

// oneOfEach holds a message of every kind, with every field set.
func oneOfEach() []Message {
	request := aRequest()
	return []Message{
		&Hello{
			Agent: "1.0", Name: "laptop-7", OS: "linux", Arch: "amd64", Labels: map[string]string{"site": "lyon", "os": "debian"},
			Capabilities: []Capability{Shell}, Logins: []string{"ada", "root"}, Token: "secret",
		},
		&Welcome{Gateway: "1.0", Organisation: "Example", Device: "laptop-7"},
		&Denied{Sentence: "The token is spent.", Final: true},
		&request,
		&Prompt{State: Shown, Surface: "tmux"},
		&Answer{Statement: []byte("a"), Signature: []byte("b")},
		&Open{Head: Head{Seq: 1, Hash: hash}},
		&Head{Seq: 1<<64 - 1, Hash: hash},
		&End{By: "user", Cause: "The user stopped it.", Head: &Head{Seq: 2, Hash: hash}},
		&Card{Statement: []byte("a"), Signature: []byte("b")},
		&AskRelease{}, &GoBack{},
		&Release{Runs: "v1", Next: "v2", Failed: "v3", Why: "It did not come online."},
		&OfferRelease{Manifest: []byte("a"), Signature: []byte("b")},
		&SendRelease{System: "linux", Arch: "arm64", Size: 1},
		&ReleaseTaken{Version: "v2", Waits: true, Sentence: "No."},
	}
}

func encode(t interface{ Fatal(...any) }, m Message) []byte {
	var b bytes.Buffer
	if err := NewConn(struct {
		io.Reader
		io.Writer
	}{nil, &b}).Write(m); err != nil {
		t.Fatal(err)
	}
	if n := binary.BigEndian.Uint32(b.Bytes()); int(n) != b.Len()-4 {
		t.Fatal("the length is wrong")
	}
	return b.Bytes()[4:]
}

func TestMessagesComeBack(t *testing.T) {
	var b bytes.Buffer
	c := NewConn(&b)
	sent := oneOfEach()
	for _, m := range sent {
		if err := c.Write(m); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range sent {
		got, err := c.Read()
		if err != nil || !reflect.DeepEqual(got, m) {
			t.Errorf("%s came back as %+v, %v", m.kind(), got, err)
		}
	}
	for range 2 { // the end is sticky
		if _, err := c.Read(); !errors.Is(err, io.EOF) || errors.Is(err, ErrMessage) {
			t.Errorf("at the end: %v", err)
		}
	}
}

// newMessage knows every kind that there is.
func TestEveryKindIsKnown(t *testing.T) {
	seen := map[string]bool{}
	for _, m := range oneOfEach() {
		if got := newMessage(m.kind()); reflect.TypeOf(got) != reflect.TypeOf(m) || seen[m.kind()] {
			t.Errorf("kind %q makes a %T", m.kind(), got)
		}
		seen[m.kind()] = true
	}
}

func TestParseRefuses(t *testing.T) {
	head := `{"seq":1,"hash":"` + hash + `"}`
	good := `{"v":1,"kind":"head","body":` + head + `}`
	if _, err := parse([]byte(good)); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing":            "",
		"no JSON":            "SSH-2.0-OpenSSH_9.2\r\n",
		"null":               "null",
		"array":              "[]",
		"a second value":     good + good,
		"a newline behind":   good + "\n",
		"a space":            strings.Replace(good, ":", ": ", 1),
		"another version":    strings.Replace(good, `"v":1`, `"v":2`, 1),
		"unknown kind":       strings.Replace(good, `"kind":"head"`, `"kind":"haed\u001b"`, 1),
		"kind in capitals":   strings.Replace(good, `"kind":"head"`, `"kind":"Head"`, 1),
		"field in capitals":  strings.Replace(good, `"seq"`, `"Seq"`, 1),
		"unknown field":      strings.Replace(good, `{"seq":1`, `{"x":1,"seq":1`, 1),
		"field twice":        strings.Replace(good, `{"seq":1`, `{"seq":1,"seq":1`, 1),
		"fields in order":    strings.Replace(good, head, `{"hash":"`+hash+`","seq":1}`, 1),
		"field missing":      strings.Replace(good, `"seq":1,`, ``, 1),
		"envelope field":     strings.Replace(good, `"v":1`, `"v":1,"w":1`, 1),
		"no body":            `{"v":1,"kind":"head"}`,
		"null body":          strings.Replace(good, head, "null", 1),
		"body in a string":   strings.Replace(good, head, `"{}"`, 1),
		"number as a string": strings.Replace(good, `"seq":1`, `"seq":"1"`, 1),
		"number as a float":  strings.Replace(good, `"seq":1`, `"seq":1.0`, 1),
		"number with sign":   strings.Replace(good, `"seq":1`, `"seq":-1`, 1),
		"number too large":   strings.Replace(good, `"seq":1`, `"seq":18446744073709551616`, 1),
		"escaped letter":     strings.Replace(good, `"hash"`, `"has\u0068"`, 1),
		"hash in capitals":   strings.Replace(good, "aa", "AA", 1),
		"hash too short":     strings.Replace(good, "00", "", 1),
		"hash no hex":        strings.Replace(good, "00", "0g", 1),
		"broken UTF-8":       "{\"v\":1,\"kind\":\"denied\",\"body\":{\"sentence\":\"\xff\",\"final\":false}}",
		"half a surrogate":   `{"v":1,"kind":"denied","body":{"sentence":"\ud800","final":false}}`,
		"bare angle":         `{"v":1,"kind":"denied","body":{"sentence":"<","final":false}}`,
		"deep":               `{"v":1,"kind":"head","body":` + strings.Repeat("[", 60000) + `}`,
	} {
		if m, err := parse([]byte(text)); !errors.Is(err, ErrMessage) || m != nil {
			t.Errorf("%s: %+v, %v", name, m, err)
		} else if s := err.Error(); Clean(s, len(s)) != s {
			t.Errorf("%s: the error holds unclean text: %q", name, s)
		}
	}
}

func TestReadErrors(t *testing.T) {
	frame := func(n uint32, text string) string {
		return string(binary.BigEndian.AppendUint32(nil, n)) + text
	}
	for _, c := range []struct {
		name, in string
		want     error
	}{
		{"cut in the length", "\x00\x00", io.ErrUnexpectedEOF},
		{"cut after the length", frame(5, ""), io.ErrUnexpectedEOF},
		{"cut in the text", frame(5, "{}"), io.ErrUnexpectedEOF},
		{"empty", frame(0, ""), ErrMessage},
		{"one too long", frame(MaxMessage+1, ""), ErrMessage},
		{"far too long", frame(1<<32-1, ""), ErrMessage},
		{"no JSON", frame(2, "xx"), ErrMessage},
	} {
		conn := NewConn(bytes.NewBufferString(c.in + frame(2, "{}")))
		if c.want == io.ErrUnexpectedEOF {
			conn = NewConn(bytes.NewBufferString(c.in))
		}
		_, first := conn.Read()
		_, second := conn.Read()
		if !errors.Is(first, c.want) || second != first { //nolint:errorlint // the very same is meant
			t.Errorf("%s: %v, then %v", c.name, first, second)
		}
	}
}

// failing takes a number of writes and then fails.
type failing struct {
	io.Reader
	left  int
	calls int
}

func (f *failing) Write(p []byte) (int, error) {
	f.calls++
	if f.left--; f.left < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestWriteErrors(t *testing.T) {
	f := &failing{left: 1}
	c := NewConn(f)
	if err := c.Write(&Denied{Sentence: strings.Repeat("x", MaxMessage)}); err == nil || f.calls != 0 {
		t.Errorf("too long a message: %v, %d writes", err, f.calls)
	}
	if err := c.Write(&Denied{}); err != nil { // so that was not sticky
		t.Error(err)
	}
	for range 2 {
		if err := c.Write(&Denied{}); !errors.Is(err, io.ErrClosedPipe) {
			t.Error(err)
		}
	}
	if f.calls != 2 {
		t.Errorf("%d writes: after a failure there must be none", f.calls)
	}
}

func TestManyWritersOneReader(t *testing.T) {
	near, far := tcpPair(t)
	c := NewConn(near)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				if err := c.Write(&Denied{Sentence: strings.Repeat("x", MaxReason)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	r := NewConn(far)
	for range 8 * 50 {
		if _, err := r.Read(); err != nil {
			t.Fatal(err)
		}
	}
	all.Wait()
}

// What parse takes has no other spelling: whatever else decodes to the same
// with encoding/json is refused.
func TestOneSpelling(t *testing.T) {
	messages := oneOfEach()
	rapid.Check(t, func(t *rapid.T) {
		good := encode(t, messages[rapid.IntRange(0, len(messages)-1).Draw(t, "message")])
		bad := respell(t, bytes.Clone(good))
		if bytes.Equal(bad, good) {
			return
		}
		var x, y any
		if json.Unmarshal(good, &x) != nil || json.Unmarshal(bad, &y) != nil || !reflect.DeepEqual(x, y) {
			return // it means something else
		}
		if m, err := parse(bad); err == nil {
			t.Fatalf("%q was taken for %+v", bad, m)
		}
	})
}

// respell inserts what JSON ignores, or escapes a letter.
func respell(t *rapid.T, text []byte) []byte {
	at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
	if c := text[at]; rapid.Bool().Draw(t, "escape") && (c >= 'a' && c <= 'z' || c == '/') {
		const digits = "0123456789abcdef"
		escaped := []byte{'\\', 'u', '0', '0', digits[c>>4], digits[c&15]}
		return append(text[:at:at], append(escaped, text[at+1:]...)...)
	}
	space := rapid.SampledFrom([]string{" ", "\n", "\t", "\r"}).Draw(t, "space")
	return append(text[:at:at], append([]byte(space), text[at:]...)...)
}

func FuzzParse(f *testing.F) {
	for _, m := range oneOfEach() {
		f.Add(encode(f, m))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parse(text)
		if err != nil {
			if !errors.Is(err, ErrMessage) {
				t.Fatal(err)
			}
			return
		}
		if len(text) > MaxMessage/8 { // written out, a character takes up to eight
			return
		}
		again, err := parse(encode(t, m))
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%q: %+v came back as %+v, %v", text, m, again, err)
		}
	})
}

func FuzzDecodeStrict(f *testing.F) {
	text, err := json.Marshal(aConsent())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var c Consent
		if decodeStrict(text, &c) != nil {
			return
		}
		if again, err := json.Marshal(c); err != nil || !bytes.Equal(again, text) {
			t.Fatalf("%q has another spelling, %q (%v)", text, again, err)
		}
	})
}

func aConsent() Consent {
	asked := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	until := asked.Add(31 * time.Minute)
	return Consent{
		Number: 7, Device: "laptop-7", DeviceKey: "SHA256:device", Nonce: "n0nce", Request: aRequest(), Choice: Approve,
		Granted: []Capability{Shell}, Login: "ada", Until: &until, Text: "Tom asks\nfor a shell.\n", Language: "en",
		Surface: "tmux", UID: 1000, Guard: Guard{QuietMS: 1500, Early: 2, OpenMS: 60000}, Asked: asked, Answered: asked.Add(time.Minute),
	}
}
