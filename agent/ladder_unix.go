//go:build unix

package agent

import (
	"context"

	"accord/agent/surface"
)

// consoleWindows is true where a window is a console of the system's own.
const consoleWindows = false

// consoleWindow can't be had: see [surface.Windows].
func (*ladder) consoleWindow(context.Context, []string, <-chan struct{}) error {
	return surface.ErrNobody
}
