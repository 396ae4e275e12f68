package agent

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"accord/agent/proc"
	"accord/config"
	"accord/wire"
	"accord/wire/files"
)

// Files is the section [agent.files]: which files visits may reach.
type Files struct {
	Read  []string `toml:"read"`  // folders; with files.get
	Write []string `toml:"write"` // with files.put
}

// foldersMost bounds each of the two.
const foldersMost = 64

func (f Files) check() error {
	for key, list := range map[string][]string{"read": f.Read, "write": f.Write} {
		if len(list) > foldersMost {
			return config.Badf(key, "%d folders are too many; up to %d are allowed", len(list), foldersMost)
		}
		for i, dir := range list {
			inHome := dir == "~" || strings.HasPrefix(dir, "~/")
			if !inHome && !path.IsAbs(dir) || strings.ContainsRune(dir, 0) || slices.Contains(strings.Split(dir, "/"), "..") {
				return config.Badf(fmt.Sprintf("%s[%d]", key, i), `%.80q is no folder; write an absolute path, or one below "~", the home of the visit's account`, dir)
			}
		}
	}
	return nil
}

// capabilities are those that the owner's folders leave something of.
func (f Files) capabilities() (list []wire.Capability) {
	if len(f.Read) > 0 {
		list = append(list, wire.FilesGet)
	}
	if len(f.Write) > 0 {
		list = append(list, wire.FilesPut)
	}
	return list
}

// all reports whether a direction knows no bounds but the account's own.
func (f Files) all(d files.Direction) bool {
	if d == files.Put {
		return slices.Contains(f.Write, "/")
	}
	return slices.Contains(f.Read, "/")
}

// keeps reports whether what a tool copies can be kept to the owner's folders:
// rsync is a program of the device's, which can't, so there must be no bounds.
func (f Files) keeps(c files.Command) bool {
	return c.Tool != files.ToolRsync || !slices.ContainsFunc(c.Needs, func(d files.Direction) bool { return !f.all(d) })
}

// capabilityOf is what allows files to go in a direction.
func capabilityOf(d files.Direction) wire.Capability {
	if d == files.Put {
		return wire.FilesPut
	}
	return wire.FilesGet
}

// findRsync is the path of the device's rsync, and its arguments.
func findRsync(c files.Command, account proc.Account) ([]string, error) {
	for _, dir := range []string{"/usr/local/bin", "/usr/bin", "/bin"} {
		if program := path.Join(dir, "rsync"); proc.Executable(program) {
			args := []string{program}
			for _, w := range c.Words {
				if rest, ok := strings.CutPrefix(w, "~/"); ok {
					w = path.Join(account.Home, rest)
				}
				args = append(args, w)
			}
			return args, nil
		}
	}
	return nil, fmt.Errorf("this device has no rsync; use sftp or scp, or install it there")
}
