package wire

import "testing"

// TestSupervisorsReason: what a supervisor gave as a reason is found again, and
// nowhere else.
func TestSupervisorsReason(t *testing.T) {
	for _, why := range []string{"", "the wrong computer"} {
		if got, is := SupervisorsReason("bob", SupervisorEnded("bob", why)); got != why || !is {
			t.Errorf("%q is %q, %v", why, got, is)
		}
	}
	for _, cause := range []string{SupervisorEnded("eve", "x"), "The technician has left.", ""} {
		if got, is := SupervisorsReason("bob", cause); is || got != "" {
			t.Errorf("a reason in %q: %q", cause, got)
		}
	}
}
