// Package config reads one TOML file strictly into a struct. Whatever is not
// understood to the letter (an unknown key, a wrong type, a value that can't
// be) is an error of one line that names the file, the line, the key and what
// was expected. It knows nothing of what the keys mean: the structs and their
// Check methods belong to the packages that use them.
package config

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// MaxFile bounds a file, in bytes.
const MaxFile = 1 << 20

// Checker is what [Read] wants of the struct: Check says what is wrong with
// the values, with an error that is a [Placed] where it can name the key.
type Checker interface{ Check() error }

// Placed is an error about one key. A package that may not import this one
// brings its own type with the same method.
type Placed interface {
	error
	// At is the key within what was checked: "prompt", "people[2].keys[0]".
	// Entries of a list count from 0.
	At() string
}

// Bad is a value that can't be. Its text is "key: sentence".
type Bad struct {
	Key      string
	Sentence string
}

func (b Bad) Error() string { return b.Key + ": " + b.Sentence }

// At makes Bad a [Placed].
func (b Bad) At() string { return b.Key }

// Badf makes a [Bad]; text from outside belongs in %q.
func Badf(key, format string, args ...any) Bad {
	return Bad{Key: key, Sentence: fmt.Sprintf(format, args...)}
}

// Under puts the error of a section's Check under the section's key. It is nil
// for nil.
func Under(section string, err error) error {
	if err == nil {
		return nil
	}
	var p Placed
	if !errors.As(err, &p) {
		return Bad{Key: section, Sentence: err.Error()}
	}
	key := section + "." + p.At()
	if strings.HasPrefix(p.At(), "[") {
		key = section + p.At()
	}
	return Bad{Key: key, Sentence: strings.TrimPrefix(p.Error(), p.At()+": ")}
}

// Read reads the file at path into a pointer to a struct and checks it. Fields
// that the file doesn't name keep their value, so defaults go in first. Fields
// are named by their toml tag, spelled exactly; a field without one can't be
// set. Durations are texts such as "2m", never bare numbers.
//
// A file that isn't there is an error that wraps fs.ErrNotExist. On any error
// the struct's contents are undefined.
func Read(path string, into Checker) error {
	_, err := read(path, into, false)
	return err
}

// ReadTrusted is [Read] for a file that grants access: it refuses one that
// anyone but root and the account of this process could change, by the file's
// own mode or by a folder above it. It returns the SHA-256 of the text that was
// read, in hex, for a log.
func ReadTrusted(path string, into Checker) (digest string, err error) {
	return read(path, into, true)
}

func read(path string, into Checker, trusted bool) (digest string, err error) {
	// Without O_NONBLOCK a named pipe would hang the start.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return "", fmt.Errorf("can't open the configuration: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", fmt.Errorf("can't look at the configuration: %w", err)
	}
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is no regular file; name a TOML file", path)
	}
	if trusted {
		if err := onlyOurs(path, info); err != nil {
			return "", err
		}
	}
	text, err := io.ReadAll(io.LimitReader(f, MaxFile+1))
	if err != nil {
		return "", fmt.Errorf("can't read the configuration: %w", err)
	}
	if err := parse(path, string(text), into); err != nil {
		return "", err
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:]), nil
}

// ReadText is [Read] of a text that came some other way; name stands for the
// file in the errors.
func ReadText(name, text string, into Checker) error { return parse(name, text, into) }

// parse is [Read] after the file: name stands in the errors.
func parse(name, text string, into Checker) error {
	if len(text) > MaxFile {
		return fmt.Errorf("%s is longer than %d bytes; no configuration is", name, MaxFile)
	}
	if !utf8.ValidString(text) {
		return fmt.Errorf("%s:%d: this is not UTF-8; save the file as UTF-8", name, brokenLine(text))
	}
	at, err := scan(text)
	if err != nil {
		return fmt.Errorf("%s:%w", name, err)
	}
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		return fmt.Errorf("%s:%w", name, malformed(err))
	}
	f := filler{at: at}
	f.fill("", tree, reflect.ValueOf(into).Elem())
	if f.first != nil {
		return fmt.Errorf("%s:%d: %w", name, f.line, f.first)
	}
	return placed(name, at, into.Check())
}

// placed gives the error of a Check its line.
func placed(name string, at lines, err error) error {
	if err == nil {
		return nil
	}
	var p Placed
	if !errors.As(err, &p) {
		return fmt.Errorf("%s: %w", name, err)
	}
	line := at.find(p.At())
	if line == 0 {
		// The value is a default that doesn't go with what the file says.
		return fmt.Errorf("%s: %w", name, err)
	}
	return fmt.Errorf("%s:%d: %w", name, line, err)
}

// malformed words the parser's error on one line, without control characters.
func malformed(err error) error {
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return errors.New(" malformed TOML: " + oneLine(err.Error()))
	}
	return fmt.Errorf("%d: malformed TOML: %s", max(pe.Position.Line, 1), oneLine(pe.Message))
}

func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

func brokenLine(text string) int {
	good := 0
	for good < len(text) {
		r, n := utf8.DecodeRuneInString(text[good:])
		if r == utf8.RuneError && n == 1 {
			break
		}
		good += n
	}
	return 1 + strings.Count(text[:good], "\n")
}
