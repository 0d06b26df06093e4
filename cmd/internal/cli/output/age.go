package output

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Age is a flag for a time span, in days (5d) or as in 36h.
type Age time.Duration

// Set reads it.
func (a *Age) Set(s string) error {
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseFloat(days, 64)
		if err != nil || !(n >= 0 && n <= 36500) {
			return fmt.Errorf("%q is not a number of days", s)
		}
		*a = Age(n * float64(24*time.Hour))
		return nil
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return fmt.Errorf("%q is not a time span as in 5d or 36h", s)
	}
	*a = Age(d)
	return nil
}

// String writes it.
func (a Age) String() string {
	switch d := time.Duration(a); {
	case d == 0:
		return ""
	case d%(24*time.Hour) == 0:
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	default:
		return d.String()
	}
}

// Type names it in help texts.
func (a *Age) Type() string { return "age" }
