package tui

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"
)

func techTime() time.Time { return time.Date(2026, 11, 22, 16, 30, 0, 0, time.UTC) }

func techDevices() []Device {
	at := techTime()
	return []Device{
		{
			Name: "laptop-7", OS: "Debian 12", Labels: "site=lyon role=till", State: Online, Since: at.Add(-3 * time.Hour),
			Capabilities: []string{"shell", "files.get", "files.put", "action:restart"}, Logins: []string{"anna", "root"},
			Appointment: at.Add(time.Hour), Arch: "amd64", Agent: "v1.2.0",
			Facts: Facts{
				At: at.Add(-time.Minute), System: "Debian GNU/Linux 12 (bookworm)", Kernel: "Linux 6.1.0-42-amd64",
				Addresses: []string{"10.20.30.7", "2001:db8::7"}, Booted: at.Add(-9 * 24 * time.Hour), Load: "0.42 0.30 0.25", CPUs: 8,
				Seats: []Seat{{Name: "anna", Place: ":0"}, {Name: "anna", Place: "pts/3", Known: true}, {Name: "root", Place: "tty1", Known: true, Since: at.Add(-2 * time.Hour)}},
			},
		},
		{Name: "kiosk-2", OS: "Ubuntu 24.04", Labels: "site=paris", State: Away, Since: at.Add(-50 * time.Hour), Why: "the link was lost"},
		{Name: "pc-3", OS: "Fedora 43", State: Quarantined, Since: at.Add(-time.Minute), Why: "two devices use one key"},
		{Name: "srv-1", OS: "Alpine", Labels: "site=lyon", State: Online, Since: at.Add(-100 * time.Hour), Busy: "bob"},
	}
}

func techForm() RequestForm {
	return RequestForm{
		Device: techDevices()[0], Organisation: "Example Care", Wanted: []string{"shell"}, ReasonRequired: true, ReasonMin: 5,
		TicketLooks: "INC-1234", TicketFits: func(s string) bool { return strings.HasPrefix(s, "INC-") }, Minutes: 30, MinutesMax: 60,
	}
}

func techSummary() Summary {
	return Summary{
		Device: "laptop-7", Visit: "20261122-161000-abcdefgh", Began: techTime().Add(-20 * time.Minute), Ended: techTime(),
		By: "alice", Cause: "the shell ended", Recording: "ssh gw play 20261122-161000-abcdefgh", NoteRequired: true,
	}
}

func techRecordings() RecordingList {
	at := techTime()
	return RecordingList{Recordings: []RecordingLine{
		{Visit: "20261122-161000-abcdefgh", Began: at, Technician: "alice", Device: "laptop-7", Length: 20 * time.Minute, State: RecordingSealed},
		{Visit: "20261121-090000-abcdefgi", Began: at.Add(-30 * time.Hour), Technician: "bob", Device: "srv-1", Length: 2 * time.Minute, State: RecordingInterrupted},
		{Visit: "20261120-090000-abcdefgj", Began: at.Add(-50 * time.Hour), Technician: "bob", Device: "kiosk-2", Length: time.Hour + time.Minute, State: RecordingBroken},
	}}
}

