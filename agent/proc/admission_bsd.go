//go:build darwin || freebsd

package proc

// suArguments have su run nothing as an account, in root's shell: the BSDs' su
// takes none by its name.
func suArguments(name string) []string { return []string{"-m", name, "-c", ":"} }
