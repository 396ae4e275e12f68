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
	if got, is := SupervisorsReason("bob", SupervisorEnded("eve", "x")); is {
		t.Errorf("another's reason: %q", got)
	}
}
