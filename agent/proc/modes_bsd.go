//go:build darwin || freebsd

package proc

import "golang.org/x/sys/unix"

// How a terminal is asked for its modes, and told them.
const (
	getModes = unix.TIOCGETA
	setModes = unix.TIOCSETA
)

// noCharacter is _POSIX_VDISABLE.
const noCharacter = 0xff

// chars are indexes into Cc by opcode, 1 to 18. There is no VFLUSH and VSWTCH.
var chars = [...]int{
	noChar, unix.VINTR, unix.VQUIT, unix.VERASE, unix.VKILL, unix.VEOF, unix.VEOL, unix.VEOL2, unix.VSTART,
	unix.VSTOP, unix.VSUSP, unix.VDSUSP, unix.VREPRINT, unix.VWERASE, unix.VLNEXT, noChar, noChar, unix.VSTATUS, unix.VDISCARD,
}

// 0 stands for what the systems don't have: IUCLC, XCASE, OLCUC.
var (
	inputFlags = [...]flags{
		unix.IGNPAR, unix.PARMRK, unix.INPCK, unix.ISTRIP, unix.INLCR, unix.IGNCR, unix.ICRNL,
		0, unix.IXON, unix.IXANY, unix.IXOFF, unix.IMAXBEL, inputUTF8,
	}
	localFlags = [...]flags{
		unix.ISIG, unix.ICANON, 0, unix.ECHO, unix.ECHOE, unix.ECHOK, unix.ECHONL,
		unix.NOFLSH, unix.TOSTOP, unix.IEXTEN, unix.ECHOCTL, unix.ECHOKE, unix.PENDIN,
	}
	outputFlags = [...]flags{unix.OPOST, 0, unix.ONLCR, unix.OCRNL, unix.ONOCR, unix.ONLRET}
)
