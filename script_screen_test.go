package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

const (
	// patience is until something must have come, on a slow machine too. It is
	// less than the 45 s after which a silent link is found.
	patience = 40 * time.Second
	glance   = 25 * time.Millisecond // between two looks
)

// until looks again and again until the condition holds or time is up.
func until(limit time.Duration, holds func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(glance)
	defer tick.Stop()
	for {
		if holds() {
			return true
		}
		select {
		case <-tick.C:
		case <-deadline.C:
			return holds()
		}
	}
}

// tmux runs one command of the script's own tmux server.
func (s *stage) tmux(args ...string) (string, error) {
	return runIn(s.dir, s.env, "tmux", append([]string{"-u", "-S", s.socket, "-f", "/dev/null"}, args...)...)
}

var sizeWord = regexp.MustCompile(`^(\d+)x(\d+)$`)

// cmdOpen: open NAME [WxH] COMMAND…
func cmdOpen(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, -1)
	name, size, command := args[0], "80x24", args[1:]
	if sizeWord.MatchString(command[0]) {
		size, command = command[0], command[1:]
	}
	stageOf(ts).open(ts, name, size, command)
}

// open runs a command in a terminal of its own, which stays when it has ended.
func (s *stage) open(ts *testscript.TestScript, name, size string, command []string) {
	m := sizeWord.FindStringSubmatch(size)
	s.vacate(ts, name)
	s.openings[name]++
	words := make([]string, len(command))
	for i, w := range command {
		words[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
	}
	_, err := s.tmux("start-server", ";", "set", "-g", "exit-empty", "off", ";", "set", "-g", "remain-on-exit", "on", ";",
		"set", "-g", "status", "off", ";", "set", "-g", "escape-time", "0", ";", "set", "-g", "default-shell", "/bin/sh", ";",
		"set", "-g", "remain-on-exit-format", "", ";",
		"new-session", "-d", "-s", name, "-x", m[1], "-y", m[2], "-e", "LANG="+ts.Getenv("LANG"), "-e", "ACCORD_MINUTES="+ts.Getenv("ACCORD_MINUTES"),
		"-e", "ACCORD_TERMINAL="+s.terminal(name), "exec in-terminal "+s.terminal(name)+" "+strings.Join(words, " "))
	ts.Check(err)
}

// terminal is where the pid and the status of a terminal's program are kept.
// Each opening has its own: the status of an earlier one may still be written
// when the next has begun.
func (s *stage) terminal(name string) string {
	return filepath.Join(s.dir, fmt.Sprintf(".terminal-%s-%d", name, s.openings[name]))
}

// vacate takes an earlier terminal of this name away and waits until its
// program has gone: one that still runs is a technician who is still there.
func (s *stage) vacate(ts *testscript.TestScript, name string) {
	if s.openings[name] == 0 {
		return
	}
	_, _ = s.tmux("kill-session", "-t", "="+name) // it may be closed
	mark := "ACCORD_TERMINAL=" + s.terminal(name)
	if !until(patience, func() bool { return len(withEnv(mark)) == 0 }) {
		ts.Fatalf("the terminal %s was taken away, and of its program still run: %s", name, commandLines(withEnv(mark)))
	}
}

// pid is that of a terminal's program, once it has begun.
func (s *stage) pid(name string) (int, error) {
	text, err := os.ReadFile(s.terminal(name) + ".pid")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSuffix(string(text), "\n"))
}

// screen is what a terminal shows.
func (s *stage) screen(name string) string {
	text, err := s.tmux("capture-pane", "-p", "-t", "="+name+":")
	if err != nil {
		return ""
	}
	return text
}

// shows looks for the pattern in the screen as it is, and in its words without
// the line breaks that its width made.
func shows(screen string, want *regexp.Regexp) bool {
	return want.MatchString(screen) || want.MatchString(strings.Join(strings.Fields(screen), " "))
}

