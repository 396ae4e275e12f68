package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"
)

// cmdPerson: person NAME ROLE… gives a person of the configuration these
// roles, or takes them out with none. Whoever is new gets a key, key-NAME, and
// is the host gw-NAME of ssh. What runs must be started anew.
func cmdPerson(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, -1)
	s := stageOf(ts)
	name, roles := args[0], args[1:]
	if s.roles == nil {
		s.roles = map[string][]string{}
	}
	if _, known := s.keys[name]; !known {
		ts.Check(s.newcomer(name))
	}
	s.roles[name] = roles
}

func (s *stage) newcomer(name string) error {
	key := filepath.Join(s.dir, "key-"+name)
	if _, err := runIn(s.dir, s.env, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key); err != nil {
		return err
	}
	text, err := os.ReadFile(key + ".pub")
	if err != nil {
		return err
	}
	s.keys[name] = strings.TrimSpace(string(text))
	s.more = append(s.more, name)
	config := filepath.Join(s.dir, "ssh_config")
	before, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	return os.WriteFile(config, fmt.Appendf(nil, "Host gw-%s\n  IdentityFile %s\n%s", name, key, before), 0o600)
}

// cmdRang: rang NAME waits until the terminal's bell has rung since the
// terminal was opened.
func cmdRang(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	s := stageOf(ts)
	if !until(patience, func() bool {
		flag, err := s.tmux("display-message", "-p", "-t", "="+args[0]+":", "#{window_bell_flag}")
		return err == nil && strings.TrimSpace(flag) == "1"
	}) {
		ts.Fatalf("the bell of %s has not rung:\n%s", args[0], s.screen(args[0]))
	}
}

// cmdSign: sign NAME NAMESPACE FILE signs a file with a person's key, as
// ssh-keygen does; the signature is FILE.sig. ssh-keygen itself then checks it.
func cmdSign(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 3, 3)
	s := stageOf(ts)
	file := ts.MkAbs(args[2])
	_ = os.Remove(file + ".sig")
	ts.Check(ts.Exec("ssh-keygen", "-q", "-Y", "sign", "-n", args[1], "-f", filepath.Join(s.dir, "key-"+args[0]), file))
	s.verified(ts, args[0], args[1], file)
}

// cmdVerified: verified NAME NAMESPACE FILE: FILE.sig is that person's
// signature, says ssh-keygen.
func cmdVerified(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 3, 3)
	stageOf(ts).verified(ts, args[0], args[1], ts.MkAbs(args[2]))
}

func (s *stage) verified(ts *testscript.TestScript, name, namespace, file string) {
	allowed := filepath.Join(s.dir, "allowed-"+name)
	ts.Check(os.WriteFile(allowed, []byte(name+" "+s.keys[name]+"\n"), 0o600))
	in, err := os.Open(file)
	ts.Check(err)
	defer in.Close() //nolint:errcheck // it was only read
	verify := exec.Command("ssh-keygen", "-Y", "verify", "-f", allowed, "-I", name, "-n", namespace, "-s", file+".sig")
	verify.Stdin = in
	if out, err := verify.CombinedOutput(); err != nil {
		ts.Fatalf("ssh-keygen does not find the signature of %s good: %v\n%s", name, err, out)
	}
}

// cmdWaits: waits HOST COMMAND REGEXP runs a command of the gateway until it
// prints that.
func cmdWaits(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 3, 3)
	s := stageOf(ts)
	want, err := regexp.Compile(args[2])
	ts.Check(err)
	out := ""
	if !until(2*patience, func() bool {
		out, err = runIn(s.dir, s.env, filepath.Join(s.dir, "bin", "ssh"), args[0], args[1])
		return err == nil && want.MatchString(out)
	}) {
		ts.Fatalf("ssh %s %s (%v) does not come to print %q:\n%s", args[0], args[1], err, args[2], out)
	}
}
