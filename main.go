// Accord reaches a device with the ssh already at hand, and only with the yes
// of the person in front of it. This package holds the verbs; what they do is
// done by the packages they wire together.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"accord/agent"
	"accord/agent/files"
	"accord/agent/proc"
	"accord/agent/sockets"
	"accord/agent/surface"
)

// Exit codes, as help lists them.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

func main() {
	surface.Main()                                                                             // likewise in the keeper of a console
	proc.Main(proc.Inside{agent.InsideFiles: files.Serve, agent.InsideSockets: sockets.Serve}) // in a keeper of a visit's processes it doesn't return
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr, os.Environ())
	stop()
	os.Exit(code)
}

// run is the program, without the process around it. The arguments begin with
// the verb; env is as in os.Environ. It returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	c := &call{stdin: stdin, stdout: stdout, stderr: stderr, env: env}
	err := dispatch(ctx, c, args)
	if err == nil {
		return exitOK
	}
	if errors.Is(err, flag.ErrHelp) {
		return exitOK
	}
	if status, ok := errors.AsType[exitStatus](err); ok {
		return int(status)
	}
	fmt.Fprintf(stderr, "accord: %s\n", err)
	var u *usageError
	if errors.As(err, &u) {
		if u.verb != "" {
			fmt.Fprintf(stderr, "Try: accord help %s\n", u.verb)
		} else {
			fmt.Fprintln(stderr, "Try: accord help")
		}
		return exitUsage
	}
	var bad *configError
	if errors.As(err, &bad) {
		return exitUsage
	}
	return exitFailed
}

// dispatch finds the verb and runs it.
func dispatch(ctx context.Context, c *call, args []string) error {
	if len(args) == 0 {
		writeOverview(c.stderr)
		return usage("", "name what to do")
	}
	name := args[0]
	switch name {
	case "-h", "--help":
		name = "help"
	case "-V", "--version":
		name = "version"
	}
	v, ok := find(name)
	if !ok {
		return usage("", "there is no verb %q%s", name, nearVerb(name))
	}
	if !v.serves {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGHUP)
		defer stop()
	}
	return v.run(ctx, c, args[1:])
}

// call is one call of the program: where it reads and writes.
type call struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	env            []string
}

// getenv is os.Getenv for the call's own environment.
func (c *call) getenv(name string) string {
	for i := len(c.env) - 1; i >= 0; i-- {
		if value, ok := strings.CutPrefix(c.env[i], name+"="); ok {
			return value
		}
	}
	return ""
}

// exitStatus ends the program with a status of the verb's own; all is said.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

// usageError is a command line that can't be meant.
type usageError struct {
	verb     string
	sentence string
}

func (e *usageError) Error() string { return e.sentence }

func usage(verb, format string, args ...any) error {
	return &usageError{verb: verb, sentence: fmt.Sprintf(format, args...)}
}

// configError is a configuration that can't be used.
type configError struct{ err error }

func (e *configError) Error() string { return e.err.Error() }
func (e *configError) Unwrap() error { return e.err }
