package files

import (
	"path"
	"slices"
	"strings"
)

// Tool is what copies files by a command of its own on the device.
type Tool string

// The tools whose commands are known.
const (
	ToolSCP   Tool = "scp" // in its old protocol, as `scp -O` and old clients ask for it
	ToolRsync Tool = "rsync"
)

// Command is a command line by which such a tool asks for its other half.
type Command struct {
	Tool Tool
	// Needs are the directions that must be granted.
	Needs []Direction
	// Words are the arguments as they were meant, without quotes.
	Words []string
	// Of scp: what is copied, or to where. In a Pattern, *, ? and [ that stood
	// without quotes mean what they mean in a shell, and those that are meant
	// literally have a \ before them (path.Match).
	Patterns                []string
	Recursive, Times, ToDir bool
}

// Direction is which way scp's files go.
func (c Command) Direction() Direction { return c.Needs[0] }

// ParseCommand reads a command line that is nothing but the other half of a tool
// that copies files. Everything else, and everything that a shell would have to
// understand, is not: then ok is false, and it is a command like any other.
func ParseCommand(line string) (c Command, ok bool) {
	words, ok := split(line)
	if !ok || len(words) < 2 {
		return c, false
	}
	switch words[0].text {
	case "scp":
		return parseSCP(words[1:])
	case "rsync":
		return parseRsync(words[1:])
	}
	return c, false
}

// parseSCP reads `scp -t DIR` and `scp -f FILE…`, with the options that clients
// send. OpenSSH sends each as a word of its own; others join them.
func parseSCP(words []word) (c Command, ok bool) {
	c.Tool = ToolSCP
	sink, source := false, false
	for len(words) > 0 && strings.HasPrefix(words[0].text, "-") && words[0].text != "-" {
		w := words[0].text
		words = words[1:]
		if w == "--" {
			break
		}
		for _, o := range w[1:] {
			switch o {
			case 't':
				sink = true
			case 'f':
				source = true
			case 'r':
				c.Recursive = true
			case 'p':
				c.Times = true
			case 'd':
				c.ToDir = true
			case 'v', 'q': // says more or less about itself
			default:
				return c, false
			}
		}
	}
	if sink == source || len(words) == 0 || sink && (len(words) > 1 || words[0].wild) {
		return c, false
	}
	c.Needs = []Direction{Get}
	if sink {
		c.Needs = []Direction{Put}
	}
	for _, w := range words {
		c.Patterns = append(c.Patterns, w.pattern)
		c.Words = append(c.Words, w.text)
	}
	return c, true
}

// parseRsync reads `rsync --server [--sender] OPTIONS . PATH…`. Only options are
// taken that do nothing but say how files are copied.
func parseRsync(words []word) (c Command, ok bool) {
	c.Tool = ToolRsync
	if words[0].text != "--server" {
		return c, false
	}
	sender, removes, paths := false, false, -1
	for i, w := range words {
		if w.wild || paths < 0 && w.home {
			return c, false
		}
		c.Words = append(c.Words, w.text)
		switch {
		case paths >= 0:
			// rsync takes options behind the first path, too.
			if paths++; strings.HasPrefix(w.text, "-") {
				return c, false
			}
		case w.text == ".":
			paths = 0
		case w.text == "--sender":
			sender = true
		case w.text == "--remove-source-files" || w.text == "--remove-sent-files":
			removes = true
		case i > 0 && !rsyncOption(w.text):
			return c, false
		}
	}
	if paths < 1 {
		return c, false
	}
	c.Needs = []Direction{Put}
	if sender {
		c.Needs = []Direction{Get}
		if removes {
			c.Needs = append(c.Needs, Put)
		}
	}
	return c, true
}

// rsyncLetters are the short options that the other half is sent (rsync(1),
// "server_options"); what follows e tells of the client's abilities. Not among
// them is s, which sends the arguments where nobody can read them here.
const rsyncLetters = "vqunlLkKpogtAXHNUOJDWxSyzrRIcCdEbmi"

func rsyncOption(w string) bool {
	if strings.HasPrefix(w, "--") {
		name, _, _ := strings.Cut(w, "=")
		return slices.Contains(rsyncLong(), name)
	}
	letters, _, _ := strings.Cut(strings.TrimPrefix(w, "-"), "e")
	return strings.HasPrefix(w, "-") && len(w) > 1 && strings.Trim(letters, rsyncLetters) == ""
}

