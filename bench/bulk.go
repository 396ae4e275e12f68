//go:build unix

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// measureBulk moves much data in one session: text and zero bytes down, which
// are recorded, and up. The last two let the client choose the cipher.
func measureBulk(ctx context.Context, l *lab, size sizes, out io.Writer) error {
	t := newTable(out, "bulk, MiB/s", higher)
	up, err := l.sparse("upload", size.bulk)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("yes 'All work and no play makes a plain line of a terminal, as it comes.' | head -c %d", size.bulk)
	// A zero byte takes six in a recording, more than any other.
	zeros := fmt.Sprintf("head -c %d /dev/zero", size.bulk/4)
	for _, k := range []struct {
		name, suffix, command string
		bytes                 int64
		input                 string
	}{
		{"text down", "", text, size.bulk, ""},
		{"zero bytes down", "", zeros, size.bulk / 4, ""},
		{"up", "", "wc -c", size.bulk, up},
		{"text down, the client's cipher", "own", text, size.bulk, ""},
		{"up, the client's cipher", "own", "wc -c", size.bulk, up},
	} {
		speeds, spent := make(map[string][]float64), make(cost)
		for round := range size.rounds {
			for _, host := range turn(round) {
				before := l.spent()
				took, err := l.move(ctx, named(host, k.suffix), k.command, k.input, k.bytes)
				if err != nil {
					return fmt.Errorf("%s, %s: %w", k.name, host, err)
				}
				speeds[host] = append(speeds[host], float64(k.bytes)/(1<<20)/took.Seconds())
				spent.add(host, before, l.spent())
			}
		}
		t.row(k.name, medians(speeds))
		spent.print(out, "s/GiB", float64(1<<30)/float64(k.bytes*int64(size.rounds)))
	}
	return nil
}

// named is the client's name for a contender: "own" takes its own ciphers.
func named(host, suffix string) string {
	if suffix == "own" {
		return strings.TrimSuffix(host, "-aes")
	}
	return host
}

// sparse makes a file of so many zero bytes.
func (l *lab) sparse(name string, size int64) (string, error) {
	if err := l.write(name, ""); err != nil {
		return "", err
	}
	return l.path(name), os.Truncate(l.path(name), size)
}

// move runs one command over ssh. With an input, the command prints how many
// bytes arrived.
func (l *lab) move(ctx context.Context, host, command, input string, size int64) (time.Duration, error) {
	cmd := l.ssh(ctx, host, command)
	var said, complaints bytes.Buffer
	cmd.Stderr = &complaints
	if input != "" {
		f, err := os.Open(input)
		if err != nil {
			return 0, err
		}
		defer f.Close()
		cmd.Stdin, cmd.Stdout = f, &said
	}
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("%w: %s", err, complaints.Bytes())
	}
	took := time.Since(began)
	if arrived := strings.TrimSpace(said.String()); input != "" && arrived != fmt.Sprint(size) {
		return 0, fmt.Errorf("%q of %d bytes arrived", arrived, size)
	}
	return took, nil
}
