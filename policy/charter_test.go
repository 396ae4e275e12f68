package policy

import (
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestCharterMistakes(t *testing.T) {
	for _, c := range []struct {
		name   string
		config CharterConfig
		at     string
		want   string
	}{
		{"none", CharterConfig{}, "", ""},
		{"text", CharterConfig{Version: "4", Text: "Be kind."}, "", ""},
		{"file", CharterConfig{Version: "2026-10", File: "/etc/accord/charter.txt"}, "", ""},
		{"training alone", CharterConfig{TrainingRequired: true}, "", ""},
		{"both", CharterConfig{Version: "4", Text: "a", File: "b"}, "text", "keep one"},
		{"no version", CharterConfig{Text: "a"}, "version", "needs a version"},
		{"no text", CharterConfig{Version: "4"}, "version", "no text"},
		{"escape in the version", CharterConfig{Version: "\x1b[2J", Text: "a"}, "version", "is no version"},
		{"long version", CharterConfig{Version: strings.Repeat("4", 33), Text: "a"}, "version", "is no version"},
		{"blank", CharterConfig{Version: "4", Text: " \n"}, "text", "empty"},
		{"a book", CharterConfig{Version: "4", Text: strings.Repeat("a", CharterMost+1)}, "text", "at most"},
		{"no text at all", CharterConfig{Version: "4", Text: "\xff"}, "text", "not UTF-8"},
		{"a file that can't be", CharterConfig{Version: "4", File: "a\x00"}, "file", "no name of a file"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.config.Check()
			var m Mistake
			if c.at == "" && err != nil || c.at != "" && (!errors.As(err, &m) || m.Key != c.at || !strings.Contains(m.Sentence, c.want)) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestBars(t *testing.T) {
	now := time.Date(2027, 5, 1, 23, 30, 0, 0, time.UTC)
	charter := Charter{Version: "4", Digest: "d4"}
	signed := Signed{"4", "d4", now.Add(-time.Hour)}
	person := func(until string) Person {
		p := Person{Name: "alice"}
		if err := p.TrainedUntil.UnmarshalText([]byte(until)); err != nil {
			t.Fatal(err)
		}
		return p
	}
	for _, c := range []struct {
		name   string
		person Person
		s      Standing
		want   string // rules
	}{
		{"nothing is asked for", person(""), Standing{}, ""},
		{"signed", person(""), Standing{Charter: charter, Signed: signed}, ""},
		{"not signed", person(""), Standing{Charter: charter}, "charter"},
		{"an older version", person(""), Standing{Charter: charter, Signed: Signed{"3", "d4", now}}, "charter"},
		{"another text of the same version", person(""), Standing{Charter: charter, Signed: Signed{"4", "d3", now}}, "charter"},
		{"last day of training", person("2027-05-01"), Standing{}, ""},
		{"the day after", person("2027-04-30"), Standing{}, "training"},
		{"no training where one is needed", person(""), Standing{Charter: Charter{TrainingRequired: true}}, "training"},
		{"training where one is needed", person("2027-05-02"), Standing{Charter: Charter{TrainingRequired: true}}, ""},
		{"locked", person(""), Standing{Lock: Lock{By: "boss"}}, "lock"},
		{"all at once", person("2026-01-01"), Standing{Lock: Lock{By: "boss"}, Charter: charter}, "lock charter training"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var rules []string
			for _, b := range c.s.Bars(c.person, now) {
				rules = append(rules, b.Rule)
				if !strings.HasSuffix(b.Why, ".") && !strings.HasSuffix(b.Why, ").") {
					t.Errorf("%q is no sentence", b.Why)
				}
			}
			if got := strings.Join(rules, " "); got != c.want {
				t.Errorf("bars %q, want %q", got, c.want)
			}
		})
	}
	// A day ends where the gateway is.
	west := time.FixedZone("west", -8*3600)
	if bars := (Standing{}).Bars(person("2027-05-01"), time.Date(2027, 5, 2, 7, 0, 0, 0, time.UTC).In(west)); len(bars) != 0 {
		t.Errorf("it is still 1 May there: %v", bars)
	}
}

func TestSameName(t *testing.T) {
	p := Person{Name: "alice", Full: "Alice Exémple"}
	for typed, want := range map[string]bool{
		"Alice Exémple": true, "  alice   EXÉMPLE ": true, "Alice Exe\u0301mple": true, "alice": true, "ALICE": true,
		"": false, " ": false, "Alice": true, "Alice Exemple": false, "bob": false, "alice exémple x": false,
	} {
		if p.SameName(typed) != want {
			t.Errorf("%q: want %v", typed, want)
		}
	}
	if (Person{Name: "alice"}).SameName("") {
		t.Error("no full name is typed by typing nothing")
	}
}

func TestDate(t *testing.T) {
	for text, ok := range map[string]bool{
		"2027-05-01": true, "": true, "2024-02-29": true, "2027-02-29": false, "2027-5-1": false, "01.05.2027": false,
		"2027-05-01T00:00:00Z": false, "0001-01-01": false, "tomorrow": false,
	} {
		var d Date
		err := d.UnmarshalText([]byte(text))
		if (err == nil) != ok || ok && d.String() != text {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(1<<26, 1<<36).Draw(t, "at"), 0).UTC()
		d := DateOf(at)
		var again Date
		if err := again.UnmarshalText([]byte(d.String())); err != nil || again != d {
			t.Fatalf("%v reads back as %v, %v", d, again, err)
		}
		if end := d.End(time.UTC); !end.After(at) || end.Sub(at) > 24*time.Hour {
			t.Fatalf("%v ends at %v", at, end)
		}
	})
}
