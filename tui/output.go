package tui

import (
	"bytes"
	"io"
)

// rawOutput ends the lines of a screen as a raw terminal needs it. A Bubble
// Tea program without an input of its own takes it for granted that the
// terminal turns LF into CR LF; an SSH channel and the raw side of a pty don't.
// Where one does, the second CR changes nothing.
type rawOutput struct{ w io.Writer }

func (o rawOutput) Write(p []byte) (int, error) {
	if _, err := o.w.Write(bytes.ReplaceAll(p, []byte("\n"), []byte("\r\n"))); err != nil {
		return 0, err
	}
	return len(p), nil
}
