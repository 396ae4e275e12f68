package gateway

import (
	"context"
	"errors"
	"io"
)

// showTo shows the device's screen to a viewer on conn, until either is done.
func (v *visit) showTo(context.Context, io.ReadWriteCloser, bool) error {
	return errors.New("this gateway shows no screens")
}
