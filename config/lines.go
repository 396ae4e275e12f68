package config

import (
	"fmt"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
)

// maxDepth bounds how deep tables and lists nest. The TOML parser goes one
// call deeper with each, and a mebibyte of brackets would end the process.
const maxDepth = 16

// lines maps each key of a file to the line where it first stands. The parser
// tells the line of a syntax error only, not that of a value.
type lines map[string]int

// Lines says where the keys of a file stand: the line of a key such as
// "policy.rule[2].who[0]", or of the nearest key around it; 0 where there is
// none. The file must be one that [Read] takes.
func Lines(path string) (func(key string) int, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("can't read the configuration: %w", err)
	}
	at, err := scan(string(text))
	if err != nil {
		return nil, fmt.Errorf("%s:%w", path, err)
	}
	return at.find, nil
}

// find is the line of a key, or of the nearest key around it that has one; 0
// if there is none.
func (l lines) find(key string) int {
	for {
		if line, ok := l[key]; ok {
			return line
		}
		cut := strings.LastIndexAny(key, ".[")
		if cut < 0 {
			return 0
		}
		key = key[:cut]
	}
}

// scanner walks over TOML and notes where the keys stand. It judges nothing
// but the depth: on what it doesn't understand it stops, and the parser, which
// comes after it, says what is wrong.
type scanner struct {
	text    string
	pos     int
	counted int // where line was last brought up to date
	line    int
	at      lines
	entries map[string]int // how many [[headers]] each list has so far
	deep    int            // the line that nests too deep, or 0
}

func scan(text string) (lines, error) {
	s := &scanner{
		text: strings.TrimPrefix(text, "\uFEFF"), line: 1,
		at: lines{}, entries: map[string]int{},
	}
	table := ""
	for s.blank(); s.pos < len(s.text); s.blank() {
		if s.peek('[') {
			table = s.header()
			continue
		}
		s.pair(table, 0)
	}
	if s.deep > 0 {
		return nil, fmt.Errorf("%d: tables and lists nest deeper than %d; no configuration does", s.deep, maxDepth)
	}
	return s.at, nil
}

func (s *scanner) peek(c byte) bool { return s.pos < len(s.text) && s.text[s.pos] == c }

// eat steps over a token if it stands here.
func (s *scanner) eat(token string) bool {
	if !strings.HasPrefix(s.text[s.pos:], token) {
		return false
	}
	s.pos += len(token)
	return true
}

// stop ends the walk.
func (s *scanner) stop() { s.pos = len(s.text) }

func (s *scanner) note(key string) {
	s.line += strings.Count(s.text[s.counted:s.pos], "\n")
	s.counted = s.pos
	if _, ok := s.at[key]; !ok {
		s.at[key] = s.line
	}
}

// tooDeep stops the walk where depth passes its bound.
func (s *scanner) tooDeep(depth int) bool {
	if depth < maxDepth {
		return false
	}
	s.line += strings.Count(s.text[s.counted:s.pos], "\n")
	s.deep = s.line
	s.stop()
	s.counted = s.pos
	return true
}

// blank steps over white space, line ends and comments.
func (s *scanner) blank() {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case ' ', '\t', '\r', '\n':
			s.pos++
		case '#':
			s.skipTo("\n")
		default:
			return
		}
	}
}

func (s *scanner) skipTo(chars string) {
	n := strings.IndexAny(s.text[s.pos:], chars)
	if n < 0 {
		s.stop()
		return
	}
	s.pos += n
}

// header reads [table] or [[list]] and returns the key of what follows.
func (s *scanner) header() string {
	isList := s.eat("[[")
	if !isList {
		s.eat("[")
	}
	parts := s.key()
	key := ""
	for i, part := range parts {
		key = under(key, part)
		s.note(key)
		if isList && i == len(parts)-1 {
			s.entries[key]++
		}
		if n := s.entries[key]; n > 0 {
			key = fmt.Sprintf("%s[%d]", key, n-1)
			s.note(key)
		}
	}
	if !s.eat("]") {
		s.stop()
		return ""
	}
	s.eat("]")
	return key
}

// key reads a dotted key.
func (s *scanner) key() []string {
	var parts []string
	for !s.tooDeep(len(parts)) {
		s.blank()
		part, ok := s.keyPart()
		if !ok {
			s.stop()
			return parts
		}
		parts = append(parts, part)
		s.blank()
		if !s.eat(".") {
			return parts
		}
	}
	return parts
}

func (s *scanner) keyPart() (string, bool) {
	if s.peek('"') || s.peek('\'') {
		return unquote(s.quoted())
	}
	start := s.pos
	s.skipTo(" \t\r\n.=]}#\"'")
	return s.text[start:s.pos], s.pos > start
}

// pair reads key = value inside a table.
func (s *scanner) pair(table string, depth int) {
	start := s.pos
	parts := s.key()
	end := s.pos
	s.pos = max(start, s.counted) // the key's line is that of its beginning
	key := table
	for _, part := range parts {
		key = under(key, part)
		s.note(key)
	}
	s.pos = end
	if !s.eat("=") {
		s.stop()
		return
	}
	s.value(key, depth)
}

func (s *scanner) value(key string, depth int) {
	if s.tooDeep(depth) {
		return
	}
	s.blank()
	switch {
	case s.peek('"'), s.peek('\''):
		s.quoted()
	case s.eat("["):
		s.list(key, depth+1)
	case s.eat("{"):
		s.inline(key, depth+1)
	default:
		s.skipTo(",]}#\n")
	}
}

func (s *scanner) list(key string, depth int) {
	for i := 0; s.pos < len(s.text); i++ {
		if s.blank(); s.eat("]") {
			return
		}
		entry := fmt.Sprintf("%s[%d]", key, i)
		s.note(entry)
		s.value(entry, depth)
		if s.blank(); !s.eat(",") && !s.peek(']') {
			s.stop()
		}
	}
}

func (s *scanner) inline(key string, depth int) {
	for s.pos < len(s.text) {
		if s.blank(); s.eat("}") {
			return
		}
		s.pair(key, depth)
		if s.blank(); !s.eat(",") && !s.peek('}') {
			s.stop()
		}
	}
}

// quoted reads a string of any of the four kinds, with its quotes. One that
// doesn't end stops the walk and is "".
func (s *scanner) quoted() string {
	quote := s.text[s.pos : s.pos+1]
	fence := quote
	if strings.HasPrefix(s.text[s.pos:], strings.Repeat(quote, 3)) {
		fence = strings.Repeat(quote, 3)
	}
	start := s.pos
	for s.pos += len(fence); s.pos < len(s.text); s.pos++ {
		if quote == `"` && s.peek('\\') {
			s.pos++
			continue
		}
		if !s.eat(fence) {
			continue
		}
		for n := 0; n < 2 && len(fence) == 3 && s.eat(quote); n++ {
			continue // two quotes may belong to the text: """so"""""
		}
		return s.text[start:s.pos]
	}
	s.stop()
	return ""
}

// unquote is the text of a quoted key.
func unquote(literal string) (string, bool) {
	if strings.Trim(literal, `'"`) == "" {
		return "", literal != ""
	}
	var one struct{ V string }
	_, err := toml.Decode("V = "+literal, &one)
	return one.V, err == nil
}
