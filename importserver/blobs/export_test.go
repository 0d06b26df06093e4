package blobs

import "time"

// EnterWithin has a store answer its first call within a limit, until the end.
func EnterWithin(limit time.Duration) (end func()) {
	before := enterTime
	enterTime = limit
	return func() { enterTime = before }
}
