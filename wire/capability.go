package wire

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// Capability is one thing that a visit may do.
type Capability string

// The capabilities. A device offers those it can serve; an action is named by
// the device's own configuration.
const (
	Shell         Capability = "shell"
	FilesGet      Capability = "files.get"
	FilesPut      Capability = "files.put"
	ScreenView    Capability = "screen.view"
	ScreenControl Capability = "screen.control"
	ClipboardGet  Capability = "clipboard.get" // read what is copied on the device
	ClipboardPut  Capability = "clipboard.put" // replace it
	Forward       Capability = "forward"
)

// actionPrefix starts the capability to run one declared action.
const actionPrefix = "action:"

var (
	plainCapabilities = []Capability{Shell, FilesGet, FilesPut, ScreenView, ScreenControl, ClipboardGet, ClipboardPut, Forward}
	actionName        = pattern(`^[a-z0-9][a-z0-9-]{0,31}$`)
	deviceName        = pattern(`^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$`)
	visitID           = pattern(`^[0-9]{8}-[0-9]{6}-[a-z2-7]{8}$`)
	login             = pattern(`^[a-z_][a-z0-9_.-]{0,31}\$?$`)
)

// pattern compiles a regular expression when it is first needed, not at each
// start of the program: an agent starts it three times for each shell.
func pattern(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}

// ActionCapability is the capability to run the declared action of this name.
func ActionCapability(name string) Capability { return Capability(actionPrefix + name) }

// Action is the name of the declared action that c allows to run, if it is such
// a capability.
func (c Capability) Action() (name string, ok bool) {
	name, ok = strings.CutPrefix(string(c), actionPrefix)
	return name, ok && actionName().MatchString(name)
}

// Valid reports whether c is spelled as a capability is.
func (c Capability) Valid() bool {
	if _, ok := c.Action(); ok {
		return true
	}
	return slices.Contains(plainCapabilities, c)
}

// ValidDevice reports whether a device may be called name: lower case letters,
// digits, dots, dashes and underscores, so that it fits an SSH user name, a
// file name and a line of a list.
func ValidDevice(name string) bool { return deviceName().MatchString(name) }

// ValidVisit reports whether id is spelled as the id of a visit.
func ValidVisit(id string) bool { return visitID().MatchString(id) }

// ValidLogin reports whether name can be the name of a Unix account.
func ValidLogin(name string) bool { return login().MatchString(name) }

// checkCapabilities wants at least one, each once and well spelled.
func checkCapabilities(list []Capability) error {
	if len(list) == 0 || len(list) > 64 {
		return fmt.Errorf("%d capabilities, 1 to 64 are allowed", len(list))
	}
	seen := make(map[Capability]bool, len(list))
	for _, c := range list {
		if !c.Valid() || seen[c] {
			return fmt.Errorf("capability %q is unknown or named twice", Clean(string(c), MaxName))
		}
		seen[c] = true
	}
	return nil
}
