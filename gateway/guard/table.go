package guard

import (
	"container/heap"
	"net/netip"
	"time"
)

// table remembers the penalties of sources. Its size is bounded: the source
// whose penalty runs off first makes room, so that a flood of light offenders
// from many addresses can't push a heavy one out. The listener's lock guards
// it.
type table struct {
	limits   Penalties
	bySource map[netip.Prefix]*offender
	byEnd    ends
}

// offender is a source with a penalty.
type offender struct {
	source  netip.Prefix
	until   time.Time // when its penalty has run off
	refused bool      // the sum has reached the threshold and not yet run off
	index   int       // in ends
}

func newTable(p Penalties) table {
	return table{limits: p, bySource: make(map[netip.Prefix]*offender)}
}

// refused reports whether a source may not connect now.
func (t *table) refused(source netip.Prefix, now time.Time) bool {
	o := t.bySource[source]
	return o != nil && o.refused && now.Before(o.until)
}

// penalised counts the sources that may not connect now.
func (t *table) penalised(now time.Time) int {
	n := 0
	for _, o := range t.byEnd {
		if o.refused && now.Before(o.until) {
			n++
		}
	}
	return n
}

// add puts a penalty on a source.
func (t *table) add(source netip.Prefix, penalty time.Duration, now time.Time) {
	t.forget(now)
	if penalty <= 0 || t.limits.Sources < 1 {
		return
	}
	o := t.bySource[source]
	if o == nil {
		o = &offender{source: source, until: now}
		t.bySource[source] = o
		heap.Push(&t.byEnd, o)
	}
	o.until = o.until.Add(penalty)
	if longest := now.Add(t.limits.Longest); o.until.After(longest) {
		o.until = longest
	}
	o.refused = o.refused || o.until.Sub(now) >= t.limits.Threshold
	heap.Fix(&t.byEnd, o.index)
	if len(t.byEnd) > t.limits.Sources {
		t.drop()
	}
}

// forget drops every penalty that has run off.
func (t *table) forget(now time.Time) {
	for len(t.byEnd) > 0 && !t.byEnd[0].until.After(now) {
		t.drop()
	}
}

// drop forgets the source whose penalty runs off first.
func (t *table) drop() {
	o := heap.Pop(&t.byEnd).(*offender) //nolint:forcetypeassert // only offenders are in there
	delete(t.bySource, o.source)
}

// ends orders offenders by the end of their penalty.
type ends []*offender

func (e ends) Len() int           { return len(e) }
func (e ends) Less(i, j int) bool { return e[i].until.Before(e[j].until) }
func (e ends) Swap(i, j int) {
	e[i], e[j] = e[j], e[i]
	e[i].index, e[j].index = i, j
}

// Push is for the heap only.
func (e *ends) Push(x any) {
	o := x.(*offender) //nolint:forcetypeassert // only offenders are pushed
	o.index = len(*e)
	*e = append(*e, o)
}

// Pop is for the heap only.
func (e *ends) Pop() any {
	last := len(*e) - 1
	o := (*e)[last]
	(*e)[last] = nil
	*e = (*e)[:last]
	return o
}
