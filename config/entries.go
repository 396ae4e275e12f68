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

// Entry is one key of a struct with its value as a file would spell it.
type Entry struct {
	Key   string
	Value string
}

// Entries lists what a struct holds, in the order of its fields, as [Read]
// would take it: "agent.prompt" and `"2m"`. Tables are opened; lists stay one
// entry, except lists of tables, which are opened by index.
func Entries(v any) []Entry {
	return appendEntries(nil, "", reflect.ValueOf(v))
}

func appendEntries(list []Entry, key string, v reflect.Value) []Entry {
	if _, isText := v.Interface().(encoding.TextMarshaler); v.Kind() == reflect.Struct && !isText {
		for i := range v.NumField() {
			if tag := v.Type().Field(i).Tag.Get("toml"); tag != "" {
				list = appendEntries(list, under(key, tag), v.Field(i))
			}
		}
		return list
	}
	if v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Struct {
		for i := range v.Len() {
			list = appendEntries(list, fmt.Sprintf("%s[%d]", key, i), v.Index(i))
		}
		return list
	}
	return append(list, Entry{Key: key, Value: literal(v)})
}

// literal spells a value as TOML.
func literal(v reflect.Value) string {
	if d, ok := v.Interface().(time.Duration); ok {
		return strconv.Quote(Duration(d))
	}
	if t, ok := v.Interface().(encoding.TextMarshaler); ok {
		text, err := t.MarshalText()
		if err != nil {
			return strconv.Quote(err.Error())
		}
		return strconv.Quote(string(text))
	}
	switch v.Kind() {
	case reflect.String:
		return strconv.Quote(v.String())
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = literal(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case reflect.Map:
		return inlineTable(v)
	}
	return fmt.Sprint(v.Interface())
}

func inlineTable(v reflect.Value) string {
	if v.Len() == 0 {
		return "{}"
	}
	names := v.MapKeys()
	parts := make([]string, 0, len(names))
	for _, name := range names {
		parts = append(parts, under("", name.String())+" = "+literal(v.MapIndex(name)))
	}
	slices.Sort(parts)
	return "{ " + strings.Join(parts, ", ") + " }"
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
