package gateway

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"accord/wire"
)

// call is what stands behind the name of a command: words, and flags with or
// without a value.
type call struct {
	words []string
	flags map[string][]string
}

// switches are the flags that take no value.
func switches() []string {
	return []string{"json", "check", "exercise", "follow", "ansible", "known-hosts", "web", "key", "agentless", "back", "cancel"}
}

// parseCall tells words from flags: --name value, --name=value, --json. Known are
// the flags that there are.
func parseCall(args, known []string) (*call, error) {
	c := &call{flags: make(map[string][]string)}
	for i := 0; i < len(args); i++ {
		name, ok := strings.CutPrefix(args[i], "--")
		if !ok {
			c.words = append(c.words, args[i])
			continue
		}
		name, value, given := strings.Cut(name, "=")
		if !slices.Contains(known, name) {
			return nil, noOption(name, known)
		}
		if !given && !slices.Contains(switches(), name) {
			i++
			if i == len(args) {
				return nil, &usageError{"--" + name + " needs a value."}
			}
			value = args[i]
		}
		c.flags[name] = append(c.flags[name], value)
	}
	return c, nil
}

// noOption reports a flag that there isn't, and the one that was surely meant.
func noOption(name string, known []string) *usageError {
	name = wire.Clean(name, wire.MaxName)
	if near := wire.Near(name, known); near != "" {
		return &usageError{"There is no option --" + name + " here; did you mean --" + near + "?"}
	}
	return &usageError{"There is no option --" + name + " here."}
}

func (c *call) has(name string) bool { return len(c.flags[name]) > 0 }

// last is the value of a flag, the last one if it was given twice.
func (c *call) last(name, otherwise string) string {
	if v := c.flags[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return otherwise
}

// sentence is the value of a flag and the words behind the first one: the shell
// before ssh has taken the quotes away.
func (c *call) sentence(name, otherwise string) string {
	words := append(slices.Clone(c.flags[name]), c.words[1:]...)
	if len(words) == 0 {
		return otherwise
	}
	return wire.Clean(strings.Join(words, " "), wire.MaxReason)
}

func (c *call) number(name string, otherwise int) (int, error) {
	n, err := strconv.Atoi(c.last(name, strconv.Itoa(otherwise)))
	if err != nil || n < 1 || n > 1000 {
		return 0, &usageError{"--" + name + " takes a number from 1 to 1000."}
	}
	return n, nil
}

// only refuses flags that the command does not know.
func (c *call) only(known ...string) error {
	for name := range c.flags {
		if !slices.Contains(known, name) {
			return noOption(name, known)
		}
	}
	return nil
}

// none refuses words, and flags that are not known.
func (c *call) none(known ...string) error {
	if len(c.words) > 0 {
		return &usageError{"Too many words."}
	}
	return c.only(known...)
}

// exactly wants n words.
func (c *call) exactly(n int, known ...string) error {
	if len(c.words) != n {
		return &usageError{"Name one visit by its number."}
	}
	return c.only(known...)
}

// split cuts a command into words as a shell does, as far as quotes and
// backslashes go; nothing is ever expanded.
func split(line string) ([]string, error) {
	var words []string
	var word strings.Builder
	var quote rune
	in, escaped := false, false
	for _, r := range line {
		switch {
		case escaped:
			word.WriteRune(r)
			escaped = false
		case r == '\\' && quote != '\'':
			escaped, in = true, true
		case quote != 0:
			if r == quote {
				quote = 0
			} else {
				word.WriteRune(r)
			}
		case r == '\'' || r == '"':
			quote, in = r, true
		case r == ' ' || r == '\t' || r == '\n':
			if in {
				words = append(words, word.String())
				word.Reset()
				in = false
			}
		default:
			word.WriteRune(r)
			in = true
		}
	}
	if quote != 0 || escaped {
		return nil, errors.New("a quote is open")
	}
	if in {
		words = append(words, word.String())
	}
	return words, nil
}
