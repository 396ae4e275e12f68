package proc

// Gone is closed when the main process has ended and nothing is left of what
// it started. Then only [Process.Close] remains to be called.
func (p *Process) Gone() <-chan struct{} { return p.gone }
