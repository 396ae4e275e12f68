package agent

import (
	"slices"
	"sync"

	"accord/tui"
	"accord/wire"
	"accord/wire/files"
)

// transfers is what a visit copies, for its user's screens and the end card. It
// is the journal of the connections that copy; no method of it fails.
type transfers struct {
	mu     sync.Mutex
	active []*tui.Transfer
	of     map[*files.Transfer]*tui.Transfer
	last   *tui.Transfer // that has ended
	count  tui.Copied
	moved  bool // since it was last asked
	used   []wire.Capability
}

// uses notes which way something went. The caller holds mu.
func (t *transfers) uses(d files.Direction) {
	if c := capabilityOf(d); !slices.Contains(t.used, c) {
		t.used = append(t.used, c)
	}
}

// activeMost is how many files are shown at once.
const activeMost = 4

// Begins shows a file.
func (t *transfers) Begins(f *files.Transfer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.of == nil {
		t.of = make(map[*files.Transfer]*tui.Transfer)
	}
	shown := &tui.Transfer{Name: shownName(f.Path), Put: f.Direction == files.Put, Size: f.Size}
	t.of[f] = shown
	t.uses(f.Direction)
	t.active = append(t.active, shown)
	t.moved = true
	return nil
}

// shownName is the end of a path, cleaned.
func shownName(path string) string {
	name := wire.Clean(path, wire.MaxLine)
	if runes := []rune(name); len(runes) > wire.MaxName {
		name = "…" + string(runes[len(runes)-wire.MaxName+1:])
	}
	return name
}

// Moved shows how far it is.
func (t *transfers) Moved(f *files.Transfer, _ []byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if shown := t.of[f]; shown != nil {
		shown.Bytes, shown.Size = f.Bytes, f.Size
	}
	t.moved = true
	return nil
}

// Ends counts it.
func (t *transfers) Ends(f *files.Transfer) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if f.Direction == files.Put {
		t.count.Put++
		t.count.PutBytes += f.Bytes
	} else {
		t.count.Got++
		t.count.GotBytes += f.Bytes
	}
	shown := t.of[f]
	if shown == nil {
		shown = &tui.Transfer{Name: shownName(f.Path), Put: f.Direction == files.Put}
	}
	shown.Bytes, shown.Done, shown.Part = f.Bytes, true, f.State != files.Whole
	t.last = shown
	t.active = slices.DeleteFunc(t.active, func(o *tui.Transfer) bool { return o == shown })
	delete(t.of, f)
	t.moved = true
	return nil
}

// Changed shows nothing: names that were looked at or made are the recording's.
func (t *transfers) Changed(c files.Change) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case c.Error != "": // nothing was done
	case c.Op == "list":
		t.uses(files.Get)
	default:
		t.uses(files.Put)
	}
	return nil
}

// capabilities are those that were used.
func (t *transfers) capabilities() []wire.Capability {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.used)
}

// Refused shows nothing: nothing was done.
func (t *transfers) Refused(files.Refusal) error { return nil }

// news says whether something has moved since it was last asked.
func (t *transfers) news() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	moved := t.moved
	t.moved = false
	return moved
}

// shown is what goes on, or else what went last.
func (t *transfers) shown() (list []tui.Transfer, count tui.Copied) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.active[:min(len(t.active), activeMost)] {
		list = append(list, *a)
	}
	if len(list) == 0 && t.last != nil {
		list = append(list, *t.last)
	}
	return list, t.count
}
