package policy

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Bounds of a charter.
const (
	charterVersionMost = 32       // characters
	CharterMost        = 64 << 10 // bytes of its text
)

// CharterConfig is the section [charter] of the configuration. Without a text
// there is no charter, and nobody has to sign.
type CharterConfig struct {
	Version string `toml:"version"`
	File    string `toml:"file"` // holds the text; or
	Text    string `toml:"text"` // the text itself
	// TrainingRequired bars who has no trained_until.
	TrainingRequired bool `toml:"training_required"`
}

// Check refuses what can't be, with a [Mistake].
func (c CharterConfig) Check() error {
	there := c.File != "" || c.Text != ""
	switch {
	case c.File != "" && c.Text != "":
		return mistake("text", "the text stands here and in file; keep one")
	case strings.ContainsFunc(c.File, func(r rune) bool { return !unicode.IsPrint(r) }):
		return mistake("file", "%q is no name of a file", c.File)
	case there && c.Version == "":
		return mistake("version", "a charter needs a version, for everybody signs again when it changes; write for example \"1\"")
	case !there && c.Version != "":
		return mistake("version", "there is a version and no text; name it with file or text")
	case utf8.RuneCountInString(c.Version) > charterVersionMost || strings.ContainsFunc(c.Version, func(r rune) bool { return !unicode.IsPrint(r) }):
		return mistake("version", "%q is no version; up to %d printable characters are allowed", c.Version, charterVersionMost)
	case c.Text != "":
		if err := CheckCharterText(c.Text); err != nil {
			return mistake("text", "%v", err)
		}
	}
	return nil
}

// CheckCharterText wants a text that people can read.
func CheckCharterText(text string) error {
	switch {
	case strings.TrimSpace(text) == "":
		return fmt.Errorf("the charter's text is empty")
	case len(text) > CharterMost:
		return fmt.Errorf("the charter's text has %d bytes, at most %d are allowed", len(text), CharterMost)
	case !utf8.ValidString(text):
		return fmt.Errorf("the charter's text is not UTF-8")
	}
	return nil
}

// Charter is the one in force. The zero value is none.
type Charter struct {
	Version string
	Digest  string // SHA-256 of the text's bytes, in hex
	// TrainingRequired is as in [CharterConfig]; it counts without a text too.
	TrainingRequired bool
}

// Signed is somebody's signature under a charter. The zero value is none.
type Signed struct {
	Version, Digest string
	At              time.Time
}

// Under reports whether the signature is under this very text. A text that was
// changed without a new version is another one.
func (s Signed) Under(c Charter) bool {
	return s.Version == c.Version && s.Digest == c.Digest && !s.At.IsZero()
}

// Lock is what bars a person altogether. The zero value is none.
type Lock struct {
	By, Reason string
	At         time.Time
}

// Sentence tells the person.
func (l Lock) Sentence() string {
	why := ""
	if l.Reason != "" {
		why = " (" + l.Reason + ")"
	}
	return fmt.Sprintf("You have been locked by %s%s. An admin of this gateway can unlock you.", l.By, why)
}

// MayUnlock says whether a person who may run unlock may end this lock: nobody
// ends their own.
func MayUnlock(p Person, name string) (bool, string) {
	if p.Name == name {
		return false, "Nobody unlocks themself; ask another admin."
	}
	return true, ""
}

// Standing is what is known of a person, besides the rules, when they ask for
// a visit.
type Standing struct {
	Lock    Lock
	Charter Charter
	Signed  Signed // the newest under the charter's version
}

// Names of what bars.
const (
	ruleLock     = "lock"
	ruleCharter  = "charter"
	ruleTraining = "training"
)

// Bars are what stands between a person and any visit, whatever the rules say.
// Days end in the zone of now.
func (s Standing) Bars(p Person, now time.Time) []Bar {
	var bars []Bar
	if s.Lock != (Lock{}) {
		bars = append(bars, Bar{ruleLock, s.Lock.Sentence()})
	}
	if s.Charter.Version != "" && !s.Signed.Under(s.Charter) {
		bars = append(bars, Bar{ruleCharter, fmt.Sprintf(
			"You have not signed version %s of the charter. Run `ssh -t GATEWAY charter sign` on a terminal.", s.Charter.Version)})
	}
	switch until := p.TrainedUntil; {
	case until.IsZero() && s.Charter.TrainingRequired:
		bars = append(bars, Bar{ruleTraining, "Visits need a training, and none is noted for you; ask an admin to enter its date (trained_until)."})
	case !until.IsZero() && !now.Before(until.End(now.Location())):
		bars = append(bars, Bar{ruleTraining, fmt.Sprintf("Your training was good until %s. Renew it, and ask an admin to enter the new date (trained_until).", until)})
	}
	return bars
}

// SameName reports whether somebody has typed their own name: the full name or
// the short one, whatever its case and spaces.
func (p Person) SameName(typed string) bool {
	typed = plainName(typed)
	return typed != "" && (typed == plainName(p.Full) || typed == plainName(p.Name))
}

func plainName(s string) string {
	return strings.ToLower(norm.NFC.String(strings.Join(strings.Fields(s), " ")))
}
