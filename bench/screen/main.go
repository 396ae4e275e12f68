//go:build unix

// Screen measures what it costs to keep a screen, side by side: the bytes that
// raw RFB has, ZRLE as it was received, PNG tiles, x264 and our frame log, from
// the same minute of the same desktop; the processor time of reading and of
// logging; how long a seek takes; memory; and what the hub adds to the way from a
// click to its pixels. docs/performance.md says how to read the result.
//
// It makes desktops of its own with Xtigervnc, xterm, xclock, ffplay and xdotool,
// and takes captures (*.zrle.xfbs, see recordings/rfb/testdata/cut) from a folder.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"
)

func main() {
	quick := flag.Bool("quick", false, "12 s of each desktop instead of a minute, and one round")
	captures := flag.String("captures", "", "a folder of captures to measure too")
	own := flag.Bool("own", true, "measure desktops made here")
	only := flag.String("only", "", "one of the desktops made here: terminal, scroll, browser, mixed or video")
	latency := flag.Bool("latency", true, "measure what the hub adds to the way from a click to its pixels")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	size := sizes{length: time.Minute, rounds: 3, clicks: 200}
	if *quick {
		size = sizes{length: 12 * time.Second, rounds: 1, clicks: 60}
	}
	err := run(ctx, size, *captures, *only, *own, *latency, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench-screen:", err)
		os.Exit(1)
	}
}

// sizes say how much is measured.
type sizes struct {
	length time.Duration // of each desktop made here
	rounds int           // of which tables show the median
	clicks int
}

func run(ctx context.Context, size sizes, captures, only string, own, latency bool, out io.Writer) error {
	fmt.Fprintf(out, "%s, %d cores, %s %s\n", time.Now().Format(time.DateOnly), runtime.NumCPU(), runtime.Version(), runtime.GOARCH)
	printLoad(out, "begin")
	defer printLoad(out, "end")
	var films []*film
	if captures != "" {
		read, err := readFilms(captures)
		if err != nil {
			return err
		}
		films = append(films, read...)
	}
	if own {
		for _, d := range desktops() {
			if only != "" && only != d.name {
				continue
			}
			fmt.Fprintf(os.Stderr, "filming %s for %v\n", d.name, size.length)
			f, err := d.film(ctx, size.length)
			if err != nil {
				return fmt.Errorf("film %s: %w", d.name, err)
			}
			films = append(films, f)
		}
	}
	var results []result
	for _, f := range films {
		fmt.Fprintf(os.Stderr, "measuring %s\n", f.name)
		r, err := measure(ctx, f, size.rounds)
		if err != nil {
			return fmt.Errorf("measure %s: %w", f.name, err)
		}
		results = append(results, r)
	}
	if len(results) > 0 {
		printResults(out, results)
	}
	if !latency {
		return nil
	}
	return measureLatency(ctx, size, out)
}

// printLoad prints how many processes have wanted a processor in the last 1, 5 and
// 15 minutes: with more than there are cores, times by the clock are too long.
func printLoad(out io.Writer, when string) {
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return // there is none on this system
	}
	if f := strings.Fields(string(load)); len(f) >= 3 {
		fmt.Fprintf(out, "load at the %s: %s\n", when, strings.Join(f[:3], " "))
	}
}