// techScreens are all screens, in a state worth a look.
func techScreens() map[string]func(page) screen {
	return map[string]func(page) screen{
		"devices": func(p page) screen {
			return newDeviceScreen(p, DeviceList{Organisation: "Example Care", Person: "alice", Devices: techDevices()})
		},
		"devices-details": func(p page) screen {
			return typed(newDeviceScreen(p, DeviceList{Organisation: "Example Care", Person: "alice", Devices: techDevices(), Cursor: "laptop-7"}), "ctrl+o")
		},
		"devices-details-away": func(p page) screen {
			return typed(newDeviceScreen(p, DeviceList{Organisation: "Example Care", Person: "alice", Devices: techDevices(), Cursor: "kiosk-2"}), "ctrl+o")
		},
		"devices-away": func(p page) screen {
			return typed(newDeviceScreen(p, DeviceList{Organisation: "Example Care", Person: "alice", Devices: techDevices(), Cursor: "kiosk-2"}), "enter")
		},
		"devices-none": func(p page) screen {
			return newDeviceScreen(p, DeviceList{Organisation: "Example Care", Person: "alice", Enroll: "ssh -p 2222 gw enroll"})
		},
		"devices-nomatch": func(p page) screen {
			return newDeviceScreen(p, DeviceList{Devices: techDevices(), Filter: "windows", Notice: "No device is called laptop-9."})
		},
		"devices-help": func(p page) screen {
			return typed(newDeviceScreen(p, DeviceList{Devices: techDevices()}), "?")
		},
		"agent-away": func(p page) screen { return &awayScreen{page: p} },
		"request":    func(p page) screen { return newRequestScreen(p, techForm()) },
		"request-wrong": func(p page) screen {
			return typed(newRequestScreen(p, techForm()), "a", "b", "tab", "x", "enter", "enter", "space", "enter", "9", "enter")
		},
		"wait": func(p page) screen {
			s := &waitScreen{page: p, waiting: Waiting{
				Device: "laptop-7", Reason: "The disk is full: I want to clean the logs of the till program.", Ticket: "INC-1",
				Capabilities: []string{"shell", "files.get"}, Minutes: 30, Began: techTime().Add(-10 * time.Second),
			}}
			s.Update(newsMsg[WaitState]{WaitState{Phase: PhaseShown, Surface: "tmux", Until: techTime().Add(90 * time.Second)}, true})
			return s
		},
		"wait-locked": func(p page) screen {
			s := &waitScreen{page: p, waiting: Waiting{
				Device: "laptop-7", Reason: "The disk is full.", Capabilities: []string{"shell"}, Minutes: 30, Began: techTime().Add(-10 * time.Second),
			}}
			s.Update(newsMsg[WaitState]{WaitState{Phase: PhaseShown, Surface: "window", Locked: true, Until: techTime().Add(90 * time.Second)}, true})
			return s
		},
		"note": func(p page) screen {
			return &noteScreen{page: p, note: Note{Title: "anna refused.", Lines: []string{"“Not now, I am paying salaries.”"}, Kind: NoteBad, Appointment: techTime().Add(time.Hour)}}
		},
		"offer": func(p page) screen {
			return &offerScreen{
				noteScreen: noteScreen{page: p, note: Note{Title: "Nobody at laptop-7 answered.", Kind: NoteBad}},
				command:    "ssh … override request laptop-7 --reason '…'",
			}
		},
		"work": func(p page) screen { return &workScreen{page: p, device: "laptop-7"} },
		"push": func(p page) screen {
			s := &pushScreen{page: p}
			s.Update(newsMsg[[]PushLine]{[]PushLine{
				{Host: "root@shop-1", Stage: "joined"}, {Host: "root@shop-2.example.org", Stage: "failed"}, {Host: "shop-3"},
				{Host: "shop-4", Stage: "copying", Done: 12, Total: 40}, {Host: "shop-5", Stage: "looking"}, {Host: "shop-6", Stage: "same"},
				{Host: "shop-7", Stage: "waiting"}, {Host: "shop-8", Stage: "joining"}, {Host: "shop-9", Stage: "updated"},
			}, true})
			return s
		},
		"closing":         func(p page) screen { return newClosingScreen(p, techSummary()) },
		"closing-wrong":   func(p page) screen { return typed(newClosingScreen(p, techSummary()), "enter") },
		"recordings":      func(p page) screen { return newRecordingScreen(p, techRecordings()) },
		"recordings-none": func(p page) screen { return newRecordingScreen(p, RecordingList{}) },
		"recordings-help": func(p page) screen { return typed(newRecordingScreen(p, techRecordings()), "?") },
		"player":          func(p page) screen { return played(p, sampleCast(), 3*time.Second) },
		"player-help":     func(p page) screen { return typed(played(p, sampleCast(), 0), "?") },
		"player-broken": func(p page) screen {
			src := sampleCast()
			src.broken = errors.New("line 12 is no event")
			return played(p, src, time.Second)
		},
	}
}

// press makes the message of a key by its name.
func pressed(name string) tea.KeyPressMsg {
	codes := map[string]rune{
		"enter": tea.KeyEnter, "esc": tea.KeyEscape, "tab": tea.KeyTab, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft,
		"right": tea.KeyRight, "home": tea.KeyHome, "end": tea.KeyEnd, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "backspace": tea.KeyBackspace,
	}
	var mod tea.KeyMod
	if rest, ok := strings.CutPrefix(name, "ctrl+"); ok {
		name, mod = rest, tea.ModCtrl
	} else if rest, ok := strings.CutPrefix(name, "shift+"); ok {
		name, mod = rest, tea.ModShift
	}
	if code, ok := codes[name]; ok {
		return tea.KeyPressMsg{Code: code, Mod: mod}
	}
	if name == "space" {
		return tea.KeyPressMsg{Code: tea.KeySpace, Text: " "}
	}
	code := []rune(name)[0]
	if mod != 0 {
		return tea.KeyPressMsg{Code: code, Mod: mod}
	}
	return tea.KeyPressMsg{Code: code, Text: name}
}

