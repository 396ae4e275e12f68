package tui

import (
	"strings"
	"testing"
	"time"
)

func TestIndicator(t *testing.T) {
	for _, c := range []struct {
		lang  string
		after time.Duration
		want  string
	}{
		{"en", 0, "Camille Roy (Acme Assistance) is connected, 30 min left (type commands, fetch files). “accord stop” ends it at once."},
		{"en", 30 * time.Second, "30 min left"},
		{"en", 61 * time.Second, "29 min left"},
		{"en", 29*time.Minute + 15*time.Second, " 45 s left"},
		{"en", time.Hour, " 0 s left"},
		{"fr", 0, "Camille Roy (Acme Assistance) a accès à cet appareil, reste 30 min (taper des commandes, prendre des fichiers)."},
	} {
		if got := Indicator(PhrasesFor(c.lang), sampleVisit(), noon().Add(c.after)); !strings.Contains(got, c.want) || strings.Contains(got, "\n") {
			t.Errorf("%s after %v: %q, want %q", c.lang, c.after, got, c.want)
		}
	}
}

func TestCardText(t *testing.T) {
	for _, lang := range []string{"en", "fr"} {
		golden(t, "user-card-text-"+lang, sampleCard().Text(PhrasesFor(lang)))
		golden(t, "user-prompt-text-"+lang, samplePrompt().Text(PhrasesFor(lang)))
	}
}

func TestCardSaysHowItEnded(t *testing.T) {
	ph := PhrasesFor("en")
	for by, want := range map[string]string{
		"user": "stopped by you", "time": "the time was up", "link": "the connection was lost",
		"gateway": "by the gateway", "Robin Weiß": "by Robin Weiß", "policy": "the rules ended it", "agent": "the agent of this device was stopped",
	} {
		c := sampleCard()
		c.EndedBy = by
		if got := c.endedBy(ph); got != want {
			t.Errorf("%s: %q, want %q", by, got, want)
		}
	}
	c := sampleCard()
	c.EndedBy, c.Why = "bob", "the wrong computer"
	if got := c.endedBy(ph); got != "by bob: “the wrong computer”" {
		t.Error(got)
	}
	c = sampleCard()
	c.Ended, c.Used, c.Receipt = noon().Add(26*time.Hour+5*time.Minute), nil, ""
	for _, want := range []string{"2026-05-12 12:00 to 2026-05-13 14:05 (26 h 5 min)", "Used: nothing", "Receipt: none"} {
		if got := c.Text(ph); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	c.Ended = noon().Add(-time.Hour) // a clock that was set back
	if got := c.Text(ph); !strings.Contains(got, "(0 s)") {
		t.Error(got)
	}
}

func TestLasting(t *testing.T) {
	ph := PhrasesFor("en")
	for d, want := range map[time.Duration]string{
		0: "0 s", 10 * time.Second: "10 s", time.Minute: "1 min", 100 * time.Second: "1 min 40 s",
		time.Hour: "1 h", 65 * time.Minute: "1 h 5 min", 12*time.Hour + 30*time.Second: "12 h",
	} {
		if got := ph.lasting(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestCapabilityWords(t *testing.T) {
	ph := PhrasesFor("en")
	for _, c := range []struct{ capability, login, can, short string }{
		{"shell", "anna", "type commands with all the rights of anna", "type commands"},
		{"shell", "", "type commands with all the rights of your account", "type commands"},
		{"action:power-off", "anna", "run the prepared command “power-off”", "run “power-off”"},
		{"telepathy", "anna", "use “telepathy”", "“telepathy”"},
	} {
		if can, short := ph.Can(c.capability, c.login), ph.Short(c.capability); can != c.can || short != c.short {
			t.Errorf("%s: %q and %q", c.capability, can, short)
		}
	}
	// Who controls the screen sees it, so that is never promised away.
	if got := ph.Cannot([]string{"screen.control"}); strings.Contains(got, "screen") || !strings.Contains(got, "type commands") {
		t.Errorf("%q", got)
	}
	var all []string
	for _, w := range capabilityWords() {
		all = append(all, w.name)
	}
	if got := ph.Cannot(all); got != "" {
		t.Errorf("%q is left of nothing", got)
	}
}