// rsyncLong are the long options that may be sent. None of them runs a program,
// and none names a file outside of what is copied.
func rsyncLong() []string {
	return []string{
		"--append", "--append-verify", "--block-size", "--bwlimit", "--checksum-choice", "--checksum-seed", "--compress-choice",
		"--compress-level", "--contimeout", "--delay-updates", "--delete", "--delete-after", "--delete-before", "--delete-delay",
		"--delete-during", "--delete-excluded", "--delete-missing-args", "--dirs", "--existing", "--force", "--fsync", "--fuzzy",
		"--group", "--groupmap", "--hard-links", "--iconv", "--ignore-errors", "--ignore-existing", "--ignore-missing-args", "--ignore-times",
		"--info", "--inplace", "--links", "--log-format", "--max-alloc", "--max-delete", "--max-size", "--min-size", "--mkpath",
		"--modify-window", "--new-compress", "--no-r", "--no-W", "--no-implied-dirs", "--no-relative", "--no-specials", "--numeric-ids",
		"--old-compress", "--one-file-system", "--open-noatime", "--owner", "--partial", "--perms", "--preallocate", "--recursive",
		"--safe-links", "--copy-unsafe-links", "--munge-links", "--size-only", "--skip-compress", "--sparse", "--specials", "--stats",
		"--suffix", "--super", "--timeout", "--times", "--update", "--use-qsort", "--usermap", "--zc", "--zl", "--debug", "--no-inc-recursive", "--out-format",
	}
}

// word is one word of a command line.
type word struct {
	text    string // without quotes
	pattern string // for path.Match: what was quoted has a \ before it
	wild    bool   // *, ? or [ stood in it without quotes
	home    bool   // it began with ~/, or was ~, without quotes
}

// split splits a command line as sh(1) would, if a shell would do nothing else
// with it: no variable, no other command, no redirection, no comment, no brace.
// A ~ is only taken as the own home, at the begin of a word.
func split(line string) (words []word, ok bool) {
	if path.Clean("/"+line) == "/" || strings.ContainsAny(line, "\x00\n\r") {
		return nil, false
	}
	var w word
	inWord := false
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == ' ' || c == '\t':
			if inWord {
				words, w, inWord = append(words, w), word{}, false
			}
			continue
		case c == '\'':
			end := strings.IndexByte(line[i+1:], '\'')
			if end < 0 {
				return nil, false
			}
			w.quote(line[i+1 : i+1+end])
			i += end + 1
		case c == '"':
			n, fine := w.double(line[i+1:])
			if !fine {
				return nil, false
			}
			i += n
		case c == '\\':
			if i++; i == len(line) {
				return nil, false
			}
			w.quote(line[i : i+1])
		case c == '~' && !inWord:
			if i+1 < len(line) && !strings.ContainsRune("/ \t", rune(line[i+1])) {
				return nil, false // somebody's home
			}
			w.home = true
			w.text, w.pattern = "~", "~"
		case strings.IndexByte("|&;<>()$`#!{}", c) >= 0:
			return nil, false
		default:
			w.wild = w.wild || strings.IndexByte("*?[", c) >= 0
			w.text += string(c)
			w.pattern += string(c)
		}
		inWord = true
	}
	if inWord {
		words = append(words, w)
	}
	return words, true
}

// quote takes text that means itself.
func (w *word) quote(text string) {
	w.text += text
	for i := range len(text) {
		if strings.IndexByte(`*?[\`, text[i]) >= 0 {
			w.pattern += `\`
		}
		w.pattern += text[i : i+1]
	}
}

// double takes what stands between double quotes; n is how long that is, with
// the quote at its end.
func (w *word) double(rest string) (n int, ok bool) {
	for i := 0; i < len(rest); i++ {
		switch rest[i] {
		case '"':
			return i + 1, true
		case '$', '`':
			return 0, false
		case '\\':
			if i+1 < len(rest) && strings.IndexByte("$`\"\\", rest[i+1]) >= 0 {
				i++
			}
		}
		w.quote(rest[i : i+1])
	}
	return 0, false
}
