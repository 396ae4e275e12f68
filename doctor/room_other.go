//go:build !linux && !windows

package doctor

import "errors"

// RoomAt knows file systems on Linux only.
func RoomAt(string) (Room, error) { return Room{}, errors.ErrUnsupported }
