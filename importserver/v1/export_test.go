package v1

import "time"

// WaitForLongAnswers sets how long a long answer waits for its turn.
func WaitForLongAnswers(d time.Duration) (restore func()) {
	old := longWait
	longWait = d
	return func() { longWait = old }
}
