//go:build !linux && !darwin && !freebsd

package display

import (
	"context"
	"errors"
	"net"
)

// Find finds none.
func Find(int, func(pid int) bool) []Display { return nil }

// Servers finds none.
func Servers(int, func(pid int) bool) []string { return nil }

// Inputs names nothing.
const Inputs = ""

// Hands feels nothing.
func Hands(ctx context.Context, _ string, _ func()) { <-ctx.Done() }

// PeerOf can't tell.
func PeerOf(net.Conn) (int, error) { return -1, errors.ErrUnsupported }
