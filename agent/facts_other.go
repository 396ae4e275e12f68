//go:build !linux && !darwin && !freebsd

package agent

import (
	"runtime"

	"accord/wire"
)

// machine knows nothing here but what the program was built for.
func machine() wire.Facts { return wire.Facts{System: runtime.GOOS, CPUs: int64(runtime.NumCPU())} }
