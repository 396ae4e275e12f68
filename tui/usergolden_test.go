package tui

import (
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

// hostilePrompt has the longest of everything that is allowed.
func hostilePrompt() Prompt {
	p := screenPrompt()
	p.Organisation, p.Device = strings.Repeat("W", 64), strings.Repeat("d", 63)
	p.Full, p.Reason = strings.Repeat("漢", 32), strings.Repeat("why? ", 100)
	p.Ticket, p.Login = strings.Repeat("T", 64), strings.Repeat("l", 32)
	p.Capabilities = nil
	for _, w := range capabilityWords() {
		p.Capabilities = append(p.Capabilities, w.name)
	}
	p.Capabilities = append(p.Capabilities, "action:power-off", "unheard.of")
	return p
}

func sampleVisit() Visit {
	return Visit{
		ID: "20260512-120000-abcdefgh", Technician: "Camille Roy", Organisation: "Acme Assistance", Device: "laptop-7",
		Login: "anna", Capabilities: []string{"shell", "files.get"}, Began: noon(), Until: noon().Add(30 * time.Minute),
	}
}

// screenVisit is one whose technician sees the screen, and may use the mouse or not.
func screenVisit(control bool) Visit {
	v := sampleVisit()
	v.Capabilities, v.Screen, v.Control = []string{"screen.view"}, true, control
	if control {
		v.Capabilities = append(v.Capabilities, "screen.control")
	}
	return v
}

func otherVisit() Visit {
	v := sampleVisit()
	v.ID, v.Technician, v.Capabilities = "20260512-120000-hgfedcba", "Robin Weiß", []string{"screen.view"}
	return v
}

func sampleCard() Card {
	return Card{
		ID: sampleVisit().ID, Technician: "Camille Roy", Organisation: "Acme Assistance", Device: "laptop-7",
		Began: noon(), Ended: noon().Add(754 * time.Second), Used: []string{"shell"}, EndedBy: "user", Receipt: "17",
	}
}

// boundPrompt is a request that the policy binds in every way.
func boundPrompt() Prompt {
	p := samplePrompt()
	p.Input, p.Watched, p.Hands, p.Replay = true, true, true, true
	return p
}

// morePrompt asks for more in a visit that is open.
func morePrompt() Prompt {
	p := samplePrompt()
	p.Capabilities, p.LaterLeft = []string{"forward"}, 0
	p.Further = &Further{Until: noon().Add(25 * time.Minute), Has: []string{"shell"}}
	return p
}

// actionPrompt asks for a declared action, with words and without.
func actionPrompt() Prompt {
	p := samplePrompt()
	p.Capabilities = []string{"action:isolate", "action:power-off"}
	p.Actions = map[string]string{"action:isolate": "isolate from the network"}
	return p
}

func pausedVisit() Visit {
	v := sampleVisit()
	v.Paused, v.Typing = true, true
	v.Watchers = []Watcher{{Name: "Robin Weiß"}, {Name: "Sam Lee", Hands: true}}
	return v
}

func overriddenVisit() Visit {
	v := sampleVisit()
	v.Override = &Override{Number: 42, Signers: []string{"bob", "carol"}}
	return v
}

func standingVisit() Visit {
	v := sampleVisit()
	v.Standing, v.Capabilities = "servers at night", []string{"action:isolate"}
	v.Actions = map[string]string{"action:isolate": "isolate from the network"}
	return v
}

func overriddenCard() Card {
	c := sampleCard()
	c.Override = overriddenVisit().Override
	return c
}

// mirrored is the mirror of a visit with two shells; the first prints text.
func mirrored(v Visit, keys []string, text string) func(*testing.T, string, Size) screen {
	return func(t *testing.T, lang string, s Size) screen {
		return dwell(t, lang, s).take(Idle{Device: "laptop-7"}, Began{v}).keys("m").take(
			Mirrored{Visit: v.ID, Shell: 1, Mine: true, Reset: true, Width: 60, Height: 16, Data: []byte(text)},
			Mirrored{Visit: v.ID, Shell: 2, Reset: true, Width: 80, Height: 24, Data: []byte("root# ")},
			Mirrored{Visit: v.ID, Current: true}).keys(keys...).resident
	}
}

// userScreens are the end user's screens in every state, as keys and events
// bring them about.
func userScreens() map[string]func(t *testing.T, lang string, s Size) screen {
	prompt := func(p Prompt, keys ...string) func(*testing.T, string, Size) screen {
		return func(t *testing.T, lang string, s Size) screen {
			return ask(t, p, lang, s).quiet().keys(keys...).asking
		}
	}
	home := func(events ...ResidentEvent) func(*testing.T, string, Size) screen {
		return func(t *testing.T, lang string, s Size) screen { return dwell(t, lang, s).take(events...).resident }
	}
	typed := func(keys []string, events ...ResidentEvent) func(*testing.T, string, Size) screen {
		return func(t *testing.T, lang string, s Size) screen {
			return dwell(t, lang, s).take(events...).keys(keys...).resident
		}
	}
	idle := Idle{Device: "laptop-7", Organisation: "Acme Assistance", Connected: true, Since: noon().Add(-time.Hour)}
	away := idle
	away.Connected = false
	unattended := idle
	unattended.Unattended = true
	return map[string]func(*testing.T, string, Size) screen{
		"prompt-guarded": func(t *testing.T, lang string, s Size) screen { return ask(t, samplePrompt(), lang, s).asking },
		"prompt":         prompt(samplePrompt()),
		"prompt-screen":  prompt(screenPrompt(), "v"),
		"prompt-more":    prompt(morePrompt()),
		"prompt-typed":   prompt(samplePrompt(), "4"),
		"prompt-wrong":   prompt(samplePrompt(), "9"),
		"prompt-last": func(t *testing.T, lang string, s Size) screen {
			return ask(t, samplePrompt(), lang, s).after(105 * time.Second).asking
		},
		"prompt-fewer":             prompt(samplePrompt(), "f", "2"),
		"prompt-later":             prompt(samplePrompt(), "l"),
		"prompt-time":              prompt(samplePrompt(), "l", "3", "1", "4"),
		"prompt-refuse":            prompt(samplePrompt(), "r", "down"),
		"prompt-why":               prompt(samplePrompt(), "r", "6", "N", "o"),
		"prompt-stranger":          prompt(samplePrompt(), "x"),
		"prompt-help":              prompt(samplePrompt(), "?"),
		"prompt-hostile":           prompt(hostilePrompt()),
		"resident-idle":            home(idle),
		"resident-away":            home(away),
		"resident-asking":          home(idle, Asking{samplePrompt()}),
		"resident-gone":            home(idle, Asking{samplePrompt()}, AskGone{ID: "nonce-1"}),
		"resident-visit":           home(idle, Began{sampleVisit()}),
		"resident-visits":          home(idle, Began{sampleVisit()}, Began{otherVisit()}),
		"resident-stopped":         typed([]string{"s"}, idle, Began{sampleVisit()}),
		"resident-second":          home(idle, Began{sampleVisit()}, Asking{samplePrompt()}),
		"resident-card":            home(idle, Ended{sampleCard()}),
		"resident-cards":           home(idle, Began{otherVisit()}, Ended{sampleCard()}),
		"resident-leave":           typed([]string{"q"}, idle, Began{sampleVisit()}),
		"resident-help":            typed([]string{"?"}, idle),
		"prompt-terms":             prompt(boundPrompt()),
		"resident-paused":          home(idle, Began{pausedVisit()}),
		"resident-files":           home(idle, Began{copyingVisit()}),
		"resident-said":            home(idle, Began{sampleVisit()}, Said{sampleVisit().ID, "Robin Weiß", "Please close your mail first."}),
		"resident-seen":            home(idle, Began{screenVisit(false)}),
		"resident-controlled":      home(idle, Began{screenVisit(true)}),
		"resident-reduce-screen":   typed([]string{"r", "2"}, idle, Began{screenVisit(true)}),
		"resident-reduce":          typed([]string{"r", "2"}, idle, Began{sampleVisit()}),
		"resident-tell":            typed([]string{"t", "H", "i"}, idle, Began{sampleVisit()}),
		"resident-override":        home(idle, Began{overriddenVisit()}),
		"resident-override-second": home(idle, Began{overriddenVisit()}, Asking{samplePrompt()}),
		"resident-override-leave":  typed([]string{"q"}, idle, Began{overriddenVisit()}),
		"resident-override-card":   home(idle, Ended{overriddenCard()}),
		"resident-standing":        home(idle, Began{standingVisit()}),
		"resident-unattended":      home(unattended),
		"resident-told": func(t *testing.T, lang string, s Size) screen {
			text := LineExercise(PhrasesFor(lang), *overriddenVisit().Override, "Camille Roy")
			return dwell(t, lang, s).take(idle, Told{text}).resident
		},
		"mirror-override": mirrored(overriddenVisit(), nil, "ready> "),
		"prompt-action":   prompt(actionPrompt()),
		"mirror-none":     typed([]string{"m"}, idle, Began{sampleVisit()}),
		"mirror":          mirrored(sampleVisit(), nil, "\x1b[32mready>\x1b[0m ls\r\nnotes.txt\r\nready> "),
		"mirror-paused":   mirrored(pausedVisit(), nil, "ready> "),
		"mirror-typing":   mirrored(sampleVisit(), []string{"k"}, "ready> "),
		"mirror-help":     mirrored(sampleVisit(), []string{"?"}, "ready> "),
	}
}

func TestUserScreens(t *testing.T) {
	for name, show := range userScreens() {
		for _, lang := range []string{"en", "fr"} {
			for _, s := range []Size{{40, 12}, {60, 18}, {62, 16}, {62, 18}, {80, 24}, {120, 40}, {1, 1}, {5, 3}, {20, 50}, {300, 5}} {
				t.Run(fmt.Sprintf("%s/%s/%dx%d", name, lang, s.Width, s.Height), func(t *testing.T) {
					view := show(t, lang, s).View()
					mustFit(t, view, s)
					if s == (Size{80, 24}) || s == (Size{40, 12}) || s == (Size{62, 18}) {
						golden(t, fmt.Sprintf("user-%s-%s-%dx%d", name, lang, s.Width, s.Height), view)
					}
				})
			}
		}
	}
}

// Every screen says everything in French that it says in English.
func TestUserScreensAreTranslated(t *testing.T) {
	for name, show := range userScreens() {
		en, fr := map[string]bool{}, ansi.Strip(show(t, "fr", Size{120, 60}).View())
		for _, line := range strings.Split(ansi.Strip(show(t, "en", Size{120, 60}).View()), "\n") {
			en[strings.TrimSpace(line)] = true
		}
		for _, line := range strings.Split(fr, "\n") {
			line = strings.TrimSpace(line)
			if strings.Count(line, " ") > 3 && en[line] && !strings.Contains(line, "Acme") && !strings.Contains(line, "│") {
				t.Errorf("%s: in both languages: %q", name, line)
			}
		}
	}
}

// A window may have any size at any moment.
func TestUserScreensResized(t *testing.T) {
	for name, show := range userScreens() {
		s := show(t, "fr", Size{80, 24})
		shift := len(name) % 4 // so that the screens together meet more sizes
		for width := 1 + shift; width < 130; width += 7 {
			for height := 1 + shift; height < 45; height += 4 {
				s.Update(tea.WindowSizeMsg{Width: width, Height: height})
				if view := s.View(); strings.Count(view, "\n") >= height {
					t.Errorf("%s at %dx%d: %d lines", name, width, height, strings.Count(view, "\n")+1)
				}
			}
		}
	}
}
