package tui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
)

// catalog reads the texts of all files of a language: key and plural form to
// text.
func catalog(t *testing.T, lang string) map[string]string {
	t.Helper()
	files, err := fs.Glob(catalogs, "locale/*."+lang+".toml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no catalog for %s (%v)", lang, err)
	}
	all := make(map[string]string)
	add := func(key, text string) {
		if _, twice := all[key]; twice {
			t.Errorf("%s: %s is there twice", lang, key)
		}
		all[key] = text
	}
	for _, file := range files {
		var messages map[string]any
		if _, err := toml.DecodeFS(catalogs, file, &messages); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for key, message := range messages {
			switch m := message.(type) {
			case string:
				add(key+".other", m)
			case map[string]any:
				for form, text := range m {
					add(key+"."+form, text.(string))
				}
			}
		}
	}
	return all
}

var placeholder = regexp.MustCompile(`{{[^}]*}}`)

func placeholders(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func TestCatalogsAreAlike(t *testing.T) {
	en, fr := catalog(t, "en"), catalog(t, "fr")
	for key, text := range en {
		other, ok := fr[key]
		switch {
		case !ok:
			t.Errorf("%s is missing in French", key)
		case !slices.Equal(placeholders(text), placeholders(other)):
			t.Errorf("%s: placeholders %q in English, %q in French", key, placeholders(text), placeholders(other))
		case strings.TrimSpace(text) == "" || strings.TrimSpace(other) == "":
			t.Errorf("%s is empty", key)
		}
	}
	for key := range fr {
		if _, ok := en[key]; !ok {
			t.Errorf("%s is missing in English", key)
		}
	}
}

// French wants no-break spaces inside its quotes and before : ; ! ?
func TestFrenchTypography(t *testing.T) {
	wrong := regexp.MustCompile(` [:;!?»]|« |[a-zà-ÿ][!?;](?:\s|$)|"`)
	for key, text := range catalog(t, "fr") {
		if found := wrong.FindString(text); found != "" {
			t.Errorf("%s: %q in %q", key, found, text)
		}
	}
}

// sourceFiles parses a package without its tests.
func sourceFiles(t *testing.T, dir string) map[string]*ast.File {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	files := make(map[string]*ast.File)
	for _, n := range names {
		if !strings.HasSuffix(n.Name(), ".go") || strings.HasSuffix(n.Name(), "_test.go") {
			continue
		}
		path := filepath.Join(dir, n.Name())
		if files[path], err = parser.ParseFile(token.NewFileSet(), path, nil, 0); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func literal(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

// Each key that is said has a text, and each text is said.
func TestKeysAreUsed(t *testing.T) {
	texts := make(map[string]bool)
	for key := range catalog(t, "en") {
		name, _, _ := strings.Cut(key, ".")
		texts[name] = false
	}
	for _, w := range capabilityWords() {
		texts["Can"+w.key], texts["Short"+w.key] = true, true
	}
	for _, form := range []string{"CanAction", "CanActionAbout", "CanOther", "ShortAction", "ShortActionAbout", "ShortOther"} {
		texts[form] = true
	}
	// The gateway and the program itself have texts of their own in the catalogs.
	files := sourceFiles(t, ".")
	maps.Copy(files, sourceFiles(t, filepath.Join("..", "gateway")))
	maps.Copy(files, sourceFiles(t, ".."))
	for name, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if text, ok := literal(n); ok {
				if _, is := texts[text]; is {
					texts[text] = true
				}
			}
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 {
				return true
			}
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Say" {
				if key, ok := literal(call.Args[0]); ok {
					if _, is := texts[key]; !is {
						t.Errorf("%s says %q, which has no text", name, key)
					}
				}
			}
			return true
		})
	}
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		if !texts[key] && texts[strings.TrimSuffix(key, "Since")] == false {
			t.Errorf("nothing says %s", key)
		}
	}
}

// No text for people is written in the source: two words next to each other
// are allowed in errors and panics only.
func TestNoTextInTheSource(t *testing.T) {
	words := regexp.MustCompile(`[A-Za-z]{2,} [A-Za-z]{2,}`)
	for name, file := range sourceFiles(t, ".") {
		ast.Inspect(file, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if sel, ok := call.Fun.(*ast.SelectorExpr); ok && (sel.Sel.Name == "Errorf" || sel.Sel.Name == "New") {
					return false
				}
			}
			if text, ok := literal(n); ok && words.MatchString(text) {
				t.Errorf("%s: %q belongs in a catalog", name, text)
			}
			return true
		})
	}
}

// Each text can be said with its placeholders, and none stays behind.
func TestEveryTextCanBeSaid(t *testing.T) {
	for _, lang := range []string{"en", "fr"} {
		ph := PhrasesFor(lang)
		for key, text := range catalog(t, lang) {
			name, form, _ := strings.Cut(key, ".")
			args := []any{"Count", map[string]int{"one": 1, "other": 2}[form]}
			for _, p := range placeholders(text) {
				if field := strings.Trim(p, "{}. "); field != "Count" {
					args = append(args, field, "value")
				}
			}
			if !strings.Contains(text, "Count") && form == "other" {
				args = args[2:]
			}
			if got := ph.Say(name, args...); got == name || strings.Contains(got, "{{") || strings.Contains(got, "<no value>") {
				t.Errorf("%s %s: %q", lang, key, got)
			}
		}
	}
}

func TestPhrasesFor(t *testing.T) {
	for locale, want := range map[string]string{
		"": "en", "C": "en", "POSIX": "en", "C.UTF-8": "en", "en_GB.UTF-8": "en", "de_DE.UTF-8": "en",
		"fr": "fr", "fr_FR": "fr", "fr_CA.UTF-8": "fr", "fr_BE.UTF-8@euro": "fr", "fr_CH@x": "fr", "fr-FR": "fr",
		"FR_fr": "fr", "_": "en", "fr_": "en", "\x1b[31m": "en", strings.Repeat("fr_", 1000): "en",
	} {
		if got := PhrasesFor(locale).Tag.String(); got != want {
			t.Errorf("%.40q: %s, want %s", locale, got, want)
		}
	}
}

func TestLocale(t *testing.T) {
	for _, c := range []struct {
		env  []string
		want string
	}{
		{nil, ""},
		{[]string{"LANG=fr_FR"}, "fr_FR"},
		{[]string{"LANG=fr_FR", "LC_MESSAGES=en_GB"}, "en_GB"},
		{[]string{"LANG=fr_FR", "LC_MESSAGES=en_GB", "LC_ALL=de_DE"}, "de_DE"},
		{[]string{"LANG=fr_FR", "LC_ALL="}, "fr_FR"},
		{[]string{"LANG=en_GB", "LANG=fr_FR"}, "fr_FR"},
	} {
		if got := (&Terminal{Env: c.env}).Locale(); got != c.want {
			t.Errorf("%q: %q, want %q", c.env, got, c.want)
		}
	}
}

func TestUnknownKeyIsShown(t *testing.T) {
	if got := PhrasesFor("fr").Say("NoSuchKey"); got != "NoSuchKey" {
		t.Errorf("%q", got)
	}
}
