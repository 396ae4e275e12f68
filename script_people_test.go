package main

import (
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"accord/policy"
)

// cmdAppend: append FILE
func cmdAppend(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	s := stageOf(ts)
	s.appended = append(s.appended, ts.ReadFile(args[0]))
}

// cmdTrait: trait PERSON LINE
func cmdTrait(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	s := stageOf(ts)
	if s.traits == nil {
		s.traits = make(map[string][]string)
	}
	key, _, _ := strings.Cut(args[1], "=")
	var kept []string
	for _, line := range s.traits[args[0]] {
		if !strings.HasPrefix(line, key+"=") {
			kept = append(kept, line)
		}
	}
	s.traits[args[0]] = append(kept, args[1])
}

// cmdOneTime: one-time NAME FILE [STEPS|again]
func cmdOneTime(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 3)
	s := stageOf(ts)
	text, err := os.ReadFile(ts.MkAbs(args[1]))
	ts.Check(err)
	secret, err := policy.ParseSecret(string(text))
	ts.Check(err)
	if len(args) == 2 || args[2] != "again" {
		off := 0
		if len(args) == 3 {
			off, err = strconv.Atoi(args[2])
			ts.Check(err)
		}
		s.code = secret.Code(policy.Step(time.Now()) + int64(off))
	}
	_, err = s.tmux("send-keys", "-t", "="+args[0]+":", s.code, "Enter")
	ts.Check(err)
}
