package tui

import (
	"strings"
	"testing"
	"time"
)

// Whatever opened a visit besides a yes is said on every screen of it.
func TestOverrideIsSaidEverywhere(t *testing.T) {
	for _, lang := range []string{"en", "fr"} {
		mark := map[string]string{"en": "OVERRIDE", "fr": "DÉROGATION"}[lang]
		ph := PhrasesFor(lang)
		for name, text := range map[string]string{
			"the line":      LineBegan(ph, overriddenVisit()),
			"the indicator": Indicator(ph, overriddenVisit(), noon()),
		} {
			if !strings.Contains(text, mark) || !strings.Contains(text, "bob, carol") || !strings.Contains(text, "Camille Roy") {
				t.Errorf("%s in %s: %s", name, lang, text)
			}
		}
		if text := overriddenCard().Text(ph); !strings.Contains(text, "42") || !strings.Contains(text, "bob, carol") {
			t.Errorf("the card in %s:\n%s", lang, text)
		}
		if strings.Contains(sampleCard().Text(ph), ph.Say("LabelOpened")) {
			t.Errorf("the card of a yes says what opened it")
		}
		for _, keys := range [][]string{nil, {"q"}, {"?"}, {"r"}, {"t"}, {"m"}} {
			view := dwell(t, lang, Size{80, 24}).take(Idle{Device: "laptop-7"}, Began{overriddenVisit()}).keys(keys...).resident.View()
			if !strings.Contains(view, mark) || !strings.Contains(view, "bob, carol") || !strings.Contains(view, "30") {
				t.Errorf("after %v in %s:\n%s", keys, lang, view)
			}
		}
	}
}

func TestStandingIsSaid(t *testing.T) {
	for _, lang := range []string{"en", "fr"} {
		ph := PhrasesFor(lang)
		card := sampleCard()
		card.Standing = "servers at night"
		for _, text := range []string{LineBegan(ph, standingVisit()), Indicator(ph, standingVisit(), noon()), card.Text(ph)} {
			if !strings.Contains(text, "servers at night") {
				t.Errorf("in %s: %s", lang, text)
			}
		}
	}
}

// The bar keeps the time, and goes with its visit.
func TestOverrideBarFollows(t *testing.T) {
	d := dwell(t, "en", Size{80, 24}).take(Idle{Device: "laptop-7"}, Began{overriddenVisit()})
	if view := d.after(21 * time.Minute).resident.View(); !strings.Contains(view, "9 min left") {
		t.Errorf("21 minutes later:\n%s", view)
	}
	if view := d.take(Ended{overriddenCard()}).keys("x").resident.View(); strings.Contains(view, "OVERRIDE") {
		t.Errorf("after its end:\n%s", view)
	}
}
