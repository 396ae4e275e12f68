//go:build unix

// Bench measures Accord side by side with OpenSSH on this machine, in one run,
// over loopback: the yardstick is `ssh -J` through a second sshd, which is what
// a technician would use instead. It brings servers, keys and settings of its
// own in a temporary folder, starts the real binary, and removes all of it at
// the end, also on Ctrl-C. docs/performance.md says how to read the result.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// sizes say how much is measured.
type sizes struct {
	limit    time.Duration // of the whole run
	rounds   int           // each contender takes its turn in each
	bulk     int64         // bytes of one transfer
	keys     int           // single keys of one round
	logins   int           // one after the other, in one round
	crowd    int           // logins of one round, several at a time
	devices  int           // that call home at once
	settling time.Duration // before memory is looked at
}

func full() sizes {
	return sizes{10 * time.Minute, 3, 256 << 20, 500, 20, 60, 1000, 20 * time.Second}
}

func quick() sizes {
	return sizes{3 * time.Minute, 2, 64 << 20, 150, 10, 30, 200, 3 * time.Second}
}

func main() {
	small := flag.Bool("quick", false, "small sizes: less than two minutes, and rougher figures")
	only := flag.String("only", "", "one part: bulk, echo, logins or fleet")
	binary := flag.String("accord", "", "measure this binary instead of building one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	size := full()
	if *small {
		size = quick()
	}
	err := run(ctx, size, *only, *binary, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run sets everything up, measures part after part, and takes it all down.
func run(ctx context.Context, size sizes, only, binary string, out io.Writer) (err error) {
	ctx, cancel := context.WithTimeout(ctx, size.limit)
	defer cancel()
	parts := []struct {
		name    string
		measure func(context.Context, *lab, sizes, io.Writer) error
	}{{"echo", measureEcho}, {"logins", measureLogins}, {"bulk", measureBulk}, {"fleet", measureFleet}}
	describe(out)
	l, err := newLab(ctx, binary)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close()) }()
	for _, p := range parts {
		if only != "" && only != p.name {
			continue
		}
		if err := p.measure(ctx, l, size, out); err != nil {
			return fmt.Errorf("%s: %w", p.name, errors.Join(err, context.Cause(ctx)))
		}
	}
	return nil
}
