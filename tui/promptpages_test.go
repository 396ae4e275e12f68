package tui

import (
	"slices"
	"testing"
	"time"
)

func TestViewOnly(t *testing.T) {
	p := screenPrompt()
	x := ask(t, p, "en", Size{100, 40}).quiet().keys("v").want("").shows("only “see the screen”")
	x.keys("4", "2").want(Approve)
	if !slices.Equal(x.answer.Granted, []string{viewCapability}) {
		t.Errorf("granted %q", x.answer.Granted)
	}
	// Esc takes it back, and without the screen in the request v is no key.
	y := ask(t, p, "en", Size{100, 40}).quiet().keys("v", "esc", "4", "2").want(Approve)
	if len(y.answer.Granted) != 4 {
		t.Errorf("granted %q", y.answer.Granted)
	}
	wide(t).quiet().keys("v", "4", "2").want("")
}

func TestFewer(t *testing.T) {
	x := wide(t).quiet().keys("f").shows("[x] copy files").keys("space", "down", "down", "space", "enter").want("")
	x.shows("only “fetch files”").keys("4", "2").want(Approve)
	if !slices.Equal(x.answer.Granted, []string{"files.get"}) {
		t.Errorf("granted %q", x.answer.Granted)
	}
	wide(t).quiet().keys("f", "1", "2", "3", "enter").shows("at least one").keys("4", "2").want("")
	wide(t).quiet().keys("f", "1", "esc", "4", "2").want(Approve)

	p := samplePrompt()
	p.Capabilities = []string{"shell"}
	ask(t, p, "en", Size{80, 24}).quiet().keys("f").shows("Only one thing")
}

func TestLater(t *testing.T) {
	at := noon().Add(quietTime)
	for name, c := range map[string]struct {
		keys []string
		want time.Time
	}{
		"10 min":   {[]string{"l", "1"}, at.Add(10 * time.Minute)},
		"an hour":  {[]string{"l", "down", "enter"}, at.Add(time.Hour)},
		"today":    {[]string{"l", "3", "1", "4", ":", "3", "0", "enter"}, noon().Add(150 * time.Minute)},
		"tomorrow": {[]string{"l", "3", "9", "h", "enter"}, noon().Add(21 * time.Hour)},
	} {
		t.Run(name, func(t *testing.T) {
			if x := wide(t).quiet().keys(c.keys...).want(Later); !x.answer.Later.Equal(c.want) {
				t.Errorf("later at %v, want %v", x.answer.Later, c.want)
			}
		})
	}
	wide(t).quiet().keys("l", "3", "2", "5", "enter").want("").shows("like 14:30")
	wide(t).quiet().keys("l", "3", "esc", "esc", "4", "2").want(Approve)

	p := samplePrompt()
	p.LaterLeft = 0
	ask(t, p, "en", Size{80, 24}).quiet().keys("l").shows("as often as possible").want("")
}

func TestRefuse(t *testing.T) {
	for _, c := range []struct {
		keys []string
		why  string
	}{
		{[]string{"r", "1"}, "I did not ask for help"},
		{[]string{"r", "down", "down", "enter"}, "I have something private open"},
		{[]string{"r", "5"}, ""},
		{[]string{"r", "6", "N", "o", "space", "s", "q", "enter"}, "No sq"},
		{[]string{"r", "6", "enter"}, ""},
	} {
		if x := wide(t).quiet().keys(c.keys...).want(Refuse); x.answer.Why != c.why || x.answer.Stranger {
			t.Errorf("%q: %+v, want why %q", c.keys, x.answer, c.why)
		}
	}
	wide(t).quiet().keys("R", "esc", "R", "q", "4", "2").want(Approve)
}

func TestStranger(t *testing.T) {
	x := wide(t).quiet().keys("x").want("").shows("Camille Roy will be refused").keys("2").want(Refuse)
	if !x.answer.Stranger {
		t.Error("the answer does not say that the technician is not known")
	}
	wide(t).quiet().keys("x", "enter").want("").keys("4", "2").want(Approve)
}

func TestLaterAt(t *testing.T) {
	for text, want := range map[string]string{
		"14:30": "2026-05-12 14:30", "14h30": "2026-05-12 14:30", "14.30": "2026-05-12 14:30",
		"14h": "2026-05-12 14:00", "12:00": "2026-05-13 12:00", "9:05": "2026-05-13 09:05",
		"": "", "25:00": "", "14": "", "14:3": "", "14:30:00": "", "now": "",
	} {
		got, ok := laterAt(text, noon())
		if ok != (want != "") || ok && got.Format("2006-01-02 15:04") != want {
			t.Errorf("%q: %v %v, want %q", text, got, ok, want)
		}
	}
}
