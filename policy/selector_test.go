package policy

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestSelectors(t *testing.T) {
	laptop := Request{Device: "laptop-7", Labels: map[string]string{"site": "lyon", "empty": "", "name": "other"}}
	server := Request{Device: "web-3", Class: "unattended", Labels: map[string]string{"site": "paris"}}
	for _, c := range []struct {
		text           string
		laptop, server bool
	}{
		{"site=lyon", true, false},
		{"site=*", true, true},
		{"site = lyon , name = laptop-*", true, false},
		{"site=lyon,name=web-*", false, false},
		{"name=web-*", false, true},
		{"name=*-7", true, false},
		{"name=l*p*7", true, false},
		{"name=other", false, false},
		{"class=unattended", false, true},
		{"class=attended", true, false},
		{"floor=*", false, false},
		{"empty=*", true, false},
		{"site=Lyon", false, false},
		{"site=a=b", false, false},
	} {
		s, err := parseSelector(c.text)
		if err != nil {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if s.match(laptop) != c.laptop || s.match(server) != c.server {
			t.Errorf("%q: laptop %v, server %v", c.text, s.match(laptop), s.match(server))
		}
	}
	for _, text := range []string{"", "site", "site=", "=lyon", "site=lyon,", ",", "class=servers", "class=*", "site=ly\x1bon"} {
		if s, err := parseSelector(text); err == nil {
			t.Errorf("%q was taken for %v", text, s)
		}
	}
}

func TestContradictions(t *testing.T) {
	for text, want := range map[string]bool{
		"site=lyon,site=paris":               true,
		"site=lyon,site=l*":                  false,
		"site=lyon,site=p*":                  true,
		"name=web-*,name=db-*":               true,
		"name=web-*,name=*-lyon":             false,
		"name=*-a,name=*-b":                  true,
		"class=attended,class=unattended":    true,
		"site=lyon,name=lyon":                false,
		"site=lyon,site=lyon,class=attended": false,
	} {
		s, err := parseSelector(text)
		if err != nil || s.contradicts() != want {
			t.Errorf("%q: %v, %v", text, s.contradicts(), err)
		}
	}
}

// TestGlobsAgree: what one covers it matches, and what is apart shares nothing.
func TestGlobsAgree(t *testing.T) {
	texts := rapid.StringMatching(`[ab-]{0,4}`)
	globs := rapid.StringMatching(`[ab*-]{0,4}`)
	rapid.Check(t, func(t *rapid.T) {
		g, o, s := glob(globs.Draw(t, "g")), glob(globs.Draw(t, "o")), texts.Draw(t, "s")
		switch {
		case g.covers(o) && o.match(s) && !g.match(s):
			t.Fatalf("%q covers %q, which alone matches %q", g, o, s)
		case g.apart(o) && g.match(s) && o.match(s):
			t.Fatalf("%q and %q are apart, and both match %q", g, o, s)
		case g.literal() && g.match(s) != (string(g) == s):
			t.Fatalf("%q and %q", g, s)
		}
	})
}

// FuzzSelector: no text crashes, and a selector means what it is spelled as.
func FuzzSelector(f *testing.F) {
	for _, text := range []string{"site=lyon", "site=lyon,name=web-*", "class=unattended", "a=*,b=*c*", "=", ",", "a=b=c"} {
		f.Add(text, "lyon")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		s, err := parseSelector(text)
		if err != nil {
			if strings.Contains(err.Error(), "\n") {
				t.Fatalf("more than one line: %v", err)
			}
			return
		}
		again, err := parseSelector(s.String())
		if err != nil || again.String() != s.String() {
			t.Fatalf("%q became %q, which became %q, %v", text, s, again, err)
		}
		r := Request{Device: value, Labels: map[string]string{s[0].key: value}}
		if s.match(r) && s.contradicts() {
			t.Fatalf("%q contradicts itself and matches %+v", s, r)
		}
	})
}
