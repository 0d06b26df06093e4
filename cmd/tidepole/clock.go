//go:build faults

package main

import (
	"os"
	"time"
)

// In the program that integration/faults runs, which is built with the tag faults, the
// clock is off by what the file says that FAULTS_CLOCK names: a duration, such as -1h.
// As with a machine's clock that is set, what the system counts is not changed by that.
func init() {
	name := os.Getenv("FAULTS_CLOCK")
	now = func() time.Time {
		text, _ := os.ReadFile(name)
		off, _ := time.ParseDuration(string(text))
		return time.Now().Round(0).Add(off)
	}
}