// find waits until the screen shows the pattern, on one line or over several,
// and returns what it matched.
func (s *stage) find(ts *testscript.TestScript, name string, pattern *regexp.Regexp) (m []string) {
	if !until(patience, func() bool {
		m = pattern.FindStringSubmatch(strings.Join(strings.Fields(s.screen(name)), " "))
		return m != nil
	}) {
		ts.Fatalf("%s doesn't show %q:\n%s%s", name, pattern, s.screen(name), s.otherScreens(name))
	}
	return m
}

// cmdSee: see NAME REGEXP [SECONDS]
func cmdSee(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, false, args, 2, 3)
	s, limit := stageOf(ts), patience
	if len(args) == 3 {
		seconds, err := strconv.Atoi(args[2])
		ts.Check(err)
		limit = time.Duration(seconds) * time.Second
	}
	want, err := regexp.Compile("(?m)" + args[1])
	ts.Check(err)
	if !neg {
		s.seeWithin(ts, args[0], want, limit)
		return
	}
	if !until(limit, func() bool { screen := s.screen(args[0]); return screen != "" && !shows(screen, want) }) {
		ts.Fatalf("%s still shows %q:\n%s", args[0], args[1], s.screen(args[0]))
	}
}

func (s *stage) see(ts *testscript.TestScript, name, pattern string) {
	s.seeWithin(ts, name, regexp.MustCompile("(?m)"+pattern), patience)
}

func (s *stage) seeWithin(ts *testscript.TestScript, name string, want *regexp.Regexp, limit time.Duration) {
	if !until(limit, func() bool { return shows(s.screen(name), want) }) {
		ts.Fatalf("%s doesn't show %q:\n%s%s", name, want, s.screen(name), s.otherScreens(name))
	}
}

// otherScreens are the rest of the story, for who must find out what happened.
func (s *stage) otherScreens(but string) string {
	list, err := s.tmux("list-sessions", "-F", "#{session_name}")
	if err != nil {
		return ""
	}
	var b strings.Builder
	for _, name := range strings.Fields(list) {
		if name != but {
			fmt.Fprintf(&b, "--- %s:\n%s\n", name, strings.TrimRight(s.screen(name), "\n "))
		}
	}
	return b.String()
}

// cmdType: type NAME KEYS…, all in one burst.
func cmdType(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, -1)
	_, err := stageOf(ts).tmux(append([]string{"send-keys", "-t", "=" + args[0] + ":"}, args[1:]...)...)
	ts.Check(err)
}

var codeShown = regexp.MustCompile(`(?:type|tapez) (\d)(\d)\b`)

// cmdCode: code NAME types the code as a person does, one digit and then the
// other, once the screen shows it, and waits until the prompt has taken both.
func cmdCode(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	s, name := stageOf(ts), args[0]
	m := s.find(ts, name, codeShown)
	_, err := s.tmux("send-keys", "-t", "="+name+":", m[1])
	ts.Check(err)
	s.see(ts, name, `: `+m[1]+` _`)
	_, err = s.tmux("send-keys", "-t", "="+name+":", m[2])
	ts.Check(err)
	half := regexp.MustCompile(`: ` + m[1] + ` _`)
	if !until(patience, func() bool { return !shows(s.screen(name), half) }) {
		ts.Fatalf("%s doesn't take the code's second digit:\n%s", name, s.screen(name))
	}
}

// quiet is a little longer than the hands must be off the keys before a code
// counts.
const quiet = 1800 * time.Millisecond

// cmdPlainCode: plain-code NAME types the code as a line. Nothing on the screen
// says when the line mode would take it, so it is typed after the quiet time,
// as a person who has read the request does.
func cmdPlainCode(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	s, name := stageOf(ts), args[0]
	shown := regexp.MustCompile(`Type (\d\d) to allow all`)
	m := s.find(ts, name, shown)
	over := time.Now().Add(quiet)
	until(patience, func() bool { return time.Now().After(over) })
	_, err := s.tmux("send-keys", "-t", "="+name+":", m[1], "Enter")
	ts.Check(err)
	s.see(ts, name, "You allowed")
}

// atPrompt is a screen whose last words are a shell's prompt.
var atPrompt = regexp.MustCompile(`[$#%>]\s*$`)

