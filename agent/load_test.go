package agent

import (
	"encoding/binary"
	"slices"
	"testing"
)

func TestLoadAverage(t *testing.T) {
	raw := func(scale uint64, n ...uint32) (b []byte) {
		for _, n := range append(n, 0) { // and what makes the long begin at a multiple of 8
			b = binary.LittleEndian.AppendUint32(b, n)
		}
		return binary.LittleEndian.AppendUint64(b, scale)
	}
	for name, c := range map[string]struct {
		raw  []byte
		want []int64
	}{
		"some load":   {raw(2048, 1024, 2048, 5000), []int64{50, 100, 244}},
		"none":        {raw(2048, 0, 0, 0), []int64{0, 0, 0}},
		"the most":    {raw(1, 1<<32-1, 0, 0), []int64{429496729500, 0, 0}},
		"no scale":    {raw(0, 1, 1, 1), nil},
		"cut short":   {raw(2048, 1, 1, 1)[:20], nil},
		"nothing":     {nil, nil},
		"32 bit long": {raw(2048, 1, 1), nil},
	} {
		if got := loadAverage(c.raw); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
