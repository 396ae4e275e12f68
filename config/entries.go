package config

import (
	"encoding"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Entry is one key of a struct with its value: a string, bool, int64,
// []string or map[string]string. Durations are texts such as "2m".
type Entry struct {
	Key   string
	Value any
}

// Entries lists what a struct holds, in the order of its fields. Tables are
// opened, and lists of tables by index; other lists stay one entry. A nil
// pointer is none.
func Entries(v any) []Entry { return appendEntries(nil, "", reflect.ValueOf(v)) }

func appendEntries(list []Entry, key string, v reflect.Value) []Entry {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return list
		}
		v = v.Elem()
	}
	if value, ok := plain(v); ok {
		return append(list, Entry{Key: key, Value: value})
	}
	if v.Kind() == reflect.Slice {
		for i := range v.Len() {
			list = appendEntries(list, fmt.Sprintf("%s[%d]", key, i), v.Index(i))
		}
		return list
	}
	for i := range v.NumField() {
		if tag := v.Type().Field(i).Tag.Get("toml"); tag != "" {
			list = appendEntries(list, under(key, tag), v.Field(i))
		}
	}
	return list
}

// plain is the value of one entry; false for what is opened.
func plain(v reflect.Value) (any, bool) {
	switch x := v.Interface().(type) {
	case time.Duration:
		return Duration(x), true
	case encoding.TextMarshaler:
		text, err := x.MarshalText()
		return string(text), err == nil
	case []string:
		return append([]string{}, x...), true
	case map[string]string:
		return x, true
	}
	switch v.Kind() {
	case reflect.String:
		return v.String(), true
	case reflect.Bool:
		return v.Bool(), true
	case reflect.Int, reflect.Int64:
		return v.Int(), true
	}
	return nil, false
}

// Literal is the value as a file would spell it.
func (e Entry) Literal() string {
	switch v := e.Value.(type) {
	case string:
		return quote(v)
	case []string:
		parts := make([]string, len(v))
		for i, s := range v {
			parts[i] = quote(s)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case map[string]string:
		parts := make([]string, 0, len(v))
		for name, s := range v {
			parts = append(parts, under("", name)+" = "+quote(s))
		}
		slices.Sort(parts)
		return "{" + strings.Join(parts, ", ") + "}"
	}
	return fmt.Sprint(e.Value)
}

// quote spells a text as TOML does: single quotes, in which a backslash is
// itself, where they spare escapes.
func quote(s string) string {
	quoted := strconv.Quote(s)
	if strings.Contains(s, `\`) && quoted == `"`+strings.ReplaceAll(s, `\`, `\\`)+`"` && !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	return quoted
}

// Duration spells d as a person would: "2m", not "2m0s".
func Duration(d time.Duration) string {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
