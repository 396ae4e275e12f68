package agent

import "golang.org/x/sys/unix"

// bootID is what the kernel calls this boot.
func bootID() (string, error) { return unix.Sysctl("kern.bootsessionuuid") }
