package gateway

import (
	"testing"
	"time"
)

func TestAuditFilter(t *testing.T) {
	now := time.Date(2026, 11, 22, 16, 45, 0, 0, time.UTC)
	for words, want := range map[string]time.Time{
		"2h":                   now.Add(-2 * time.Hour),
		"90s":                  now.Add(-90 * time.Second),
		"2026-10-05":           time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC),
		"2026-10-05T08:00":     time.Date(2026, 10, 5, 8, 0, 0, 0, time.UTC),
		"2026-10-05 08:00":     time.Date(2026, 10, 5, 8, 0, 0, 0, time.UTC),
		"2026-10-05T08:00:00Z": time.Date(2026, 10, 5, 8, 0, 0, 0, time.UTC),
	} {
		f, err := auditFilter(&call{flags: map[string][]string{"since": {words}}}, now)
		if err != nil || !f.Since.Equal(want) {
			t.Errorf("since %s: %v, %v", words, f.Since, err)
		}
	}
	for flag, value := range map[string]string{
		"since": "yesterday", "until": "-2h", "kind": "visit.begun", "limit": "0",
	} {
		if _, err := auditFilter(&call{flags: map[string][]string{flag: {value}}}, now); err == nil {
			t.Errorf("--%s %s: taken", flag, value)
		}
	}
}
