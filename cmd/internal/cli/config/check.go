package config

import (
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
)

// Check refuses a file with a key that is none of known. Below a known key
// anything may stand.
func (c *Config) Check(known []string) error {
	unknown := unknownKey(c.tree, "", known)
	if unknown == "" {
		return nil
	}
	f := fault.New(fault.Invalid, "read configuration %s: unknown key %q", c.Path, unknown)
	if near := nearest(unknown, known); near != "" {
		return f.WithHint("did you mean %q? see docs/configuration.md for all keys", near)
	}
	return f.WithHint("see docs/configuration.md for all keys")
}

func unknownKey(tree map[string]any, prefix string, known []string) string {
	for _, k := range sortedKeys(tree) {
		key := prefix + strings.ToLower(k)
		if slices.Contains(known, key) {
			continue
		}
		below, isMap := tree[k].(map[string]any)
		if !isMap || !slices.ContainsFunc(known, func(s string) bool { return strings.HasPrefix(s, key+".") }) {
			return key
		}
		if u := unknownKey(below, key+".", known); u != "" {
			return u
		}
	}
	return ""
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// nearest is the candidate with the fewest edits to s, if they are few: a third
// of its letters at most, or the same last word.
func nearest(s string, candidates []string) string {
	best, edits := "", len(s)/3+2
	for _, c := range candidates {
		if d := distance(s, c); d < edits {
			best, edits = c, d
		}
	}
	if best != "" {
		return best
	}
	for _, c := range candidates {
		if strings.HasSuffix(c, "."+s) || strings.HasSuffix(s, "."+c) {
			return c
		}
	}
	return ""
}

// distance is the number of letters to insert, delete or replace (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
