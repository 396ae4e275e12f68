package main

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
)

func completionVerb() verb {
	return verb{
		name:  "completion",
		usage: "bash|zsh|fish",
		line:  "what a shell needs to complete accord's verbs and options",
		help: `Prints a script that teaches a shell to complete what is typed after accord.
The packages install it for all three shells.

Examples:
  accord completion bash > /etc/bash_completion.d/accord
  accord completion zsh > "${fpath[1]}/_accord"
  accord completion fish > ~/.config/fish/completions/accord.fish`,
		run: runCompletion,
	}
}

func runCompletion(_ context.Context, c *call, args []string) error {
	rest, err := parse(c, flags("completion"), args, 1)
	if err != nil {
		return err
	}
	if len(rest) == 0 {
		return usage("completion", "name the shell: bash, zsh or fish")
	}
	switch rest[0] {
	case "bash":
		completeBash(c.stdout)
	case "zsh":
		completeZsh(c.stdout)
	case "fish":
		completeFish(c.stdout)
	default:
		return usage("completion", "there is no completion for %q, only for bash, zsh and fish", rest[0])
	}
	return nil
}

// option is one that a verb's help names.
type option struct {
	short, long string
	value       string // what it takes, such as FILE; "" for a switch
	about       string // the first line of what is said of it
}

var helpOption = regexp.MustCompile(`(?m)^  (?:-(\w), )?--([a-z-]+)(?: ([A-Z]\S*))?(?:  +(\S.*))?$`)

// options are those that the help teaches: it is written by hand, and a test
// holds it to what the verb takes.
func (v verb) options() []option {
	var list []option
	for _, m := range helpOption.FindAllStringSubmatch(v.help, -1) {
		list = append(list, option{m[1], m[2], m[3], m[4]})
	}
	return list
}

func (v verb) words() string {
	var words []string
	for _, o := range v.options() {
		words = append(words, "--"+o.long)
	}
	return strings.Join(append(words, "--help"), " ")
}

func verbNames() string {
	var names []string
	for _, v := range verbs() {
		names = append(names, v.name)
	}
	return strings.Join(names, " ")
}

func completeBash(w io.Writer) {
	fmt.Fprintf(w, `# Completion of accord for bash, made by: accord completion bash
_accord() {
  local word=${COMP_WORDS[COMP_CWORD]} words=
  if [ "$COMP_CWORD" = 1 ]; then
    words=%q
  else case ${COMP_WORDS[1]} in
    help) words=%[1]q ;;
`, verbNames())
	for _, v := range verbs() {
		if v.name != "help" {
			fmt.Fprintf(w, "    %s) words=%q ;;\n", v.name, v.words())
		}
	}
	fmt.Fprint(w, `  esac fi
  case $word in
    -*) COMPREPLY=($(compgen -W "$words" -- "$word")) ;;
    *) if [ "$COMP_CWORD" = 1 ] || [ "${COMP_WORDS[1]}" = help ]; then
         COMPREPLY=($(compgen -W "$words" -- "$word"))
       else
         COMPREPLY=($(compgen -f -- "$word"))
       fi ;;
  esac
}
complete -o filenames -F _accord accord
`)
}

// quoteZsh makes text safe within single quotes and within the brackets that
// zsh's _arguments reads.
func quoteZsh(text string) string {
	return strings.NewReplacer("'", `'\''`, "[", `\[`, "]", `\]`, ":", `\:`).Replace(text)
}

func completeZsh(w io.Writer) {
	fmt.Fprint(w, "#compdef accord\n# Completion of accord for zsh, made by: accord completion zsh\n_accord() {\n  local -a verbs\n  verbs=(\n")
	for _, v := range verbs() {
		fmt.Fprintf(w, "    '%s:%s'\n", v.name, quoteZsh(v.line))
	}
	fmt.Fprint(w, `  )
  if (( CURRENT == 2 )); then
    _describe verb verbs
    return
  fi
  local verb=$words[2]
  shift words; (( CURRENT-- ))
  case $verb in
    help) _describe verb verbs ;;
`)
	for _, v := range verbs() {
		if v.name == "help" {
			continue
		}
		fmt.Fprintf(w, "    %s) _arguments", v.name)
		for _, o := range v.options() {
			value := ""
			if o.value != "" {
				value = ":" + strings.ToLower(o.value) + ":"
				if o.value == "FILE" || o.value == "FOLDER" || o.value == "SOCKET" {
					value += "_files"
				}
			}
			fmt.Fprintf(w, " '--%s[%s]%s'", o.long, quoteZsh(o.about), value)
		}
		fmt.Fprint(w, " '*:file:_files' ;;\n")
	}
	fmt.Fprint(w, "  esac\n}\n_accord \"$@\"\n")
}

func completeFish(w io.Writer) {
	quote := strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace
	fmt.Fprint(w, "# Completion of accord for fish, made by: accord completion fish\n")
	for _, v := range verbs() {
		fmt.Fprintf(w, "complete -c accord -n __fish_use_subcommand -f -a %s -d '%s'\n", v.name, quote(v.line))
		for _, o := range v.options() {
			line := fmt.Sprintf("complete -c accord -n '__fish_seen_subcommand_from %s' -l %s", v.name, o.long)
			if o.short != "" {
				line += " -s " + o.short
			}
			if o.value != "" {
				line += " -r"
			}
			fmt.Fprintf(w, "%s -d '%s'\n", line, quote(o.about))
		}
	}
	fmt.Fprintf(w, "complete -c accord -n '__fish_seen_subcommand_from help' -f -a '%s'\n", verbNames())
}
