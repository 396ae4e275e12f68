package policy

import (
	"fmt"
	"time"
)

// Date is a day of the calendar, in no zone. The zero value is none.
type Date struct {
	Year  int
	Month time.Month
	Day   int
}

// DateOf is the day that a time is on, in its zone.
func DateOf(t time.Time) Date {
	year, month, day := t.Date()
	return Date{year, month, day}
}

// IsZero reports whether there is no date.
func (d Date) IsZero() bool { return d == Date{} }

// End is the first moment after the day.
func (d Date) End(zone *time.Location) time.Time {
	return time.Date(d.Year, d.Month, d.Day+1, 0, 0, 0, 0, zone)
}

// String is the date as ISO 8601 has it, or nothing.
func (d Date) String() string {
	if d.IsZero() {
		return ""
	}
	return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day)
}

// MarshalText writes it as a configuration does.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText reads 2027-05-01. An empty text is no date.
func (d *Date) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*d = Date{}
		return nil
	}
	t, err := time.Parse(time.DateOnly, string(text))
	if err != nil || t.Year() < 1971 {
		return fmt.Errorf("%.40q is no date; write for example 2027-05-01", text)
	}
	*d = DateOf(t)
	return nil
}