// cmdSh: sh NAME waits for the visit's shell and makes it the same everywhere.
// It types nothing before the shell has its prompt: any other screen would take
// it for an answer.
func cmdSh(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	s, name := stageOf(ts), args[0]
	if !until(patience, func() bool { return atPrompt.MatchString(s.screen(name)) }) {
		ts.Fatalf("%s has no shell:\n%s%s", name, s.screen(name), s.otherScreens(name))
	}
	_, err := s.tmux("send-keys", "-t", "="+name+":", "exec env ENV= PS1='ready> ' sh", "Enter")
	ts.Check(err)
	s.see(ts, name, `^ready> *$`)
}

// cmdNoise: noise NAME SECONDS types at random, as somebody does who was in
// the middle of a sentence when the prompt came up: digits, words, Enter,
// Space, pastes of what may be the code. It never types the two digits of the
// code one after the other once the prompt takes them, which would be a yes.
func cmdNoise(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	s, name := stageOf(ts), args[0]
	seconds, err := strconv.Atoi(args[1])
	ts.Check(err)
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number
	ts.Logf("seed %d", seed)
	dice := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // not a secret
	over := time.NewTimer(time.Duration(seconds) * time.Second)
	defer over.Stop()
	tick := time.NewTicker(40 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-over.C:
			return
		case <-tick.C:
			ts.Check(s.anyKey(name, dice))
		}
	}
}

// anyKey types one thing. The keys that answer (l, r, x, v, f, q) are left
// out: an answer other than yes would end the prompt.
func (s *stage) anyKey(name string, dice *rand.Rand) error {
	target := "=" + name + ":"
	switch n := dice.IntN(10); {
	case n == 0:
		_, err := s.tmux("send-keys", "-t", target, "Enter")
		return err
	case n == 1:
		_, err := s.tmux("send-keys", "-t", target, "Space")
		return err
	case n == 2:
		// As a terminal marks a paste.
		_, err := s.tmux("send-keys", "-l", "-t", target, "\x1b[200~"+strconv.Itoa(10+dice.IntN(90))+"\x1b[201~")
		return err
	case n < 6:
		_, err := s.tmux("send-keys", "-t", target, strconv.Itoa(dice.IntN(10)))
		return err
	}
	letters := "abcdeghijkmnoptuwyz.,;-_"
	_, err := s.tmux("send-keys", "-l", "-t", target, string(letters[dice.IntN(len(letters))]))
	return err
}

// cmdResize: resize NAME WxH
func cmdResize(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	m := sizeWord.FindStringSubmatch(args[1])
	if m == nil {
		ts.Fatalf("%q is no size", args[1])
	}
	_, err := stageOf(ts).tmux("resize-window", "-t", "="+args[0]+":", "-x", m[1], "-y", m[2])
	ts.Check(err)
}

// cmdExits: exits NAME STATUS
func cmdExits(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	s := stageOf(ts)
	var status []byte
	if !until(patience, func() (ended bool) {
		var err error
		status, err = os.ReadFile(s.terminal(args[0]) + ".status")
		return err == nil
	}) {
		ts.Fatalf("%s still runs:\n%s%s", args[0], s.screen(args[0]), s.otherScreens(args[0]))
	}
	if got := strings.TrimSpace(string(status)); got != args[1] {
		ts.Fatalf("%s ended with %s, want %s:\n%s%s", args[0], got, args[1], s.screen(args[0]), s.files("err"))
	}
}

// cmdClose: close NAME
func cmdClose(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	_, err := stageOf(ts).tmux("kill-session", "-t", "="+args[0])
	ts.Check(err)
}

// files are the texts of the script's files whose names begin so.
func (s *stage) files(prefix string) string {
	var b strings.Builder
	list, _ := filepath.Glob(filepath.Join(s.dir, prefix+"*"))
	for _, path := range list {
		text, _ := os.ReadFile(path)
		fmt.Fprintf(&b, "--- %s:\n%s\n", filepath.Base(path), text)
	}
	return b.String()
}
