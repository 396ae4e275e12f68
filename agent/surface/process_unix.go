//go:build linux || darwin || freebsd

package surface

// process is what the kernel says of one, and whose it is.
type process struct {
	pid, parent, group, session int

	tty        uint64 // its controlling terminal's device number, 0 for none
	foreground int    // the terminal's foreground process group, -1 for none
	name       string
	uid        int // real
}
