//go:build !linux && !darwin && !freebsd

package sockets

// Serve has nothing to do: see [proc.ErrSystem].
func Serve([]byte) int { return 1 }
