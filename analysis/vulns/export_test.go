package vulns

// LimitMatches has runs end after fewer matches, until it is undone.
func LimitMatches(n int) (undo func()) {
	before := maxMatches
	maxMatches = n
	return func() { maxMatches = before }
}
