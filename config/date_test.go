package config

import (
	"strings"
	"testing"
	"time"
)

// day is a type for TOML's own dates.
type day struct{ time.Time }

func (d *day) UnmarshalText(text []byte) (err error) {
	d.Time, err = time.Parse(time.DateOnly, string(text))
	return err
}

type dated struct {
	Until day `toml:"until"`
}

func (*dated) Check() error { return nil }

func TestDates(t *testing.T) {
	for text, want := range map[string]string{
		"until = 2027-05-01":                "",
		`until = "2027-05-01"`:              "",
		"until = 2027-05-01T10:00:00Z":      "expected",
		"until = 2027-05-01T10:00:00":       "expected",
		"until = 10:00:00":                  "expected",
		"until = 2027-02-30":                "1",
		"until = 20270501":                  "expected",
		`until = "2027-05-01T10:00:00.000"`: "1",
	} {
		var d dated
		err := parse("f.toml", text, &d)
		if want == "" {
			if err != nil || d.Until.Format(time.DateOnly) != "2027-05-01" {
				t.Errorf("%s: %v, %v", text, d.Until, err)
			}
		} else if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
