package secrets

import "slices"

// resolve orders findings by place and drops the doubtful of two that overlap:
// the one whose rule has the lower priority, or the later one of one rule. A
// user's pattern neither yields nor wins.
func resolve(found []finding) []finding {
	slices.SortFunc(found, finding.compare)
	reach := reaches(found)
	var kept []finding
	for i, f := range found {
		first, _ := slices.BinarySearch(reach, f.start+1)
		if !yields(i, first, found) {
			kept = append(kept, f)
		}
	}
	return kept
}

// reaches is, for every finding, the furthest end of it and those before: it
// ascends, and so tells where those that may overlap a place begin.
func reaches(found []finding) []int {
	out := make([]int, len(found))
	furthest := 0
	for i, f := range found {
		furthest = max(furthest, f.end)
		out[i] = furthest
	}
	return out
}

// yields says whether found[i] gives way to one of found[first:].
func yields(i, first int, found []finding) bool {
	f := found[i]
	if f.rule.user {
		return false
	}
	for j := first; j < len(found) && found[j].start < f.end; j++ {
		other := found[j]
		if j == i || other.rule.user || !f.overlaps(other.span) {
			continue
		}
		if other.rule.weight > f.rule.weight || other.rule == f.rule && j < i {
			return true
		}
	}
	return false
}
