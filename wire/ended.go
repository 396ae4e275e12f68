package wire

import "strings"

// SupervisorEnded is the cause when a supervisor ends a visit; why may be empty.
func SupervisorEnded(who, why string) string {
	return strings.TrimSpace("A supervisor (" + who + ") ended the visit. " + why)
}

// SupervisorsReason is what a supervisor gave as a reason in such a cause. It
// reports whether the cause is one.
func SupervisorsReason(who, cause string) (why string, is bool) {
	if why, is = strings.CutPrefix(cause, SupervisorEnded(who, "")); !is {
		return "", false
	}
	return strings.TrimSpace(why), true
}
