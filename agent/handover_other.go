//go:build !unix

package agent

import "errors"

// become can't be here: the other program runs as a child.
func become(string, []string, []string) error { return errors.ErrUnsupported }
