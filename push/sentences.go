package push

import (
	"fmt"
	"path/filepath"
	"strings"
)

// stepError is a step that failed on a host, and what was said there.
type stepError struct{ step, why string }

func (e *stepError) Error() string { return e.step + ": " + e.why }

// sentence says it to the admin.
func (e *stepError) sentence(t *target) string {
	program, _, _ := t.places()
	switch e.step {
	case "ssh":
		e.why = strings.TrimPrefix(e.why, "ssh: ")
		if !t.Shell.Ask && strings.Contains(e.why, "ermission denied") {
			return "ssh: " + e.why + ". Push asks for no password where it has several hosts: log in by key, or push to it alone"
		}
		return "ssh: " + e.why
	case "shell":
		return "what answers there is no shell that push can use" + behind(e.why)
	case "nosum":
		return "there is no sha256sum to check the copy with; nothing was changed"
	case "cut":
		return "the copy did not arrive whole; nothing was changed, try again"
	case "run":
		if strings.Contains(e.why, "ermission denied") {
			return fmt.Sprintf("nothing may be run from %s there; is it mounted noexec? Nothing was changed", filepath.Dir(program))
		}
		return "the program does not run there" + behind(e.why) + "; nothing was changed"
	case "join":
		return "it did not join: " + e.why
	case "start":
		return "it has joined, but " + t.said["manager"] + " does not start it: " + e.why
	}
	if strings.Contains(e.why, "No space left") || strings.Contains(e.why, "quota exceeded") {
		return "there is no room for it (" + e.why + "); nothing was changed"
	}
	return "it can't be put in place there" + behind(e.why)
}

func behind(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}
