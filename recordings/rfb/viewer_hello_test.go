package rfb

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// answers is a viewer whose every byte is known beforehand.
type answers struct {
	io.Reader
	said bytes.Buffer
}

func (a *answers) Write(b []byte) (int, error) { return a.said.Write(b) }
func (a *answers) Close() error                { return nil }

func TestViewerHandshake(t *testing.T) {
	const (
		v33, v37, v38 = "RFB 003.003\n", "RFB 003.007\n", "RFB 003.008\n"
		none, ok      = "\x01\x01", "\x00\x00\x00\x00"
		no            = "\x00\x00\x00\x01"
	)
	for name, c := range map[string]struct{ says, hears, fails string }{
		"3.8":                    {v38 + "\x01\x00", v38 + none + ok, ""},
		"3.7 has no result":      {v37 + "\x01\x01", v38 + none, ""},
		"3.3 is told":            {v33 + "\x01", v38 + "\x00\x00\x00\x01", ""},
		"3.5 is taken for 3.3":   {"RFB 003.005\n\x01", v38 + "\x00\x00\x00\x01", ""},
		"Apple's is newer":       {"RFB 003.889\n\x01\x01", v38 + none + ok, ""},
		"4.0 is newer":           {"RFB 004.000\n\x01\x01", v38 + none + ok, ""},
		"something else":         {"GET / HTTP/1.1\r\n\r\n", v38, "which is not RFB"},
		"nothing":                {"", v38, "wait for its version"},
		"half a version":         {"RFB 003", v38, "wait for its version"},
		"no choice":              {v38, v38 + none, "choice of security"},
		"what isn't offered":     {v38 + "\x02", v38 + none + no + "\x00\x00\x00\x14that was not offered", "type 2, which was not offered"},
		"the same to 3.7":        {v37 + "\x13", v38 + none + no, "type 19"},
		"gone before ClientInit": {v38 + "\x01", v38 + none + ok, "wait for what it wants to share"},
	} {
		t.Run(name, func(t *testing.T) {
			a := &answers{Reader: strings.NewReader(c.says)}
			_, err := NewViewer(a, shown(desk(t, 300, 200)), ViewerOptions{Name: "é"})
			if c.fails == "" {
				c.hears += "\x01\x2c\x00\xc8" + string(ownFormat().append(nil)) + "\x00\x00\x00\x02é"
			}
			if got := a.said.String(); got != c.hears {
				t.Errorf("it hears %q, want %q", got, c.hears)
			}
			if (err == nil) != (c.fails == "") || err != nil && !strings.Contains(err.Error(), c.fails) {
				t.Errorf("got %v, want %q", err, c.fails)
			}
		})
	}
}

func TestViewerPassword(t *testing.T) {
	for version, want := range map[string]struct{ offer, no string }{
		"RFB 003.003\n": {"\x00\x00\x00\x02", "\x00\x00\x00\x01"},
		"RFB 003.007\n": {"\x01\x02", "\x00\x00\x00\x01"},
		"RFB 003.008\n": {"\x01\x02", "\x00\x00\x00\x01\x00\x00\x00\x16The password is wrong."},
	} {
		for _, try := range []string{"48151623", "48151623 and more", "48151624", ""} {
			near, ended := serveScreen(t, shown(desk(t, 3, 2)), ViewerOptions{Password: "48151623"})
			l := &looker{t: t, conn: near, in: bufferedReader(near), format: ownFormat()}
			l.expect("RFB 003.008\n")
			l.send([]byte(version))
			l.expect(want.offer)
			if len(want.offer) == 2 {
				l.send([]byte{securityVNCAuth})
			}
			answer := vncResponse([16]byte(l.bytes(16)), try)
			l.send(answer[:])
			if strings.HasPrefix(try, "48151623") {
				l.expect("\x00\x00\x00\x00")
				l.send([]byte{1})
				l.serverInit()
				continue
			}
			l.expect(want.no)
			if err := <-ended; err == nil || !strings.Contains(err.Error(), "its password is wrong") {
				t.Errorf("%q with %q: %v", version, try, err)
			}
		}
	}
}

// One that did not answer the challenge at all gets no further by choosing None.
func TestViewerPasswordCantBeSkipped(t *testing.T) {
	near, ended := serveScreen(t, shown(desk(t, 3, 2)), ViewerOptions{Password: "secret"})
	l := &looker{t: t, conn: near, in: bufferedReader(near)}
	l.expect("RFB 003.008\n")
	l.send([]byte("RFB 003.008\n\x01\x01"))
	l.expect("\x01\x02")
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "type 1, which was not offered") {
		t.Errorf("got %v", err)
	}
}
