//go:build unix

package main

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// contenders are compared, by their names in the client's settings. The last
// is no contender, but the speed of light.
func contenders() []string { return []string{"accord-aes", "jumped-aes", "direct-aes"} }

// turn is the order of a round: each comes first, second and last by turns.
func turn(round int) []string {
	all := contenders()
	first := round % len(all)
	return append(all[first:], all[:first]...)
}

// medians of each contender's rounds.
func medians(rounds map[string][]float64) map[string]float64 {
	m := make(map[string]float64)
	for name, values := range rounds {
		slices.Sort(values)
		m[name] = values[len(values)/2]
	}
	return m
}

// direction is which figures are good.
type direction bool

const (
	higher direction = true
	lower  direction = false
)

// table prints figures side by side, in Markdown.
type table struct {
	out  io.Writer
	good direction
}

func newTable(out io.Writer, title string, good direction) *table {
	fmt.Fprintf(out, "\n| %s | Accord | ssh -J | Accord / ssh -J | direct sshd |\n|---|---|---|---|---|\n", title)
	return &table{out, good}
}

// row prints one line; the ratio says when Accord loses.
func (t *table) row(name string, figures map[string]float64) {
	accord, jumped := figures["accord-aes"], figures["jumped-aes"]
	ratio, verdict := accord/jumped, ""
	if (ratio < 1) == (t.good == higher) {
		verdict = " (loses)"
	}
	fmt.Fprintf(t.out, "| %s | %.4g | %.4g | %.2f%s | %.4g |\n", name, accord, jumped, ratio, verdict, figures["direct-aes"])
}

// spent is the processor time of the servers so far.
func (l *lab) spent() map[string]time.Duration {
	return map[string]time.Duration{
		"gateway": used(l.gateway.pid()), "agent": used(l.agent.pid()),
		"jump sshd": used(l.jump.pid()), "target sshd": used(l.target.pid()),
	}
}

// cost is the processor time that the servers spent for each contender.
type cost map[string]map[string]time.Duration

func (c cost) add(host string, before, after map[string]time.Duration) {
	if c[host] == nil {
		c[host] = make(map[string]time.Duration)
	}
	for server, t := range after {
		c[host][server] += t - before[server]
	}
}

// print says what each server spent, in seconds times scale.
func (c cost) print(out io.Writer, unit string, scale float64) {
	figure := func(host, server string) float64 { return c[host][server].Seconds() * scale }
	fmt.Fprintf(out, "| CPU, %s | gateway %.3g, agent %.3g | jump %.3g, target %.3g | %.2f | target %.3g |\n", unit,
		figure("accord-aes", "gateway"), figure("accord-aes", "agent"),
		figure("jumped-aes", "jump sshd"), figure("jumped-aes", "target sshd"),
		(figure("accord-aes", "gateway")+figure("accord-aes", "agent"))/(figure("jumped-aes", "jump sshd")+figure("jumped-aes", "target sshd")),
		figure("direct-aes", "target sshd"))
}
