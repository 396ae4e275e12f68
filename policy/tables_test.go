package policy

import (
	"flag"
	"fmt"
	"os" //nolint:depguard // the tables are files
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "write the decisions of testdata/*.txtar anew")

// table is the file policy.toml of an archive: a configuration with its people,
// and the devices that are asked for.
type table struct {
	Policy Config   `toml:"policy"`
	People []Person `toml:"people"`
	Device []struct {
		Name, Class    string
		Labels         map[string]string
		Offers, Logins []string
	}
}

// TestTables goes through tables of rules and requests. Each testdata/*.txtar
// holds policy.toml and requests. A request is a line of
//
//	PERSON DEVICE CAPABILITIES [at TIME] [KEY=VALUE]…
//
// where TIME is by UTC and KEY is minutes, reason, ticket, login or principal.
// The indented lines below it are what comes of it: the verdict with the rule,
// why, the terms that it has on an allow, and what would change it.
func TestTables(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) < 5 {
		t.Fatalf("tables: %q, %v", files, err)
	}
	for _, path := range files {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var of table
			of.Policy = Defaults()
			if meta, err := toml.Decode(string(archive.Files[0].Data), &of); err != nil || len(meta.Undecoded()) > 0 {
				t.Fatalf("%v, %v", err, meta.Undecoded())
			}
			got := of.decide(t, string(archive.Files[1].Data))
			if *update {
				archive.Files[1].Data = []byte(got)
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil { //nolint:gosec // read by all
					t.Fatal(err)
				}
			}
			if want := string(archive.Files[1].Data); got != want {
				t.Errorf("the table is\n%s\nand should be\n%s", want, got)
			}
		})
	}
}

// decide answers every request of a text and returns it with the answers.
func (of *table) decide(t *testing.T, text string) string {
	t.Helper()
	book, err := NewRulebook(of.Policy, of.People)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		b.WriteString(line)
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		r, f, now := of.request(t, line)
		f.Rules = book
		e := Explain(r, f, now)
		fmt.Fprintf(&b, "\t%s %s\n\t%s\n", e.Verdict, e.Rule, e.Why)
		if e.Verdict == Allow {
			fmt.Fprintf(&b, "\t= %s\n", spelledTerms(e.Decision))
		}
		for _, change := range e.Changes {
			fmt.Fprintf(&b, "\t? %s\n", change)
		}
	}
	return b.String()
}

func spelledTerms(d Decision) string {
	o := d.Obligations
	list := []string{fmt.Sprintf("%d of %d minutes", d.Minutes, o.LongestMinutes)}
	for _, one := range []struct {
		so   bool
		name string
	}{
		{o.Watched, "watched"}, {o.Hands, "hands"}, {o.RecordInput, "input"}, {o.Replay, "replay"}, {o.Idle > 0, "idle " + o.Idle.String()},
		{d.Ticket != "", "ticket " + d.Ticket},
	} {
		if one.so {
			list = append(list, one.name)
		}
	}
	return strings.Join(list, ", ")
}

// request reads one line.
func (of *table) request(t *testing.T, line string) (r Request, f Facts, now time.Time) {
	t.Helper()
	words := strings.Fields(line)
	if len(words) < 3 {
		t.Fatalf("a request of %d words: %s", len(words), line)
	}
	now, r.Reason = noon, "printer jam"
	for _, p := range of.People {
		if p.Name == words[0] {
			r.Person = p
		}
	}
	r.Device, r.Capabilities = words[1], strings.Split(words[2], ",")
	for _, d := range of.Device {
		if d.Name == r.Device {
			r.Class, r.Labels, f.Offers, f.Logins = d.Class, d.Labels, d.Offers, d.Logins
		}
	}
	for i := 3; i < len(words); i++ {
		key, value, _ := strings.Cut(words[i], "=")
		var err error
		switch key {
		case "at":
			i++
			now, err = time.Parse("2006-01-02T15:04", words[i])
		case "minutes":
			r.Minutes, err = strconv.Atoi(value)
		case "reason":
			r.Reason = value
		case "ticket":
			r.Ticket = value
		case "login":
			r.Login = value
		case "principal":
			r.Principals = append(r.Principals, value)
		default:
			t.Fatalf("a request with %q: %s", key, line)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return r, f, now
}
