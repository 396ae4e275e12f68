package gateway

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

func TestSplit(t *testing.T) {
	for line, want := range map[string][]string{
		"":                            nil,
		" \t\n ":                      nil,
		"devices --json":              {"devices", "--json"},
		"  a   b  ":                   {"a", "b"},
		`a "b c" d`:                   {"a", "b c", "d"},
		`a 'b "c' d`:                  {"a", `b "c`, "d"},
		`a "b 'c" d`:                  {"a", "b 'c", "d"},
		`"" ''`:                       {"", ""},
		`a""b`:                        {"ab"},
		`--label="site=new york"`:     {"--label=site=new york"},
		`a\ b`:                        {"a b"},
		`'a\b'`:                       {`a\b`},
		`"a\"b"`:                      {`a"b`},
		`$HOME $(id) ` + "`id` *;|&<": {"$HOME", "$(id)", "`id`", "*;|&<"},
		"é\u00a0ü":                    {"é\u00a0ü"},
	} {
		if got, err := split(line); err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
	for _, line := range []string{"'", `"`, `a 'b`, `a\`, `"a\"`, `'a'"`} {
		if got, err := split(line); err == nil {
			t.Errorf("%q: %q", line, got)
		}
	}
}

// FuzzSplit: what is split from quoted words is those words.
func FuzzSplit(f *testing.F) {
	f.Add("a", "b c", `d'"\`)
	f.Add("", "--x", "\x00\xff")
	f.Fuzz(func(t *testing.T, a, b, c string) {
		words := []string{strings.ToValidUTF8(a, "?"), strings.ToValidUTF8(b, "?"), strings.ToValidUTF8(c, "?")}
		quoted := make([]string, len(words))
		for i, w := range words {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
		if got, err := split(strings.Join(quoted, " ")); err != nil || !slices.Equal(got, words) {
			t.Errorf("%q became %q, %v", words, got, err)
		}
		for _, raw := range words { // and anything else does no harm
			if got, err := split(raw); err == nil {
				if c, err := parseCall(got, words); err == nil && len(c.words)+len(c.flags) > len(got) {
					t.Errorf("%q has %d parts", raw, len(c.words)+len(c.flags))
				}
			}
		}
	})
}

func TestParseCall(t *testing.T) {
	c, err := parseCall([]string{"one", "--json", "two", "--name", "x", "--label=a=b", "--label", "c=d", "--name=y", "--limit="}, []string{"json", "name", "label", "limit"})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(c.words, []string{"one", "two"}) || !c.has("json") || c.last("name", "") != "y" ||
		!slices.Equal(c.flags["label"], []string{"a=b", "c=d"}) || c.last("other", "z") != "z" {
		t.Errorf("%+v", c)
	}
	var usage *usageError
	if _, err := parseCall([]string{"--name"}, []string{"name"}); !errors.As(err, &usage) {
		t.Errorf("a flag without its value: %v", err)
	}
	if c, err := parseCall([]string{"--name", "--json"}, []string{"name"}); err != nil || c.last("name", "") != "--json" {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestCallRefusals(t *testing.T) {
	parse := func(args ...string) *call {
		c, err := parseCall(args, []string{"x", "json", "limit", ""})
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for name, err := range map[string]error{
		"unknown flag":     parse("--x=1").only("json"),
		"unknown switch":   parse("--json").only(),
		"a word too many":  parse("a").none(),
		"a word missing":   parse().exactly(1),
		"two words":        parse("a", "b").exactly(1),
		"flag with a word": parse("a", "--x=1").exactly(1),
		"empty flag":       parse("--=1").only("json"),
	} {
		var usage *usageError
		if !errors.As(err, &usage) {
			t.Errorf("%s: %v", name, err)
		}
	}
	for value, want := range map[string]int{"1": 1, "1000": 1000, "0": 0, "1001": 0, "-1": 0, "x": 0, "": 0, "9999999999999999999": 0, "1e3": 0} {
		n, err := parse("--limit="+value).number("limit", 7)
		if n != want || (err == nil) != (want > 0) {
			t.Errorf("--limit=%s: %d, %v", value, n, err)
		}
	}
	if n, err := parse().number("limit", 7); n != 7 || err != nil {
		t.Errorf("no limit: %d, %v", n, err)
	}
}
