package tui

import (
	"context"
	"strings"
	"testing"
)

// TestFilterFindsFacts: what devices tell of themselves is found by typing it.
func TestFilterFindsFacts(t *testing.T) {
	for _, word := range []string{"bookworm", "10.20.30", "6.1.0", "anna", "v1.2", "tty1"} {
		s := newDeviceScreen(page{ph: PhrasesFor("C"), width: 80, height: 24}, DeviceList{Devices: techDevices(), Filter: word})
		if len(s.shown) != 1 || s.current().id != "laptop-7" {
			t.Errorf("%q finds %d devices, %s first", word, len(s.shown), s.current().id)
		}
	}
}

// TestDetailsScroll: in a small window the details are moved, and no further than
// their end; any other key goes back to the list, with the cursor where it was.
func TestDetailsScroll(t *testing.T) {
	s := newDeviceScreen(page{ph: PhrasesFor("C"), width: 40, height: 12}, DeviceList{Devices: techDevices()})
	typed(s, "down", "up", "ctrl+o", "pgdown", "pgdown", "pgdown", "pgdown", "pgdown", "pgdown")
	if view := s.View(); !strings.Contains(view, "As told") {
		t.Errorf("the end is not reached:\n%s", view)
	}
	typed(s, "up", "pgup", "pgup", "pgup", "pgup", "pgup")
	if view := s.View(); !strings.Contains(view, "State") {
		t.Errorf("the beginning is not reached:\n%s", view)
	}
	typed(s, "esc")
	if s.Done() || s.details || s.current().id != "laptop-7" {
		t.Error("it did not go back to the list")
	}
}

// TestColumnsAdapt: a wide window shows who is there, and where.
func TestColumnsAdapt(t *testing.T) {
	for width, want := range map[int]int{80: 0, 120: 1, 160: 2} {
		s := typed(newDeviceScreen(page{ph: PhrasesFor("C"), width: width, height: 24}, DeviceList{Devices: techDevices()}))
		got := 0
		for _, title := range []string{"At the keyboard", "Address"} {
			if strings.Contains(s.View(), title) {
				got++
			}
		}
		if got != want {
			t.Errorf("%d cells: %d columns of facts, expected %d", width, got, want)
		}
	}
}

func TestDetailsInLines(t *testing.T) {
	out := onTerminal(t, []string{"TERM=dumb"}, "1?\n1\n", func(ctx context.Context, term *Terminal) {
		picked, err := Devices(ctx, term, DeviceList{Devices: techDevices()})
		if err != nil || picked.Device != "laptop-7" {
			t.Errorf("picked %v, %v", picked, err)
		}
	})
	for _, want := range []string{"Debian GNU/Linux 12 (bookworm)", "2001:db8::7", "root tty1 idle"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not said:\n%s", want, out)
		}
	}
}
