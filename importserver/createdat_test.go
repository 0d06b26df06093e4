package importserver_test

import (
	"strings"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

func TestGivenTimesOrderTheImagesOfATag(t *testing.T) {
	e := central(t)
	e.resolve = func(g importserver.Target) (importserver.Resolved, error) {
		_, digest, _ := strings.Cut(g.PullString, "@")
		return importserver.Resolved{Digest: digest, ImageID: digestOf(1 << 20)}, nil
	}
	s := open(t, e, options(t.TempDir())) // which analyses nothing
	a := s.Account(importserver.Admin)
	at := func(day int) *time.Time {
		d := time.Date(2026, 1, day, 0, 0, 0, 0, time.UTC)
		return &d
	}
	add := func(n int, created *time.Time, o wire.AddOptions) error {
		_, err := a.AddImage(t.Context(), wire.ImageRequest{Source: wire.ImageSource{Digest: &wire.DigestSource{
			PullString: "a@" + digestOf(n), Tag: "a:1", CreatedAt: created,
		}}}, o)
		return err
	}
	means := func(when string, n int) {
		t.Helper()
		list, err := a.Images(t.Context(), wire.ImageFilter{FullTag: "a:1"})
		if err != nil || len(list) != 1 || list[0].Digest != digestOf(n) {
			t.Errorf("%s, the tag means %+v, %v", when, list, err)
		}
	}
	for _, step := range []struct {
		when    string
		image   int
		created *time.Time
		force   bool
		means   int
	}{
		{"first", 1, at(2), false, 1},
		{"an older one", 2, at(1), false, 1},
		{"a newer one", 3, at(3), false, 3},
		{"an old one again, by force", 1, at(9), true, 3},
		{"an old one again, by force and without a time", 1, nil, true, 3},
		{"a zero time, which is none", 2, &time.Time{}, false, 2},
	} {
		if err := add(step.image, step.created, wire.AddOptions{Force: step.force}); err != nil {
			t.Fatalf("%s: %v", step.when, err)
		}
		means(step.when, step.means)
	}
	for name, created := range map[string]*time.Time{"with a time": at(4), "without": nil} {
		if err := add(4, created, wire.AddOptions{Force: true}); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "must already exist") {
			t.Errorf("one that is not known, by force, %s: %v", name, err)
		}
	}
}
