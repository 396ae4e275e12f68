package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// filler puts a parsed file into a struct. Of several problems it keeps the
// one that stands first in the file.
type filler struct {
	at    lines
	first error
	line  int
}

func (f *filler) bad(key, format string, args ...any) {
	if line := f.at.find(key); f.first == nil || line < f.line {
		f.first, f.line = Badf(key, format, args...), line
	}
}

// fill puts the value of key into a field. A type that no configuration may
// have is a broken invariant of the caller, and panics.
func (f *filler) fill(key string, value any, into reflect.Value) {
	if into.Type() == reflect.TypeFor[time.Duration]() {
		f.duration(key, value, into)
		return
	}
	if text, ok := into.Addr().Interface().(encoding.TextUnmarshaler); ok {
		f.text(key, value, text)
		return
	}
	switch into.Kind() {
	case reflect.Pointer: // nil is what no file has said
		said := reflect.New(into.Type().Elem())
		f.fill(key, value, said.Elem())
		into.Set(said)
	case reflect.Struct:
		f.table(key, value, into)
	case reflect.Map:
		f.texts(key, value, into)
	case reflect.Slice:
		f.list(key, value, into)
	case reflect.String:
		scalar(f, key, value, "a text in quotes", into.SetString)
	case reflect.Bool:
		scalar(f, key, value, "true or false", into.SetBool)
	case reflect.Int, reflect.Int64:
		scalar(f, key, value, "a whole number", into.SetInt)
	default:
		panic(fmt.Sprintf("config: %s has the type %s, which can't be read", key, into.Type()))
	}
}

func scalar[T any](f *filler, key string, value any, want string, set func(T)) {
	v, ok := value.(T)
	if !ok {
		f.bad(key, "%s is expected, not %s", want, show(value))
		return
	}
	set(v)
}

func (f *filler) duration(key string, value any, into reflect.Value) {
	s, _ := value.(string)
	d, err := time.ParseDuration(s)
	if err != nil {
		f.bad(key, `%s is no duration; write for example "2m"`, show(value))
		return
	}
	into.SetInt(int64(d))
}

func (f *filler) text(key string, value any, into encoding.TextUnmarshaler) {
	s, ok := value.(string)
	if day, is := value.(time.Time); is && day.Location().String() == "date-local" {
		s, ok = day.Format(time.DateOnly), true // TOML's own date: 2027-05-01 without quotes
	}
	if !ok {
		f.bad(key, "a text in quotes is expected, not %s", show(value))
		return
	}
	if err := into.UnmarshalText([]byte(s)); err != nil {
		f.bad(key, "%s", oneLine(err.Error()))
	}
}

func (f *filler) table(key string, value any, into reflect.Value) {
	table, ok := value.(map[string]any)
	if !ok {
		f.bad(key, "a table is expected, not %s", show(value))
		return
	}
	fields := fieldsOf(into.Type())
	for _, name := range slices.Sorted(maps.Keys(table)) {
		i, ok := fields[name]
		if !ok {
			f.bad(under(key, name), "unknown key; known here: %s", strings.Join(slices.Sorted(maps.Keys(fields)), ", "))
			continue
		}
		f.fill(under(key, name), table[name], into.Field(i))
	}
}

// texts fills a map of texts, whose keys the file chooses.
func (f *filler) texts(key string, value any, into reflect.Value) {
	table, ok := value.(map[string]any)
	if !ok {
		f.bad(key, "a table is expected, not %s", show(value))
		return
	}
	filled := make(map[string]string, len(table))
	for name, v := range table {
		scalar(f, under(key, name), v, "a text in quotes", func(s string) { filled[name] = s })
	}
	into.Set(reflect.ValueOf(filled))
}

func (f *filler) list(key string, value any, into reflect.Value) {
	entries := reflect.ValueOf(value)
	if entries.Kind() != reflect.Slice {
		f.bad(key, "a list in square brackets is expected, not %s", show(value))
		return
	}
	n := entries.Len()
	filled := reflect.MakeSlice(into.Type(), n, n)
	for i := range n {
		f.fill(fmt.Sprintf("%s[%d]", key, i), entries.Index(i).Interface(), filled.Index(i))
	}
	into.Set(filled)
}

// fieldsOf maps the toml tags of a struct to its fields.
func fieldsOf(t reflect.Type) map[string]int {
	fields := make(map[string]int, t.NumField())
	for i := range t.NumField() {
		if tag := t.Field(i).Tag.Get("toml"); tag != "" {
			fields[tag] = i
		}
	}
	return fields
}

// under names a key inside another; the file as a whole has the key "".
func under(key, name string) string {
	if !bare(name) {
		name = strconv.Quote(name)
	}
	if key == "" {
		return name
	}
	return key + "." + name
}

// bare reports whether a key needs no quotes (TOML 1.0, "Keys").
func bare(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

// show words a value of the file for an error.
func show(value any) string {
	switch v := value.(type) {
	case string:
		if r := []rune(v); len(r) > 40 {
			v = string(r[:40]) + "…"
		}
		return strconv.Quote(v)
	case bool, int64, float64:
		return fmt.Sprint(v)
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	}
	return "a list"
}
