//go:build unix

package proc

import "os"

// Me is who this process is.
func Me() Identity { return Identity{UID: os.Geteuid()} }
