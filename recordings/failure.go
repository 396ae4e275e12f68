package recordings

import (
	"errors"
	"fmt"
	"syscall"
)

var (
	// ErrSealed reports a write to a shell or recording that has ended.
	ErrSealed = errors.New("the recording has ended")
	// ErrExists reports a visit that has a recording already.
	ErrExists = errors.New("there is a recording of this visit already")
	// ErrNotFound reports a visit without a recording.
	ErrNotFound = errors.New("there is no recording of this visit")
	// ErrInUse reports a folder of recordings that another gateway uses.
	ErrInUse = errors.New("another gateway records into this folder")
)

// Failure is why a recording can't start or go on. The visit can't either.
type Failure struct {
	// Sentence is for the technician and the user: no path, what to do.
	Sentence string
	// Cause is for the log.
	Cause error
}

// Error is for the log. Show Sentence to people.
func (f *Failure) Error() string { return fmt.Sprintf("recording failed: %v", f.Cause) }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Cause }

// newFailure finds the sentence for a cause. A cause that is a Failure already
// stays as it is.
func newFailure(cause error) *Failure {
	var f *Failure
	if errors.As(cause, &f) {
		return f
	}
	return &Failure{Sentence: sentence(cause), Cause: cause}
}

func sentence(cause error) string {
	switch {
	case errors.Is(cause, syscall.ENOSPC), errors.Is(cause, syscall.EDQUOT), errors.Is(cause, syscall.EFBIG):
		return "The visit can't be recorded because the gateway's disk is full, so it can't go on. Ask the gateway's administrator to free space."
	case errors.Is(cause, syscall.EROFS), errors.Is(cause, syscall.EACCES), errors.Is(cause, syscall.EPERM):
		return "The visit can't be recorded because the gateway may not write to its recordings, so it can't go on. Ask the gateway's administrator to make them writable."
	case errors.Is(cause, syscall.EIO):
		return "The visit can't be recorded because the gateway's disk reports errors, so it can't go on. Ask the gateway's administrator to check the disk."
	}
	return "The visit can't be recorded, so it can't go on. Ask the gateway's administrator to look into the gateway's log."
}