func typed[S screen](s S, keys ...string) S {
	s.Update(tickMsg(techTime()))
	for _, k := range keys {
		s.Update(pressed(k))
	}
	return s
}

func TestTechScreensFitEveryWindow(t *testing.T) {
	sizes := []Size{{40, 12}, {60, 18}, {80, 24}, {120, 40}, {1, 1}, {2, 3}, {10, 4}, {200, 2}, {7, 60}}
	for name, make := range techScreens() {
		for _, lang := range []string{"en", "fr_CA.UTF-8"} {
			for _, size := range sizes {
				s := typed(make(page{ph: PhrasesFor(lang), width: size.Width, height: size.Height}))
				mustFit(t, s.View(), size)
				if size.Width != 80 && size.Width != 40 {
					continue
				}
				golden(t, fmt.Sprintf("tech-%s-%s-%dx%d", name, lang[:2], size.Width, size.Height), s.View())
			}
		}
	}
}

func TestTechScreensFollowTheWindow(t *testing.T) {
	for name, make := range techScreens() {
		s := typed(make(page{ph: PhrasesFor("en"), width: 120, height: 40}))
		s.Update(tea.WindowSizeMsg{Width: 33, Height: 9})
		t.Run(name, func(t *testing.T) { mustFit(t, s.View(), Size{33, 9}) })
	}
}

func TestDeviceListFilters(t *testing.T) {
	for _, c := range []struct {
		keys []string
		want string // the devices shown
	}{
		{nil, "laptop-7 srv-1 kiosk-2 pc-3"},
		{[]string{"l", "y", "o", "n"}, "laptop-7 srv-1"},
		{[]string{"L", "Y", "O", "N", "space", "b", "o", "b"}, "srv-1"},
		{[]string{"u", "b", "u", "n"}, "kiosk-2"},
		{[]string{"q"}, "pc-3"}, // quarantined; q is no command
		{[]string{"z", "z"}, ""},
		{[]string{"z", "z", "esc"}, "laptop-7 srv-1 kiosk-2 pc-3"},
		{[]string{"z", "backspace"}, "laptop-7 srv-1 kiosk-2 pc-3"},
	} {
		s := typed(newDeviceScreen(page{ph: PhrasesFor("en"), width: 80, height: 24}, DeviceList{Devices: techDevices()}), c.keys...)
		var got []string
		for _, r := range s.shown {
			got = append(got, r.id)
		}
		if strings.Join(got, " ") != c.want || s.Done() {
			t.Errorf("%v shows %v, want %s (done: %v)", c.keys, got, c.want, s.Done())
		}
	}
}

func TestDeviceListKeys(t *testing.T) {
	for _, c := range []struct {
		keys []string
		at   string
		left bool
		pick string
	}{
		{[]string{"down", "ctrl+n"}, "kiosk-2", false, ""},
		{[]string{"end", "ctrl+p"}, "kiosk-2", false, ""},
		{[]string{"pgdown", "down"}, "pc-3", false, ""},
		{[]string{"end", "home", "up"}, "laptop-7", false, ""},
		{[]string{"enter"}, "laptop-7", false, "laptop-7"},
		{[]string{"down", "down", "enter"}, "kiosk-2", false, ""},
		{[]string{"end", "enter"}, "pc-3", false, ""},
		{[]string{"z", "z", "enter"}, "", false, ""},
		{[]string{"esc"}, "laptop-7", true, ""},
		{[]string{"z", "ctrl+c"}, "", true, ""},
		{[]string{"?", "enter"}, "laptop-7", false, ""}, // closes the help only
		{[]string{"?", "ctrl+c"}, "laptop-7", true, ""},
	} {
		s := typed(newDeviceScreen(page{ph: PhrasesFor("en"), width: 80, height: 24}, DeviceList{Devices: techDevices()}), c.keys...)
		if s.current().id != c.at || s.left != c.left || s.picked != c.pick {
			t.Errorf("%v: at %q, left %v, picked %q", c.keys, s.current().id, s.left, s.picked)
		}
	}
}

