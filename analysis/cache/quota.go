package cache

import "sync/atomic"

// Quota bounds the bytes that files take which no other bound counts and nobody
// outside sees: those of a Scratch, which have no name, and entries of a folder as
// long as they are being written. A nil one bounds nothing.
type Quota struct {
	most int64
	over error
	used atomic.Int64
}

// NewQuota is one of so many bytes; over is the error of whoever wants more. 0 is no
// bound.
func NewQuota(most int64, over error) *Quota {
	if most <= 0 {
		return nil
	}
	return &Quota{most: most, over: over}
}

// take counts bytes before they are written.
func (q *Quota) take(bytes int64) error {
	if q == nil {
		return nil
	}
	if q.used.Add(bytes) > q.most {
		q.used.Add(-bytes)
		return q.over
	}
	return nil
}

// give counts bytes that are gone, or that something else counts from now on.
func (q *Quota) give(bytes int64) {
	if q != nil {
		q.used.Add(-bytes)
	}
}
