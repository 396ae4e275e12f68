package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"accord/replay"
)

func exportVerb() verb {
	return verb{
		name:  "export",
		usage: "--mp4|--webm|--apng|--png FILE [OPTION]… FOLDER|FILE",
		line:  "make a film or an image of a recorded screen",
		help: `Makes a film or an image of a screen that was recorded in a visit: of the first
one in a visit's folder, or of the .frames that you name. --mp4 and --webm need
ffmpeg; the others need nothing. A file that is there is not written over.
Times are 90, 1m30s or 1:30, since the screen's recording began.

Options:
      --mp4 FILE      a film as H.264 in MP4
      --webm FILE     a film as VP9 in WebM
      --apng FILE     a film as an animated PNG, without loss
      --png FILE      an image, without loss
      --at TIME       of --png: when; else the last picture
      --contact       of --png: small pictures of the whole time, on one sheet
      --from TIME     where a film or a sheet begins
      --to TIME       where it ends

Examples:
  accord export --mp4 visit.mp4 recordings/2026/11/22/20261122-164500-abcd2345
  accord export --png still.png --at 12:30 002.frames
  accord export --png sheet.png --contact 002.frames`,
		run: runExport,
	}
}

// exportFlags are the options of export.
type exportFlags struct {
	mp4, webm, apng, png string
	contact              bool
	at, from, to         moment
}

func runExport(ctx context.Context, c *call, args []string) error {
	fs := flags("export")
	var f exportFlags
	fs.StringVar(&f.mp4, "mp4", "", "")
	fs.StringVar(&f.webm, "webm", "", "")
	fs.StringVar(&f.apng, "apng", "", "")
	fs.StringVar(&f.png, "png", "", "")
	fs.BoolVar(&f.contact, "contact", false, "")
	fs.Var(&f.at, "at", "")
	fs.Var(&f.from, "from", "")
	fs.Var(&f.to, "to", "")
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	made := 0
	for _, file := range []string{f.mp4, f.webm, f.apng, f.png} {
		if file != "" {
			made++
		}
	}
	switch {
	case len(rest) != 1:
		return usage("export", "name the folder of a visit, or a .frames")
	case made != 1:
		return usage("export", "say what to make: one of --mp4, --webm, --apng and --png, with a file")
	case f.png == "" && (f.contact || f.at.set):
		return usage("export", "--at and --contact are for --png")
	case f.at.set && f.contact, f.png != "" && !f.contact && (f.from.set || f.to.set):
		return usage("export", "an image is of one time (--at); films and sheets have --from and --to")
	case f.to.set && f.to.time <= f.from.time:
		return usage("export", "--to must be after --from")
	}
	return f.run(ctx, c, rest[0])
}

func (f *exportFlags) run(ctx context.Context, c *call, path string) error {
	p := progressLine{c: c, every: time.Second}
	e := replay.Export{From: f.from.time, To: f.to.time, Progress: p.tell}
	defer p.end()
	switch {
	case f.mp4 != "":
		return replay.Film(ctx, path, f.mp4, replay.MP4, e)
	case f.webm != "":
		return replay.Film(ctx, path, f.webm, replay.WebM, e)
	case f.apng != "":
		return replay.APNG(ctx, path, f.apng, e)
	case f.contact:
		return replay.Contact(ctx, path, f.png, e)
	case f.at.set:
		return replay.PNG(ctx, path, f.png, f.at.time)
	}
	return replay.PNG(ctx, path, f.png, replay.Last)
}

// moment is a time since the start, as people write it.
type moment struct {
	time time.Duration
	set  bool
}

func (m *moment) String() string { return m.time.String() }

func (m *moment) Set(s string) error {
	m.set = true
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		m.time = d
		return nil
	}
	total, parts := 0, strings.Split(s, ":")
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > 1<<20 || len(parts) > 3 || i > 0 && n > 59 {
			return fmt.Errorf("a time is written 90, 1m30s or 1:30")
		}
		total = total*60 + n
	}
	m.time = time.Duration(total) * time.Second
	return nil
}

// progressLine says how far a long work is, on a terminal.
type progressLine struct {
	c     *call
	every time.Duration
	last  time.Time
	said  bool
}

func (p *progressLine) tell(done, of time.Duration) {
	now := time.Now()
	if p.last.IsZero() {
		p.last = now
	}
	if !p.c.hasTerminal() || now.Sub(p.last) < p.every || of <= 0 {
		return
	}
	p.last, p.said = now, true
	fmt.Fprintf(p.c.stderr, "\r%3d %%  %s of %s ", 100*done/of, done.Round(time.Second), of.Round(time.Second))
}

func (p *progressLine) end() {
	if p.said {
		fmt.Fprint(p.c.stderr, "\r\x1b[K")
	}
}
