package main

import (
	"image"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"accord/recordings/framelog"
	"accord/recordings/rfb"
)

// TestExport makes images of a small frame log, and refuses what can't be meant
// in a sentence.
func TestExport(t *testing.T) {
	dir := t.TempDir()
	log := filepath.Join(dir, "001.frames")
	file, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	w, err := framelog.NewWriter(file, framelog.Meta{})
	if err != nil {
		t.Fatal(err)
	}
	frame, err := rfb.NewFrame(32, 20)
	if err != nil {
		t.Fatal(err)
	}
	frame.Fill(image.Rect(0, 0, 10, 10), 200, 10, 10)
	w.Look(0, rfb.Changes{Frame: frame, Resized: true})
	if err := w.Close(3 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	at := func(name string) string { return filepath.Join(dir, name) }
	for _, args := range [][]string{
		{"--png", at("a.png"), log}, {"--png", at("b.png"), "--at", "0:01", dir},
		{"--png", at("c.png"), "--contact", log}, {"--apng", at("d.png"), "--from", "0", log},
	} {
		got := accord(t, append([]string{"export"}, args...)...)
		if got.code != exitOK || got.stdout+got.stderr != "" {
			t.Errorf("accord export %v: %+v", args, got)
		}
		if text, err := os.ReadFile(args[1]); err != nil || !strings.HasPrefix(string(text), "\x89PNG") {
			t.Errorf("%v made no image: %v", args, err)
		}
	}
	for want, args := range map[string][]string{
		"there already":      {"--png", at("a.png"), log},
		"name the folder":    {"--png", at("x.png")},
		"say what to make":   {log},
		"one of --mp4":       {"--png", at("x.png"), "--mp4", at("x.mp4"), log},
		"are for --png":      {"--apng", at("x.png"), "--at", "1", log},
		"of one time":        {"--png", at("x.png"), "--to", "5s", log},
		"--to must be after": {"--apng", at("x.png"), "--from", "5", "--to", "4", log},
		"a time is written":  {"--png", at("x.png"), "--at", "1:99", log},
		"nothing to export":  {"--png", at("x.png"), at("none")},
		"no frame log":       {"--png", at("x.png"), at("a.png")},
	} {
		got := accord(t, append([]string{"export"}, args...)...)
		if got.code == exitOK || !strings.Contains(got.stderr, want) {
			t.Errorf("accord export %v: %+v; want %q", args, got, want)
		}
	}
	if got := accord(t, "play", "--vnc=0.0.0.0:5900", log); got.code == exitOK || !strings.Contains(got.stderr, "on this machine only") {
		t.Errorf("a replay for the network: %+v", got)
	}
}

func TestMoments(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"90": 90 * time.Second, "1:30": 90 * time.Second, "1m30s": 90 * time.Second, "1:00:05": time.Hour + 5*time.Second, "0": 0, "250ms": 250 * time.Millisecond,
		"": -1, "-5": -1, "1:60": -1, "1:2:3:4": -1, "x": -1, "-5s": -1,
	} {
		var m moment
		if err := m.Set(text); (err != nil) != (want < 0) || err == nil && m.time != want {
			t.Errorf("%q is %v, %v", text, m.time, err)
		}
	}
}
