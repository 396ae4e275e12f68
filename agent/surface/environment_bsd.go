//go:build darwin || freebsd

package surface

import "accord/agent/census"

// environment is that which a program was started with, as far as it may be read.
func environment(pid int) []string { return census.Environment(pid) }
