package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdVisit: visit [N] sets $VISIT and $RECORDING to the number and the folder
// of the N-th visit, and waits until there is one.
func cmdVisit(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 0, 1)
	n := 1
	if len(args) == 1 {
		var err error
		n, err = strconv.Atoi(args[0])
		ts.Check(err)
	}
	s := stageOf(ts)
	var all []string
	if !until(patience, func() bool {
		// One that is being made has a dot before its name.
		all, _ = filepath.Glob(filepath.Join(s.dir, ".accord", "recordings", "*", "*", "*", "[^.]*"))
		return len(all) >= n
	}) {
		ts.Fatalf("there are %d recordings: %s", len(all), all)
	}
	slices.SortFunc(all, func(a, b string) int { return strings.Compare(stampOf(a), stampOf(b)) })
	ts.Setenv("RECORDING", all[n-1])
	ts.Setenv("VISIT", filepath.Base(all[n-1]))
}

// stampOf orders recordings by when they began; within a second, by file time.
func stampOf(folder string) string {
	info, err := os.Stat(filepath.Join(folder, "timeline.jsonl"))
	if err != nil {
		return filepath.Base(folder)
	}
	return filepath.Base(folder)[:15] + info.ModTime().UTC().Format("20060102150405.000000000")
}

// cmdFile: file FILE REGEXP
func cmdFile(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	want, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	path := ts.MkAbs(args[0])
	if !until(patience, func() bool { text, err := os.ReadFile(path); return err == nil && want.Match(text) }) {
		text, err := os.ReadFile(path)
		ts.Fatalf("%s doesn't hold %q (%v):\n%s", args[0], args[1], err, text)
	}
}

// cmdBytes: bytes FILE N
func cmdBytes(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	data := make([]byte, n)
	_, _ = rand.Read(data) // never fails
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), data, 0o644))
}

// cmdSame: same FILE FILE, without printing megabytes when they are not.
func cmdSame(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	a, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	b, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	if bytes.Equal(a, b) {
		return
	}
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	ts.Fatalf("%s (%d bytes) and %s (%d bytes) differ from byte %d on", args[0], len(a), args[1], len(b), at)
}

// cmdSeen: seen CAST FILE: what a technician's client wrote is in the output
// of the cast, from its first byte on.
func cmdSeen(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	cast, err := os.ReadFile(ts.MkAbs(args[0]))
	ts.Check(err)
	saw, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	var output strings.Builder
	for _, line := range strings.Split(string(cast), "\n") {
		var event []any
		if json.Unmarshal([]byte(line), &event) != nil || len(event) != 3 || event[1] != "o" {
			continue
		}
		text, _ := event[2].(string)
		output.WriteString(text)
	}
	if len(saw) == 0 || !strings.HasPrefix(output.String(), string(saw)) {
		ts.Fatalf("the technician saw %d bytes that are not the beginning of the %d in the cast", len(saw), output.Len())
	}
}
