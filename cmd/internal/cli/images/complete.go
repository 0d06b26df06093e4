package images

import (
	"context"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/client"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/report"
)

// untaken says which kinds of evidence were never taken of an image, as is so
// where only a list of its packages was given. An image whose files were searched
// and that has none is empty.
func untaken(searched, listed bool) []string {
	switch {
	case searched:
		return nil
	case listed:
		return []string{"secrets were never searched for"}
	}
	return []string{"secrets were never searched for, and the image's files are not known"}
}

// untakenRemote asks the server what it has of an image.
func untakenRemote(ctx context.Context, c *client.Client, digest string) ([]string, error) {
	types, err := c.ContentTypes(ctx, digest)
	if err != nil {
		return nil, err
	}
	return untaken(slices.Contains(types, secretsType), slices.Contains(types, filesType)), nil
}

// untakenLocal looks into the evidence itself.
func untakenLocal(b *bundle.Bundle, facts bundle.Facts) []string {
	_, searched := b.Part(bundle.SecretSearches)
	return untaken(searched, facts.Files > 0)
}

// next says what to do about an undecided verdict.
func (j judgement) next() string {
	var hints []string
	if j.gaps > 0 {
		hints = append(hints, "tidepole image content "+j.check.Digest+" -t files -o json shows which files have gaps")
	}
	if len(j.absent) > 0 {
		hints = append(hints, "analyse the image itself, with tidepole image add IMAGE --force")
	}
	e := j.latest()
	if slices.ContainsFunc(e.Problems, func(p report.Problem) bool { return p.Type == report.ProblemNotJudged }) {
		hints = append(hints, "look at the mappings and rules of policy "+j.check.PolicyID)
	}
	if len(hints) == 0 || !e.Database.Present {
		hints = append(hints, "tidepole vulndb status shows the database")
	}
	return strings.Join(hints, "; ") + "; see tidepole help exit-codes"
}
