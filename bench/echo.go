//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"time"
)

// echoing is a session on a terminal that gives each key back.
type echoing struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// marker is what the session prints when it is ready.
const marker = "@@"

func (l *lab) startEcho(ctx context.Context, host string) (*echoing, error) {
	e := &echoing{cmd: l.ssh(ctx, "-tt", host, "stty raw -echo; printf "+marker+"; exec cat")}
	in, ierr := e.cmd.StdinPipe()
	out, oerr := e.cmd.StdoutPipe()
	if err := errors.Join(ierr, oerr); err != nil {
		return nil, err
	}
	e.in, e.out = in, bufio.NewReader(out)
	if err := e.cmd.Start(); err != nil {
		return nil, err
	}
	for last := byte(0); ; {
		c, err := e.out.ReadByte()
		if err != nil {
			e.close()
			return nil, fmt.Errorf("%s gave no terminal: %w", host, err)
		}
		if c == marker[1] && last == marker[0] {
			return e, nil
		}
		last = c
	}
}

// rare are keys that no text holds that somebody else may write on the same
// terminal, such as an agent that tells its user of a visit: it would be taken
// for the return of a key.
const rare = "^|`{}"

// key types one key and waits until just that is back.
func (e *echoing) key(i int) (time.Duration, error) {
	if _, err := e.out.Discard(e.out.Buffered()); err != nil {
		return 0, err
	}
	k := rare[i%len(rare)]
	began := time.Now()
	if _, err := e.in.Write([]byte{k}); err != nil {
		return 0, err
	}
	for {
		c, err := e.out.ReadByte()
		if err != nil || c == k {
			return time.Since(began), err
		}
	}
}

func (e *echoing) close() {
	_ = e.cmd.Process.Kill()
	_ = e.in.Close()
	_ = e.cmd.Wait()
}

// pause is between two keys: nobody types the next before the last has settled.
const pause = 3 * time.Millisecond

// measureEcho types single keys in all sessions by turns.
func measureEcho(ctx context.Context, l *lab, size sizes, out io.Writer) error {
	times := make(map[string][]time.Duration)
	for range size.rounds {
		if err := echoRound(ctx, l, size.keys, times); err != nil {
			return err
		}
	}
	t := newTable(out, "key echo, ms", lower)
	for _, p := range []struct {
		name string
		at   float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		row := make(map[string]float64)
		for host, d := range times {
			slices.Sort(d)
			row[host] = d[int(p.at*float64(len(d)-1))].Seconds() * 1000
		}
		t.row(p.name, row)
	}
	return nil
}

func echoRound(ctx context.Context, l *lab, keys int, times map[string][]time.Duration) error {
	sessions := make(map[string]*echoing)
	for _, host := range contenders() {
		e, err := l.startEcho(ctx, host)
		if err != nil {
			return err
		}
		defer e.close()
		sessions[host] = e
	}
	for i := range keys {
		for _, host := range turn(i) {
			d, err := sessions[host].key(i)
			if err != nil {
				return fmt.Errorf("%s: %w", host, err)
			}
			times[host] = append(times[host], d)
			rest(ctx, pause)
		}
	}
	return ctx.Err()
}