func TestUpdatesKeepTheCursor(t *testing.T) {
	s := typed(newDeviceScreen(page{ph: PhrasesFor("en"), width: 80, height: 24}, DeviceList{Devices: techDevices(), Cursor: "srv-1"}))
	next := append([]Device{{Name: "aaa", State: Online}}, techDevices()...)
	s.Update(newsMsg[[]Device]{next, true})
	if s.current().id != "srv-1" {
		t.Errorf("the cursor went to %q", s.current().id)
	}
	s.Update(newsMsg[[]Device]{next[:2], true})
	if s.current().id != "laptop-7" {
		t.Errorf("with its device gone the cursor is on %q, want the row at its height or the last", s.current().id)
	}
	s.Update(newsMsg[[]Device]{nil, true})
	if s.current().id != "" || !strings.Contains(ansi.Strip(s.View()), "No device has been enrolled") {
		t.Errorf("an empty list shows %s", s.View())
	}
}

func TestRequestIsChecked(t *testing.T) {
	form := techForm()
	form.TicketRequired = true
	good := RequestFields{Reason: "disk full", Ticket: "INC-1", Capabilities: []string{"shell"}, Minutes: 60}
	for _, c := range []struct {
		change func(*RequestFields)
		wrong  formPlace
	}{
		{func(f *RequestFields) { f.Reason = "" }, atReason},
		{func(f *RequestFields) { f.Reason = "abc" }, atReason},
		{func(f *RequestFields) { f.Ticket = "" }, atTicket},
		{func(f *RequestFields) { f.Ticket = "JIRA-1" }, atTicket},
		{func(f *RequestFields) { f.Capabilities = nil }, atCapability},
		{func(f *RequestFields) { f.Minutes = 0 }, atMinutes},
		{func(f *RequestFields) { f.Minutes = 61 }, atMinutes},
	} {
		in := good
		c.change(&in)
		if wrong := form.check(PhrasesFor("en"), in); len(wrong) != 1 || wrong[c.wrong] == "" {
			t.Errorf("%+v: %v, want only place %d", in, wrong, c.wrong)
		}
	}
	if wrong := form.check(PhrasesFor("en"), good); len(wrong) != 0 {
		t.Errorf("a good request is refused: %v", wrong)
	}
}

func TestTechCatalogs(t *testing.T) {
	en, err := catalogs.ReadFile("locale/tech.en.toml")
	if err != nil {
		t.Fatal(err)
	}
	fr, err := catalogs.ReadFile("locale/tech.fr.toml")
	if err != nil {
		t.Fatal(err)
	}
	shape := func(text []byte) string {
		var b strings.Builder
		for _, line := range strings.Split(string(text), "\n") {
			if strings.HasPrefix(line, "[") {
				b.WriteString("\n" + line)
			}
			for _, word := range []string{"{{.N}}", "{{.Of}}", "{{.Shown}}", "{{.All}}", "{{.Device}}", "{{.Since}}", "{{.Why}}", "{{.Who}}", "{{.When}}", "{{.Count}}", "{{.Time}}", "{{.Example}}", "{{.Surface}}", "{{.Text}}", "{{.Name}}", "{{.X}}", "{{.Y}}", "{{.Width}}", "{{.Height}}"} {
				b.WriteString(strings.Repeat(word, strings.Count(line, word)))
			}
		}
		return b.String()
	}
	if shape(en) != shape(fr) {
		t.Errorf("the catalogs differ in keys or placeholders:\n%s\n%s", shape(en), shape(fr))
	}
}

func TestTable(t *testing.T) {
	rows := [][]string{{"laptop-7", "online", "Debian 12"}, {"kiosk", "away"}, {"日本", "", "x"}}
	for _, c := range []struct {
		width int
		want  string
	}{
		{0, "NAME      STATE   OS\nlaptop-7  online  Debian 12\nkiosk     away\n日本              x\n"},
		{20, "NAME   STATE  OS\nlapt…  onli…  Debia…\nkiosk  away\n日本          x\n"},
		{1, "N…"},
	} {
		var b strings.Builder
		if err := Table(&b, []string{"NAME", "STATE", "OS"}, rows, c.width); err != nil {
			t.Fatal(err)
		}
		if c.width != 1 && b.String() != c.want {
			t.Errorf("width %d:\n%s", c.width, b.String())
		}
	}
	var b strings.Builder
	if err := Table(&b, nil, nil, 80); err != nil || b.Len() != 0 {
		t.Errorf("an empty table is %q, %v", b.String(), err)
	}
}
