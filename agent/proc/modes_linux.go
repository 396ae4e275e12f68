package proc

import "golang.org/x/sys/unix"

// How a terminal is asked for its modes, and told them.
const (
	getModes = unix.TCGETS
	setModes = unix.TCSETS
)

// noCharacter is _POSIX_VDISABLE.
const noCharacter = 0

// chars are indexes into Cc by opcode, 1 to 18. Linux has no VDSUSP, VFLUSH and
// VSTATUS.
var chars = [...]int{
	noChar, unix.VINTR, unix.VQUIT, unix.VERASE, unix.VKILL, unix.VEOF, unix.VEOL, unix.VEOL2, unix.VSTART,
	unix.VSTOP, unix.VSUSP, noChar, unix.VREPRINT, unix.VWERASE, unix.VLNEXT, noChar, unix.VSWTC, noChar, unix.VDISCARD,
}

var (
	inputFlags = [...]uint32{
		unix.IGNPAR, unix.PARMRK, unix.INPCK, unix.ISTRIP, unix.INLCR, unix.IGNCR, unix.ICRNL,
		unix.IUCLC, unix.IXON, unix.IXANY, unix.IXOFF, unix.IMAXBEL, unix.IUTF8,
	}
	localFlags = [...]uint32{
		unix.ISIG, unix.ICANON, unix.XCASE, unix.ECHO, unix.ECHOE, unix.ECHOK, unix.ECHONL,
		unix.NOFLSH, unix.TOSTOP, unix.IEXTEN, unix.ECHOCTL, unix.ECHOKE, unix.PENDIN,
	}
	outputFlags = [...]uint32{unix.OPOST, unix.OLCUC, unix.ONLCR, unix.OCRNL, unix.ONOCR, unix.ONLRET}
)
