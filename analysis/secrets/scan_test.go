package secrets_test

import (
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis/secrets"
	"github.com/tidepole/tidepole/formats/bundle"
)

func matcher(t testing.TB, o secrets.Options) *secrets.Matcher {
	t.Helper()
	m, err := secrets.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func scan(t testing.TB, m *secrets.Matcher, path, content string) []bundle.Match {
	t.Helper()
	matches, skipped, err := m.Scan(path, int64(len(content)), strings.NewReader(content))
	if err != nil || skipped != "" {
		t.Fatalf("scan %s: skipped %q, error %v", path, skipped, err)
	}
	return matches
}
