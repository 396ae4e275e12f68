//go:build unix

package main

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// perHour is a number of bytes as MB an hour.
func (r result) perHour(bytes int) string { return megabytes(float64(bytes) / r.length.Hours() / 1e6) }

func megabytes(v float64) string {
	if v < 10 {
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// core is a processor time as a share of one core during the film.
func (r result) core(spent time.Duration) string {
	return fmt.Sprintf("%.2f", 100*max(0, spent.Seconds())/r.length.Seconds())
}

// printResults prints each figure of all films, side by side.
func printResults(out io.Writer, results []result) {
	row := func(what string, figure func(result) string) {
		fmt.Fprintf(out, "| %s |", what)
		for _, r := range results {
			fmt.Fprintf(out, " %s |", figure(r))
		}
		fmt.Fprintln(out)
	}
	head := func(what string) {
		fmt.Fprintln(out)
		row(what, func(r result) string { return r.name })
		fmt.Fprintln(out, strings.Repeat("|---", len(results)+1)+"|")
	}
	millis := func(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/1e6) }

	head("MB an hour")
	row("raw RFB", func(r result) string { return r.perHour(r.raw) })
	row("ZRLE as received", func(r result) string { return r.perHour(r.zrle) })
	row("PNG tiles, 5 a second", func(r result) string { return r.perHour(r.pngs) })
	row("x264 ultrafast, 10 a second, lossy", func(r result) string { return r.perHour(r.x264) })
	row("**frame log**, strict, 5 a second", func(r result) string { return "**" + r.perHour(r.log) + "**" })
	row("frame log, as configured by default", func(r result) string { return r.perHour(r.budget) })
	row("frame log / ZRLE", func(r result) string { return fmt.Sprintf("%.2f", float64(r.log)/float64(r.zrle)) })
	row("frame log / x264", func(r result) string { return fmt.Sprintf("%.2f", float64(r.log)/float64(r.x264)) })

	head("% of a core")
	row("reading the server", func(r result) string { return r.core(r.decodeCPU) })
	row("the frame log", func(r result) string { return r.core(r.logCPU) })
	row("PNG tiles", func(r result) string { return r.core(r.pngCPU) })
	row("x264", func(r result) string { return r.core(r.x264CPU) })

	head("the frame log")
	row("seek p50, ms", func(r result) string { return millis(r.seeks[len(r.seeks)/2]) })
	row("seek, the longest of 200, ms", func(r result) string { return millis(r.seeks[len(r.seeks)-1]) })
	row("the same, ms of processor time", func(r result) string { return millis(r.seeksCPU[len(r.seeksCPU)-1]) })
	row("memory of client, screen and writer, MB", func(r result) string { return fmt.Sprintf("%.1f", float64(r.heap)/1e6) })
	row("last picture bit-identical", func(r result) string {
		if r.same {
			return "yes"
		}
		return "**no**"
	})
}
