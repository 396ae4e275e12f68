package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"accord/wire"
)

// verb is one thing the program does.
type verb struct {
	name  string
	usage string // the arguments: "[FILE]"
	line  string // what it does, for the overview
	help  string // teaches, with examples
	run   func(ctx context.Context, c *call, args []string) error
	// serves: it takes a SIGHUP itself, see onHangup. Others are ended by it.
	serves bool
}

// verbs are all verbs, in the order of the overview. Each lives in its own
// file.
func verbs() []verb {
	return append([]verb{
		upVerb(),
		gatewayVerb(),
		agentVerb(),
		joinVerb(),
		pushVerb(),
		userVerb(),
		answerVerb(),
		stopVerb(),
		receiptsVerb(),
		replayVerb(),
		viewVerb(),
		connectVerb(),
		approveVerb(),
		overrideVerb(),
		playVerb(),
		exportVerb(),
		verifyVerb(),
		checkVerb(),
		doctorVerb(),
		backupVerb(),
		releaseVerb(),
		completionVerb(),
		versionVerb(),
		helpVerb(),
	}, systemVerbs()...)
}

func find(name string) (verb, bool) {
	for _, v := range verbs() {
		if v.name == name {
			return v, true
		}
	}
	return verb{}, false
}

// nearVerb is what to say of a verb that is surely meant by a word that is none.
func nearVerb(word string) string {
	var names []string
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	if near := wire.Near(word, names); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// flags makes the flag set of a verb. The usage texts of its
// flags are unused: the verb's help is written by hand.
func flags(name string) *flag.FlagSet {
	fs := flag.NewFlagSet(name, flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	return fs
}

// boolFlag declares a switch under a long and a short name.
func boolFlag(fs *flag.FlagSet, long, short string) *bool {
	on := fs.Bool(long, false, "")
	fs.BoolVar(on, short, false, "")
	return on
}

// stringFlag declares an option with a value under a long and a short name.
func stringFlag(fs *flag.FlagSet, long, short, otherwise string) *string {
	value := fs.String(long, otherwise, "")
	fs.StringVar(value, short, otherwise, "")
	return value
}

// parse reads the flags, which may stand before and after the arguments, and
// returns the arguments. What follows "--" is an argument. For -h and --help
// it writes the help and returns [flag.ErrHelp].
func parse(c *call, fs *flag.FlagSet, args []string, most int) ([]string, error) {
	var rest []string
	for len(args) > 0 {
		before := args
		err := fs.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			v, _ := find(fs.Name())
			v.writeHelp(c.stdout)
			return nil, flag.ErrHelp
		}
		if err != nil {
			return nil, usage(fs.Name(), "%s%s", flagSentence(err), nearFlag(fs, err))
		}
		args = fs.Args()
		if n := len(before) - len(args); n > 0 && before[n-1] == "--" {
			rest = append(rest, args...)
			break
		}
		if len(args) > 0 {
			rest, args = append(rest, args[0]), args[1:]
		}
	}
	if len(rest) > most {
		return nil, usage(fs.Name(), "%q is one argument too many", rest[most])
	}
	return rest, nil
}

// flagSentence words an error of package flag as the rest of the program does.
func flagSentence(err error) string {
	s := err.Error()
	if name, ok := strings.CutPrefix(s, "flag provided but not defined: "); ok {
		return "there is no option " + longer(name)
	}
	if name, ok := strings.CutPrefix(s, "flag needs an argument: "); ok {
		return "the option " + longer(name) + " needs a value"
	}
	return s
}

// nearFlag is what to say of an option that is surely meant by one that there isn't.
func nearFlag(fs *flag.FlagSet, err error) string {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	if near := wire.Near(name, names); unknown && near != "" {
		return "; did you mean " + longer("-"+near) + "?"
	}
	return ""
}

// longer gives a long option its second dash, which package flag drops.
func longer(name string) string {
	if len(name) > 2 && !strings.HasPrefix(name, "--") {
		return "-" + name
	}
	return name
}

func (v verb) writeHelp(w io.Writer) {
	fmt.Fprintf(w, "Usage: accord %s\n\n%s\n", strings.TrimSpace(v.name+" "+v.usage), strings.TrimSpace(v.help))
}

func writeOverview(w io.Writer) {
	fmt.Fprint(w, `Accord reaches a device with the ssh you have, with the yes of its user.

Usage: accord VERB [OPTIONS] [ARGUMENTS]

`)
	for _, v := range verbs() {
		fmt.Fprintf(w, "  %-10s %s\n", v.name, v.line)
	}
	fmt.Fprint(w, `
accord help VERB teaches one of them; so does accord VERB --help.

Exit codes: 0 done, 1 failed, 2 the command line or the configuration is wrong.
`)
}

func helpVerb() verb {
	return verb{
		name:  "help",
		usage: "[--man | VERB]",
		line:  "this overview, or the help of one verb",
		help: `Shows what a verb does, its options, and examples.

Options:
  -m, --man   all of it as a manual page

Examples:
  accord help
  accord help check
  accord help --man | man -l -`,
		run: runHelp,
	}
}

func runHelp(_ context.Context, c *call, args []string) error {
	fs := flags("help")
	man := boolFlag(fs, "man", "m")
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	if *man {
		writeMan(c.stdout, thisBuild())
		return nil
	}
	if len(rest) == 0 {
		writeOverview(c.stdout)
		return nil
	}
	v, ok := find(rest[0])
	if !ok {
		return usage("", "there is no verb %q%s", rest[0], nearVerb(rest[0]))
	}
	v.writeHelp(c.stdout)
	return nil
}
