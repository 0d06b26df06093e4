package policy_test

import (
	"testing"

	"github.com/tidepole/tidepole/analysis/policy"
	document "github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
)

func evaluate(t testing.TB, p document.Policy, image fixture) report.Evaluation {
	t.Helper()
	return policy.Evaluate(p, policy.Input{
		Image: report.Image{Digest: "sha256:d", ID: "sha256:i"}, Tag: "docker.io/app:1",
		Evidence: image.evidence(t), Matches: image.matches, Now: now,
	})
}
