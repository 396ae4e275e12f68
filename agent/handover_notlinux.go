//go:build !linux

package agent

import "syscall"

// dieTogether is the service manager's affair here.
func dieTogether() *syscall.SysProcAttr { return nil }
