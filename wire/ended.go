package wire

import "strings"

// SupervisorEnded is the cause when a supervisor ends a visit; why may be empty.
func SupervisorEnded(who, why string) string {
	if why == "" {
		return supervisorEnded(who) + "."
	}
	return supervisorEnded(who) + ": " + why
}

func supervisorEnded(who string) string { return "A supervisor (" + who + ") ended the visit" }

// SupervisorsReason is what a supervisor gave as a reason in such a cause. It
// reports whether the cause is one.
func SupervisorsReason(who, cause string) (why string, is bool) {
	if why, is = strings.CutPrefix(cause, supervisorEnded(who)+": "); is {
		return why, true
	}
	return "", cause == SupervisorEnded(who, "")
}
