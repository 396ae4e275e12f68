package gateway

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"accord/config"
	"accord/gateway/store"
	"accord/wire"
)

// Source is where the configuration comes from, to be read anew while the
// gateway serves. The zero Source is never read.
type Source struct {
	File string // looked at every second; empty: there is none
	// Read reads it as strictly as at the start. It is called by one goroutine.
	Read func() (Options, error)
	// Again asks for it; what comes in is of no account. May be nil.
	Again <-chan os.Signal
}

// Why the configuration is read anew.
const (
	becauseTold    = "a SIGHUP"
	becauseChanged = "the file has changed"
)

// reload reads the configuration anew and puts its people and rules in force,
// all of them or none. What can't be read, or not be noted, leaves the ones
// before. A file that has changed, but not in its text, is no news.
func (g *Gateway) reload(because string) {
	src := g.options.Source
	if src.Read == nil {
		g.log.Warn("there is no configuration file to read anew", "after", because)
		return
	}
	o, err := src.Read()
	if err == nil && because == becauseChanged && o.Digest == g.digest {
		return
	}
	var next *law
	if err == nil {
		next, err = newLaw(o)
	}
	e := self(time.Now())
	e.Kind, e.Success = store.ConfigLoaded, err == nil
	e.Data = map[string]string{"file": wire.Clean(src.File, wire.MaxLine), "after": because}
	g.vitals.loaded(e.At, err)
	if err != nil {
		e.Data["error"] = wire.Clean(err.Error(), wire.MaxReason)
		_ = g.note(e)
		g.log.Error("the configuration is refused, and the one before stays in force", "after", because, "error", err)
		return
	}
	e.Data["sha256"] = o.Digest
	if err := g.note(e); err != nil {
		return // it is in the log; what can't be noted isn't put in force
	}
	g.digest = o.Digest
	g.inForce.Store(next)
	g.log.Info("people and rules were read anew", "after", because, "sha256", o.Digest)
	for _, key := range needRestart(g.options, o) {
		g.log.Warn("a changed key takes a restart of the gateway", "key", key)
	}
	g.recheck("the configuration was read anew")
}

// needRestart are the keys that differ and that a running gateway doesn't take
// over.
func needRestart(was, is Options) []string {
	values := func(section string, v any) map[string]string {
		m := make(map[string]string)
		for _, e := range config.Entries(v) {
			m[section+"."+e.Key] = e.Literal()
		}
		return m
	}
	var keys []string
	for _, pair := range [][2]map[string]string{
		{values("gateway", was.Config), values("gateway", is.Config)},
		{values("recordings", was.Recordings), values("recordings", is.Recordings)},
	} {
		before, after := pair[0], pair[1]
		for _, key := range slices.Sorted(maps.Keys(after)) {
			if before[key] != after[key] {
				keys = append(keys, key)
			}
		}
	}
	return keys
}

// fileState tells one state of a file from another. The zero value is none.
type fileState struct {
	inode          uint64
	size           int64
	written, moved int64 // nanoseconds: its contents, and its mode or place
	missing        bool
}

func stateOf(path string) fileState {
	info, err := os.Stat(path)
	if err != nil {
		return fileState{missing: true}
	}
	s := fileState{size: info.Size(), written: info.ModTime().UnixNano()}
	s.inode, s.moved = placeOf(info)
	return s
}

// fileWatch notices that a file is another than when it was last read.
type fileWatch struct {
	path       string
	read, last fileState
}

// changed is called from time to time. An editor may write a file in parts, so
// that a change counts when the file is the same at two looks.
func (w *fileWatch) changed() bool {
	if w.path == "" {
		return false
	}
	now := stateOf(w.path)
	still := now == w.last
	w.last = now
	if !still || now == w.read {
		return false
	}
	w.read = now
	return true
}

// stepLeast is how far the wall clock must jump to be noted.
const stepLeast = 2 * time.Second

// clockWatch notices when the wall clock is set.
type clockWatch struct {
	wall   time.Time
	steady time.Duration // on a clock that nobody sets
}

// step is how far the wall clock was set since the last look; 0: it was not.
// Where the machine slept the steady clock has stood still, and it looks the
// same.
func (w *clockWatch) step(wall time.Time, steady time.Duration) time.Duration {
	step := wall.Sub(w.wall) - (steady - w.steady)
	first := w.wall.IsZero()
	w.wall, w.steady = wall, steady
	if first || step.Abs() <= stepLeast {
		return 0
	}
	return step
}

// lookEvery is how often the gateway looks at its configuration, its clock and
// the hours of its rules. A file counts as changed after two looks.
const lookEvery = time.Second

// look looks after what changes what is allowed, until the gateway stops: the
// configuration, the clock, and the hours of rules that begin or end.
func (g *Gateway) look() {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	file, began := fileWatch{path: g.options.Source.File}, time.Now()
	var clock clockWatch
	hours := g.law().rules.Hours(began)
	for {
		select {
		case <-g.ctx.Done():
			return
		case <-g.options.Source.Again:
			g.reload(becauseTold)
			g.renewPapers()
		case <-tick.C:
			if file.changed() {
				g.reload(becauseChanged)
			}
			g.lookAtPapers(time.Now())
		}
		now := time.Now()
		if step := clock.step(now.Round(0), now.Sub(began)); step != 0 {
			g.stepped(step)
		}
		if h := g.law().rules.Hours(now); h != hours {
			hours = h
			g.recheck("the hours of a rule have begun or ended")
		}
	}
}

// stepped notes that the clock was set and looks at the visits again.
func (g *Gateway) stepped(by time.Duration) {
	e := self(time.Now())
	e.Kind, e.Success, e.Data = store.ClockStepped, true, map[string]string{"by": signed(by)}
	_ = g.note(e)
	g.log.Warn("the clock was set, or this machine slept", "by", signed(by))
	g.recheck("the clock was set")
}

func signed(d time.Duration) string {
	d = d.Round(time.Millisecond)
	if text := d.String(); strings.HasPrefix(text, "-") {
		return text
	}
	return fmt.Sprintf("+%s", d)
}
