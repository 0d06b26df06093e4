package tree

import "testing"

// FewHits has questions have fewer answers than usual, for the time of a test.
func FewHits(t *testing.T, n int) {
	before := freeHits
	freeHits = n
	t.Cleanup(func() { freeHits = before })
}

// FewSteps has images take fewer steps than usual, for the time of a test.
func FewSteps(t *testing.T, n int64) {
	before := freeSteps
	freeSteps = n
	t.Cleanup(func() { freeSteps = before })
}
