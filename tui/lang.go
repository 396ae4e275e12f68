package tui

import (
	"embed"
	"fmt"
	"strings"
	"sync"

	"github.com/BurntSushi/toml"
	"github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

// The catalogs: one file per area and language, the same keys and placeholders
// in each (checked by a test).
//
//go:embed locale/*.toml
var catalogs embed.FS

// Languages are those with a catalog; the first is the fallback.
func Languages() []language.Tag { return []language.Tag{language.English, language.French} }

// Phrases are the texts of one language. It is safe for concurrent use.
type Phrases struct {
	Tag language.Tag
	loc *i18n.Localizer
	// actions are what a device says of its declared actions, by their
	// capabilities; see With.
	actions map[string]string
}

// With is the same phrases, which word a device's declared actions by what it
// says of each: clean texts of one line, by capability.
func (p *Phrases) With(actions map[string]string) *Phrases {
	if len(actions) == 0 {
		return p
	}
	with := *p
	with.actions = actions
	return &with
}

// Locale is the locale of a terminal's person by the rules of POSIX: LC_ALL,
// LC_MESSAGES, LANG, the first that is set.
func (t *Terminal) Locale() string {
	for _, name := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if v := t.getenv(name); v != "" {
			return v
		}
	}
	return ""
}

// PhrasesFor finds the language for a POSIX locale such as fr_CA.UTF-8@euro.
// What is unknown, malformed or "C" is English.
func PhrasesFor(locale string) *Phrases {
	name, _, _ := strings.Cut(locale, ".")
	name, _, _ = strings.Cut(name, "@")
	tag := language.English
	if wanted, err := language.Parse(strings.ReplaceAll(name, "_", "-")); err == nil {
		_, i, sure := language.NewMatcher(Languages()).Match(wanted)
		if sure >= language.Low {
			tag = Languages()[i]
		}
	}
	return &Phrases{Tag: tag, loc: i18n.NewLocalizer(bundle(), tag.String())}
}

// bundle holds the catalogs, read once and never changed.
var bundle = sync.OnceValue(readCatalogs)

// readCatalogs reads the catalogs. They are part of the program, so one that
// can't be read is a broken build.
func readCatalogs() *i18n.Bundle {
	b := i18n.NewBundle(language.English)
	b.RegisterUnmarshalFunc("toml", toml.Unmarshal)
	files, err := catalogs.ReadDir("locale")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		if _, err := b.LoadMessageFileFS(catalogs, "locale/"+f.Name()); err != nil {
			panic(fmt.Errorf("catalog %s: %w", f.Name(), err))
		}
	}
	return b
}

// Say returns the text of a key. The arguments are names and values in turn;
// the value of Count also chooses the plural form. Values from outside must be
// clean.
func (p *Phrases) Say(key string, args ...any) string {
	c := &i18n.LocalizeConfig{MessageID: key}
	if len(args) > 0 {
		data := make(map[string]any, len(args)/2)
		for i := 0; i+1 < len(args); i += 2 {
			name := args[i].(string) //nolint:forcetypeassert // a broken invariant of this package
			data[name] = args[i+1]
			if name == "Count" {
				c.PluralCount = args[i+1]
			}
		}
		c.TemplateData = data
	}
	text, err := p.loc.Localize(c)
	if err != nil && text == "" {
		return key // shown as it is; a test walks every key of every catalog
	}
	return text
}
