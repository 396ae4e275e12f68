package main

import (
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// What stories about rules need:
//
//	rewrite [FILE…]         writes laptop's configuration anew, with other texts at its end
//	hup NAME                sends the terminal's program a SIGHUP

// cmdRewrite: rewrite [FILE…]
func cmdRewrite(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 0, -1)
	s := stageOf(ts)
	s.appended = nil
	for _, name := range args {
		s.appended = append(s.appended, ts.ReadFile(name))
	}
	_, err := s.writeConfig("laptop")
	ts.Check(err)
}

// cmdHup: hup NAME
func cmdHup(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	text, err := os.ReadFile(stageOf(ts).terminal(args[0]) + ".pid")
	ts.Check(err)
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGHUP))
}
