package policy

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	"github.com/Masterminds/semver/v3"
	pep440 "github.com/aquasecurity/go-pep440-version"
	apk "github.com/knqyf263/go-apk-version"
	deb "github.com/knqyf263/go-deb-version"
)

// compareVersions orders two versions of a package of syft's type kind, by the
// rules of its package manager where they are known and else part by part.
func compareVersions(kind, a, b string) (int, error) {
	switch kind {
	case "deb":
		return compareWith(a, b, deb.NewVersion, func(x, y deb.Version) int { return x.Compare(y) })
	case "apk":
		return compareWith(a, b, apk.NewVersion, apk.Version.Compare)
	case "rpm":
		return compareRPM(a, b), nil
	case "python":
		return compareWith(a, b, pep440.Parse, pep440.Version.Compare)
	case "npm", "rust-crate", "go-module", "hex", "dart-pub", "swift":
		return compareWith(a, b, semver.NewVersion, (*semver.Version).Compare)
	}
	return compareParts(a, b), nil
}

func compareWith[V any](a, b string, parse func(string) (V, error), compare func(V, V) int) (int, error) {
	x, err := parse(a)
	if err != nil {
		return 0, fmt.Errorf("read version %s: %w", quote(a), err)
	}
	y, err := parse(b)
	if err != nil {
		return 0, fmt.Errorf("read version %s: %w", quote(b), err)
	}
	return compare(x, y), nil
}

// compareRPM orders [epoch:]version[-release] as rpm does. A release that one
// side lacks is not compared.
func compareRPM(a, b string) int {
	epochA, versionA, releaseA := splitRPM(a)
	epochB, versionB, releaseB := splitRPM(b)
	if order := cmp.Or(cmp.Compare(epochA, epochB), compareSegments(versionA, versionB)); order != 0 {
		return order
	}
	if releaseA == "" || releaseB == "" {
		return 0
	}
	return compareSegments(releaseA, releaseB)
}

func splitRPM(s string) (epoch int, version, release string) {
	if before, after, ok := strings.Cut(s, ":"); ok {
		epoch, _ = strconv.Atoi(before)
		s = after
	}
	version, release, _ = strings.Cut(s, "-")
	return epoch, version, release
}

// compareSegments is rpm's rpmvercmp: runs of digits and of letters are
// compared in turn, "~" sorts before the end and "^" after it, and anything
// else only separates.
func compareSegments(a, b string) int {
	for {
		a, b = trimSeparators(a), trimSeparators(b)
		if order, done := compareMark(&a, &b, '~', -1); done {
			return order
		} else if order, done := compareMark(&a, &b, '^', 1); done {
			return order
		}
		if a == "" || b == "" {
			return cmp.Compare(len(a), len(b))
		}
		if a[0] == '~' || a[0] == '^' {
			continue
		}
		if order := compareSegment(&a, &b); order != 0 {
			return order
		}
	}
}

// compareMark settles the versions if only one of them goes on with the mark,
// and passes over the mark if both do.
func compareMark(a, b *string, mark byte, marked int) (int, bool) {
	inA, inB := strings.HasPrefix(*a, string(mark)), strings.HasPrefix(*b, string(mark))
	switch {
	case inA && inB:
		*a, *b = (*a)[1:], (*b)[1:]
		return 0, false
	case inA && (mark == '~' || *b == ""):
		return marked, true
	case inA:
		return -marked, true
	case inB && (mark == '~' || *a == ""):
		return -marked, true
	case inB:
		return marked, true
	}
	return 0, false
}

func compareSegment(a, b *string) int {
	x, y := segment(*a), segment(*b)
	*a, *b = (*a)[len(x):], (*b)[len(y):]
	if isDigit(x[0]) != isDigit(y[0]) { // a number is newer than letters
		if isDigit(x[0]) {
			return 1
		}
		return -1
	}
	return compareRuns(x, y)
}

func segment(s string) string {
	n := 1
	for n < len(s) && isAlphanumeric(s[n]) && isDigit(s[n]) == isDigit(s[0]) {
		n++
	}
	return s[:n]
}

func trimSeparators(s string) string {
	for s != "" && !isAlphanumeric(s[0]) && s[0] != '~' && s[0] != '^' {
		s = s[1:]
	}
	return s
}

func isAlphanumeric(c byte) bool {
	return isDigit(c) || ('a' <= c && c <= 'z') || ('A' <= c && c <= 'Z')
}
