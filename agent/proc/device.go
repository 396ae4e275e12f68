package proc

import (
	"io"
	"os"
	"slices"
	"strings"
	"unicode"
)

// environmentFiles are where a device says what the environment of a login is:
// the languages of Debian and of others, then what pam_env(8) reads for every
// service. Only root can write them.
func environmentFiles() []string {
	return []string{"/etc/default/locale", "/etc/locale.conf", "/etc/environment"}
}

const (
	maxEnvironmentFile = 64 << 10 // bytes
	maxDevice          = 64       // variables that are taken
	maxVariable        = 4 << 10  // bytes of one's value
)

// deviceVariable is the name of one that a device may set. Who the account is,
// whose visit it is, and which terminal are not for the device to say.
var deviceVariable = pattern(`^[A-Za-z_][A-Za-z0-9_]{0,63}$`)

// WithDevice adds to an environment what the device sets for every login: its
// language, where the technician sent none, and /etc/environment. PATH is the
// device's. What the environment has already stays.
func WithDevice(env []string) []string {
	var device []string
	for _, path := range environmentFiles() {
		device = append(device, readVariables(path)...)
	}
	if lang := "LANG=" + os.Getenv("LANG"); locale().MatchString(lang) {
		device = append([]string{lang}, device...) // the service manager's, the least of all
	}
	return withDevice(env, device)
}

func readVariables(path string) []string {
	f, err := os.Open(path)
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxEnvironmentFile))
	if err != nil {
		return nil
	}
	return parseVariables(string(text))
}

// parseVariables reads lines as pam_env(8) does: NAME=value, with "export" before
// it or not, quotes around the value or not, and comments.
func parseVariables(text string) (list []string) {
	for l := range strings.Lines(text) {
		l, _, _ = strings.Cut(strings.TrimSpace(l), "#")
		name, v, ok := strings.Cut(strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(l), "export ")), "=")
		if len(v) > 1 && (v[0] == '"' || v[0] == '\'') && v[len(v)-1] == v[0] {
			v = v[1 : len(v)-1]
		}
		if ok && len(v) <= maxVariable && !strings.ContainsFunc(v, unprintable) && deviceVariable().MatchString(name) {
			list = append(list, name+"="+v)
		}
	}
	return list
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// withDevice merges; of device the last of each name counts.
func withDevice(env, device []string) []string {
	env = slices.Clone(env)
	added := 0
	for _, v := range slices.Backward(device) {
		name, _, _ := strings.Cut(v, "=")
		at := slices.IndexFunc(env, func(e string) bool { return strings.HasPrefix(e, name+"=") })
		switch {
		case strings.HasPrefix(name, "ACCORD_"), name == "TERM", name == "SSH_TTY", added == maxDevice:
		case at < 0:
			env, added = append(env, v), added+1
		case name == "PATH" && (env[at] == "PATH="+rootPath || env[at] == "PATH="+userPath):
			env[at] = v
		}
	}
	return env
}
