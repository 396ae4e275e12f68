//go:build linux || darwin || freebsd

package surface

import (
	"fmt"
	"strings"
)

// commandFile is the text of a file that a terminal program runs with the shell of
// its user: command, an absolute path and its arguments, with these variables.
// Each word reaches it as it is.
func commandFile(env, command []string) (string, error) {
	words := []string{"/usr/bin/env"}
	for _, v := range env {
		if !variable.MatchString(v) {
			return "", fmt.Errorf("open a window: %q is no variable", v)
		}
		words = append(words, v)
	}
	words = append(words, command...)
	for i, word := range words {
		if strings.ContainsRune(word, 0) {
			return "", fmt.Errorf("open a window: a word of the command holds a zero byte")
		}
		words[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
	}
	return "#!/bin/sh\nclear\nexec " + strings.Join(words, " ") + "\n", nil
}
