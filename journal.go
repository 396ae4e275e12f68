package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// journal is a [slog.Handler] for systemd's journal: key=value, a level as it
// reads it before each line (sd-daemon(3)), and no time, which it has itself.
type journal struct {
	mu  *sync.Mutex // one line at a time
	w   io.Writer
	add func(slog.Handler) slog.Handler // attributes and groups
}

func newJournal(w io.Writer) *journal {
	return &journal{mu: new(sync.Mutex), w: w, add: func(h slog.Handler) slog.Handler { return h }}
}

// Enabled implements [slog.Handler].
func (j *journal) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle implements it.
func (j *journal) Handle(ctx context.Context, r slog.Record) error {
	var line bytes.Buffer
	fmt.Fprintf(&line, "<%d>", severity(r.Level))
	h := j.add(slog.NewTextHandler(&line, &slog.HandlerOptions{ReplaceAttr: func(groups []string, a slog.Attr) slog.Attr {
		if len(groups) == 0 && (a.Key == slog.TimeKey || a.Key == slog.LevelKey) {
			return slog.Attr{}
		}
		return a
	}}))
	if err := h.Handle(ctx, r); err != nil {
		return err
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	_, err := j.w.Write(line.Bytes())
	return err
}

// WithAttrs implements it.
func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &journal{j.mu, j.w, func(h slog.Handler) slog.Handler { return j.add(h).WithAttrs(attrs) }}
}

// WithGroup implements it.
func (j *journal) WithGroup(name string) slog.Handler {
	return &journal{j.mu, j.w, func(h slog.Handler) slog.Handler { return j.add(h).WithGroup(name) }}
}

// severity is a level as syslog(3) numbers it.
func severity(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}
