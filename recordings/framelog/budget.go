package framelog

import "time"

// The byte budget: 200 MB an hour, looked at over five minutes. A log that has
// spent it takes hot tiles twice a second, and if that does not help, as JPEG.
// Only full-motion video comes there.
const (
	budgetBytes = 200_000_000 / 12
	budgetSlot  = 5 * time.Second
	budgetSlots = 60
	rareTiles   = 500 * time.Millisecond
)

// Levels of saving.
const (
	levelExact = 0
	levelRare  = 1
	levelJPEG  = 2
)

// budget counts what was written in the last five minutes.
type budget struct {
	is    int
	slots [budgetSlots]int64
	slot  int64 // number of the present slot since the start
	sum   int64
	size  int64 // of the file when it was looked at last
	when  int64 // slot in which the level was found last
}

// spend notes how long the file has become.
func (b *budget) spend(t time.Duration, size int64) {
	for now := int64(t / budgetSlot); b.slot < now; {
		b.slot = max(b.slot+1, now-budgetSlots)
		i := b.slot % budgetSlots
		b.sum -= b.slots[i]
		b.slots[i] = 0
	}
	n := size - b.size
	b.size = size
	b.slots[b.slot%budgetSlots] += n
	b.sum += n
}

// turn finds the level anew, at most one up or down for each slot.
func (b *budget) turn(t time.Duration, exact bool) (before, is int) {
	before = b.is
	if exact {
		b.is = levelExact
		return before, b.is
	}
	now := int64(t / budgetSlot)
	if now == b.when {
		return before, before
	}
	b.when = now
	switch {
	case b.sum > budgetBytes && b.is < levelJPEG:
		b.is++
	case b.sum < budgetBytes/2 && b.is > levelExact:
		b.is--
	}
	return before, b.is
}

// wait is how long a hot tile rests between two pictures.
func (b *budget) wait() time.Duration {
	if b.is >= levelRare {
		return rareTiles
	}
	return 0
}

// jpeg reports whether hot tiles may be lossy.
func (b *budget) jpeg() bool { return b.is >= levelJPEG }
