package agent

// systemName is what os-release(5) says, where there is one, as since FreeBSD 13.
func systemName() string {
	if name := osRelease(); name != "" {
		return name
	}
	return kernel()
}
