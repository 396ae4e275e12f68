package agent

import "encoding/binary"

// loadAverage decodes struct loadavg of the BSDs (sys/resource.h): three numbers of 32 bits
// and, as a long, what they are to be divided by. It is in hundredths.
func loadAverage(raw []byte) []int64 {
	const size = 24
	if len(raw) != size {
		return nil
	}
	scale := binary.LittleEndian.Uint64(raw[size-8:])
	if scale == 0 || scale > 1<<32 {
		return nil
	}
	list := make([]int64, 0, 3)
	for at := 0; at < 12; at += 4 {
		n := uint64(binary.LittleEndian.Uint32(raw[at:]))
		list = append(list, int64((n*100+scale/2)/scale)) //nolint:gosec // below 2^39
	}
	return list
}
