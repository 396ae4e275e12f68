//go:build unix

package agent

import "syscall"

// become replaces this program by another, in the same process.
func become(path string, command, env []string) error { return syscall.Exec(path, command, env) }
