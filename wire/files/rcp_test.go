package files

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// rcpTalk plays lines of both sides: "> " is the source, "< " the sink.
func rcpTalk(t *testing.T, command string, may func(Direction) bool, lines ...string) (*notes, error) {
	t.Helper()
	c, ok := ParseCommand(command)
	if !ok {
		t.Fatalf("%q is no command", command)
	}
	n := &notes{}
	r := NewRCP(c, may, n)
	for _, l := range lines {
		side, says := l[0], []byte(l[2:])
		say := r.Source
		if side == '<' {
			say = r.Sink
		}
		for i := range says { // however it is cut into pieces
			if err := say(says[i : i+1]); err != nil {
				return n, errors.Join(err, r.End())
			}
		}
	}
	return n, r.End()
}

func TestRCP(t *testing.T) {
	const yes = "< \x00"
	for name, c := range map[string]struct {
		command string
		lines   []string
		want    []string
	}{
		"get": {"scp -f /etc/motd", []string{yes, "> C0644 4 motd\n", yes, "> abcd", "> \x00", yes},
			[]string{"begins get /etc/motd", "ends get /etc/motd 4 from 0, whole sum 88d4266f"}},
		"put with times": {"scp -p -t in", []string{yes, "> T1 0 2 0\n", yes, "> C0600 4 f\n", yes, "> abcd\x00", yes},
			[]string{"begins put in/f", "ends put in/f 4 from 0, whole sum 88d4266f"}},
		"a tree": {"scp -r -t in", []string{yes, "> D0755 0 d\n", yes, "> C0644 0 e\n", yes, "> \x00", yes, "> D0700 0 s\n", yes, "> E\n", yes, "> C0644 1 f\n", yes, "> x\x00", yes, "> E\n", yes},
			[]string{"mkdir in/d  mode=0755", "begins put in/d/e", "ends put in/d/e 0 from 0, whole sum e3b0c442", "mkdir in/d/s  mode=0700", "begins put in/d/f", "ends put in/d/f 1 from 0, whole sum 2d711642"}},
		"not wanted": {"scp -t in", []string{yes, "> C0644 4 f\n", "< \x01no room\n", "> C0644 1 g\n", yes, "> x\x00", yes},
			[]string{"open in/f   no room", "begins put in/g", "ends put in/g 1 from 0, whole sum 2d711642"}},
		"not written": {"scp -t in", []string{yes, "> C0644 1 g\n", yes, "> x\x00", "< \x01disk full\n"},
			[]string{"begins put in/g", "ends put in/g 1 from 0, part: it could not be written: disk full sum 2d711642"}},
		"not read": {"scp -f g", []string{yes, "> C0644 1 g\n", yes, "> x\x01bad disk\n", yes},
			[]string{"begins get ./g", "copy .   bad disk", "ends get ./g 1 from 0, part: it could not be read sum 2d711642"}},
		"answered early": {"scp -f g", []string{yes, "> C0644 1 g\n", yes, "> x", yes, "> \x00", "> C0644 0 h\n", yes, yes, "> \x00"},
			[]string{"begins get ./g", "ends get ./g 1 from 0, whole sum 2d711642", "begins get ./h", "ends get ./h 0 from 0, whole sum e3b0c442"}},
		"cut": {"scp -t in", []string{yes, "> C0644 9 g\n", yes, "> x"},
			[]string{"begins put in/g", "ends put in/g 1 from 0, part: it was cut sum 2d711642"}},
		"not there": {"scp -f g", []string{yes, "> \x01scp: g: no such file\n"}, []string{"copy .   scp: g: no such file"}},
		"left early": {"scp -f g", []string{yes, "> C0644 1 g\n", yes, "> x"},
			[]string{"begins get ./g", "ends get ./g 1 from 0, whole sum 2d711642"}},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := rcpTalk(t, c.command, all, c.lines...)
			if err != nil || !slices.Equal(n.lines, c.want) {
				t.Errorf("%v\n%s\nwant\n%s", err, strings.Join(n.lines, "\n"), strings.Join(c.want, "\n"))
			}
		})
	}
}

func TestRCPNonsense(t *testing.T) {
	const yes = "< \x00"
	for _, lines := range [][]string{
		{yes, yes}, {yes, "> C0644 4 ../f\n"}, {yes, "> C0644 4 a/b\n"}, {yes, "> C0644 4 ..\n"}, {yes, "> C0644 4 \n"}, {yes, "> C0644 -4 f\n"}, {yes, "> C0944 4 f\n"},
		{yes, "> C0644 99999999999999999999 f\n"}, {yes, "> E\n"}, {yes, "> hello\n"}, {yes, "> \n"}, {yes, "> C0644 4 f\nabcd"}, {yes, "> " + strings.Repeat("C", rcpLine+1)},
		{yes, "> C0644 0 f\n", yes, "> \x00", "> C0644 0 g\n"}, {"< x"},
	} {
		if n, err := rcpTalk(t, "scp -r -t in", all, lines...); !errors.Is(err, ErrNonsense) {
			t.Errorf("%q: %v, %q", lines, err, n.lines)
		}
	}
	deep := []string{yes}
	for range rcpDepth + 1 {
		deep = append(deep, "> D0755 0 d\n", yes)
	}
	if _, err := rcpTalk(t, "scp -r -t in", all, deep...); !errors.Is(err, ErrNonsense) {
		t.Errorf("%v", err)
	}
}

