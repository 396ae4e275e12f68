package agent

import "syscall"

// dieTogether has a child end in order when this program is killed.
func dieTogether() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM} }
