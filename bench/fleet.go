//go:build unix

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"
)

// measureFleet lets many devices call home, restarts the gateway under them,
// and says what they cost it. It ends the gateway.
func measureFleet(ctx context.Context, l *lab, size sizes, out io.Writer) error {
	l.leaveVisit()
	l.agent.stop()
	l.agent = nil
	if err := l.restartGateway(ctx); err != nil {
		return err
	}
	rest(ctx, size.settling/4)
	empty, started := memory(l.gateway.pid(), "VmRSS"), used(l.gateway.pid())
	f, err := l.enrolFleet(size.devices)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer f.wait()
	defer cancel()
	f.start(ctx)
	if err := f.await(ctx, size.devices); err != nil {
		return err
	}
	rest(ctx, size.settling/4)
	stopping := time.Now()
	l.gateway.stop()
	stopped := time.Since(stopping)
	if err := l.restartGateway(ctx); err != nil {
		return err
	}
	began := time.Now()
	if err := f.await(ctx, size.devices); err != nil {
		return err
	}
	storm, cpu := time.Since(began), used(l.gateway.pid())-started
	peak := memory(l.gateway.pid(), "VmHWM")
	rest(ctx, size.settling)
	settled := memory(l.gateway.pid(), "VmRSS")
	heap, err := l.liveHeap()
	if err != nil {
		return err
	}
	goroutines := l.countGoroutines()
	n := float64(size.devices)
	fmt.Fprintf(out, "\n| %d idle devices | |\n|---|---|\n", size.devices)
	fmt.Fprintf(out, "| resident KiB each | %.1f settled, %.1f at the peak of the storm (an empty gateway has %.1f MiB) |\n",
		float64(settled-empty)/n, float64(peak-empty)/n, float64(empty)/1024)
	fmt.Fprintf(out, "| heap in use, KiB each | %.0f |\n", float64(heap<<10)/n)
	fmt.Fprintf(out, "| goroutines each | %.2f |\n", float64(goroutines)/n)
	fmt.Fprintf(out, "| reconnect storm | all back %.2f s after the restart (devices wait 0 to %d s), %.2f ms of gateway CPU each; the stop took %.2f s |\n",
		storm.Seconds(), redial, cpu.Seconds()*1000/n, stopped.Seconds())
	return ctx.Err()
}

// rest lets things settle.
func rest(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// enrolFleet makes the devices, each with a key and a token.
func (l *lab) enrolFleet(n int) (*fleet, error) {
	admin, err := l.admin()
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	f := &fleet{gateway: loopback(l.ports.agents)}
	for i := range n {
		token, err := enroll(admin, fmt.Sprintf("fleet-%d", i))
		if err != nil {
			return nil, err
		}
		if err := f.add(i, token); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// liveHeap has the gateway collect its garbage, by working for an admin, and
// reads in its log what was left, in MiB.
func (l *lab) liveHeap() (int, error) {
	admin, err := l.admin()
	if err != nil {
		return 0, err
	}
	defer admin.Close()
	before, _ := l.collections()
	for range 500 {
		if _, err := command(admin, "devices --json"); err != nil {
			return 0, err
		}
		if now, live := l.collections(); now >= before+2 {
			return live, nil
		}
	}
	return 0, errors.New("the gateway's log tells of no garbage collection")
}

// collections counts the lines "gc 7 @1.2s …, 9->10->5 MB, …" in the gateway's
// log, and gives the last of the sizes: what was in use after the last one.
func (l *lab) collections() (n, live int) {
	file, err := os.Open(l.path("gateway.log"))
	if err != nil {
		return 0, 0
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		_, rest, found := strings.Cut(lines.Text(), "->")
		if !found || !strings.HasPrefix(lines.Text(), "gc ") {
			continue
		}
		var after int
		if _, err := fmt.Sscanf(rest, "%d->%d MB", &after, &live); err == nil {
			n++
		}
	}
	return n, live
}

// countGoroutines ends the gateway so that it prints all its goroutines.
func (l *lab) countGoroutines() int {
	l.gateway.end(syscall.SIGQUIT)
	file, err := os.Open(l.path("gateway.log"))
	if err != nil {
		return 0
	}
	defer file.Close()
	n := 0
	for lines := bufio.NewReader(file); ; {
		line, err := lines.ReadString('\n')
		if strings.HasPrefix(line, "goroutine ") {
			n++
		}
		if err != nil {
			return n // the end of the log
		}
	}
}