func TestRCPNotGranted(t *testing.T) {
	n, err := rcpTalk(t, "scp -t in", only(Get), "< \x00", "> C0644 4 f\n")
	if !errors.Is(err, ErrRefused) || len(n.lines) != 1 || !strings.HasPrefix(n.lines[0], "refused copy in/f") {
		t.Errorf("%v, %q", err, n.lines)
	}
	left := 2
	n, err = rcpTalk(t, "scp -f f", func(Direction) bool { left--; return left >= 0 }, "< \x00", "> C0644 9 f\n", "< \x00", "> a", "> b")
	if !errors.Is(err, ErrRefused) || !strings.Contains(fmt.Sprint(n.lines), "part: it was cut") {
		t.Errorf("%v, %q", err, n.lines)
	}
}

// TestParseCommand: only what is nothing but the other half of a tool is one.
func TestParseCommand(t *testing.T) {
	for line, want := range map[string]string{
		"scp -t /tmp/x":                             "scp put [/tmp/x]",
		"scp -f /tmp/x":                             "scp get [/tmp/x]",
		"scp -v -r -p -d -t -- -x":                  "scp put [-x]",
		"scp -rpf a b":                              "scp get [a b]",
		`scp -f 'a b' "c\"d" e\ f`:                  `scp get [a b c"d e f]`,
		"scp -f ~/a*":                               "scp get [~/a*]",
		"rsync --server -vlogDtpre.iLsfxCIvu . /x/": "rsync put [--server -vlogDtpre.iLsfxCIvu . /x/]",
		"rsync --server --sender -lLogDtpre.iLsfxCIvu . a b":      "rsync get [--server --sender -lLogDtpre.iLsfxCIvu . a b]",
		"rsync --server --sender --remove-source-files -re.i . a": "rsync get put [--server --sender --remove-source-files -re.i . a]",
		`rsync --server -e.LsfxCIvu --delete . a\ b`:              "rsync put [--server -e.LsfxCIvu --delete . a b]",
	} {
		c, ok := ParseCommand(line)
		got := string(c.Tool)
		for _, d := range c.Needs {
			got += " " + string(d)
		}
		if got += fmt.Sprint(" ", c.Words); !ok || got != want {
			t.Errorf("%q is %q, %v", line, got, ok)
		}
	}
	for _, line := range []string{
		"", "scp", "scp -t", "scp -f", "scp -t a b", "scp -tf a", "scp -r a", "scp a b", "scp -t -S sh a", "scp -o x -t a", "scp -x -t a", "scp -t *", "scp -t a?", "/usr/bin/scp -t a", "Scp -t a",
		"scp -t /tmp/x; bash", "scp -t /tmp/x;bash", "scp -t /tmp/x & bash", "scp -t /tmp/x | sh", "scp -t $(id)", "scp -t `id`", "scp -t $HOME", "scp -t \"$HOME\"", "scp -t a > b", "scp -t a # b",
		"scp -t a\nbash", "scp -t a\x00", "scp -t 'a", "scp -t \"a", "scp -t a\\", "X=1 scp -t a", "exec scp -t a", "scp -t ~root/x", "scp -t {a,b}", "scp -t (a)", "!scp -t a", "scp -t a && sh",
		"rsync -a a b", "rsync --server", "rsync --server .", "rsync --server . -x", "rsync --server -e sh . a", "rsync --server --rsh=sh . a", "rsync --server --daemon . a", "rsync --server -s", "rsync --server -rs . a",
		"rsync --server --log-file=/x . a", "rsync --server --config=/x . a", "rsync --server -r . a*", "rsync --server -r . a --daemon", "rsync --server --backup-dir=/x -r . a", "rsync --daemon", "rsync --server -r . a; sh",
	} {
		if c, ok := ParseCommand(line); ok {
			t.Errorf("%q is %+v", line, c)
		}
	}
}

// FuzzCommand: what is taken for a command holds nothing that a shell would do
// more with, and is the same command when its words are quoted anew.
func FuzzCommand(f *testing.F) {
	for _, line := range []string{"scp -t /tmp/x; bash", `scp -f 'a b' "c\"d" ~/e*`, "rsync --server --sender -lLogDtpre.iLsfxCIvu . a b", "scp -t a\\"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, ok := ParseCommand(line)
		if !ok {
			return
		}
		if strings.ContainsAny(line, "\n\r\x00") || len(c.Needs) == 0 || len(c.Words) == 0 {
			t.Errorf("%q is %+v", line, c)
		}
		if c.Tool != ToolRsync {
			return
		}
		quoted := "rsync"
		for i, w := range c.Words {
			if strings.HasPrefix(w, "~") && i > 1 {
				return // it may have been the home
			}
			quoted += " '" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		if again, ok := ParseCommand(quoted); !ok || !slices.Equal(again.Words, c.Words) || !slices.Equal(again.Needs, c.Needs) {
			t.Errorf("%q is %+v, and as %q %+v, %v", line, c, quoted, again, ok)
		}
	})
}
