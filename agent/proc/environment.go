package proc

import (
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
)

const (
	rootPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	userPath = "/usr/local/bin:/usr/bin:/bin"
	// maxAsked is how many of the technician's variables are taken; POSIX and
	// glibc know 13 between them.
	maxAsked = 16
	// maxValue bounds the visit's own variables, in runes.
	maxValue = 256
)

var (
	// locale is one variable that a technician may set. The value is a locale's
	// name and can't be a path: glibc would load locale files from there.
	locale   = pattern(`^(LANG|LC_[A-Z]{1,20})=[A-Za-z0-9_.@-]{1,64}$`)
	termName = pattern(`^[A-Za-z0-9][A-Za-z0-9+._-]{0,63}$`)
)

// pattern compiles a regular expression when it is first needed: each shell
// starts this program three times, in roles that need none, and these cost as
// much as all that they do.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// Environment builds a shell's whole environment from scratch, as NAME=value.
// Of asked, what the technician sent, only well-formed LANG and LC_* are taken,
// the last of each name; the rest is left out silently, as sshd does. An empty
// term or tty leaves TERM or SSH_TTY to [Start], which knows the terminal; a
// term that is no name reads "dumb".
func Environment(a Account, visit, technician, ticket, term, tty string, asked []string) []string {
	path := userPath
	if a.UID == 0 {
		path = rootPath
	}
	env := []string{
		"HOME=" + a.Home, "USER=" + a.Name, "LOGNAME=" + a.Name, "SHELL=" + a.Shell, "PATH=" + path,
		"ACCORD_VISIT=" + value(visit), "ACCORD_TECHNICIAN=" + value(technician), "ACCORD_TICKET=" + value(ticket),
	}
	return append(withTerminal(env, term, tty), locales(asked)...)
}

// withTerminal adds TERM and SSH_TTY where they are known and not set yet.
func withTerminal(env []string, term, tty string) []string {
	env = slices.Clone(env)
	if term != "" && !sets(env, "TERM") {
		if !termName().MatchString(term) {
			term = "dumb"
		}
		env = append(env, "TERM="+term)
	}
	if tty != "" && !sets(env, "SSH_TTY") {
		env = append(env, "SSH_TTY="+tty)
	}
	return env
}

func sets(env []string, name string) bool {
	return slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
}

func locales(asked []string) []string {
	var env []string
	for _, v := range slices.Backward(asked) {
		if name, _, _ := strings.Cut(v, "="); locale().MatchString(v) && !sets(env, name) && len(env) < maxAsked {
			env = append(env, v)
		}
	}
	slices.Sort(env)
	return env
}

// value drops what could end a variable early or drive a terminal that prints
// it, and bounds it.
func value(s string) string {
	clean := []rune(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, s))
	return string(clean[:min(len(clean), maxValue)])
}
