//go:build linux || darwin || freebsd

package proc

// Notice is what went wrong at the start without keeping it: that the login could
// not be listed. It is empty when all went well.
func (p *Process) Notice() string { return p.notice }

// Gone is closed when the main process has ended and nothing is left of what
// it started. Then only [Process.Close] remains to be called.
func (p *Process) Gone() <-chan struct{} { return p.gone }
