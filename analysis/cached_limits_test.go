package analysis_test

import (
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// A limit that is met with nothing in the cache is met, in the same words, with
// layers that are known.
func TestALimitIsMetInACachedImage(t *testing.T) {
	layer := func(top string) imagetest.Layer {
		return imagetest.Layer{strings.Repeat(top+"/", 40) + "x": {Content: top}}
	}
	req := analysis.Request{Image: ociDir(t, imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{layer("a"), layer("b"), layer("c")}}))}
	o := analysis.Options{MaxEntries: 100, TempDir: t.TempDir()}
	_, want := analysis.Analyze(t.Context(), req, o)
	if fault.Of(want) != fault.TooLarge || !strings.Contains(want.Error(), "more than 100 paths") {
		t.Fatalf("nothing is known: %v", want)
	}
	o.Cache = openCache(t)
	analyze(t, req, analysis.Options{Cache: o.Cache})
	_, got := analysis.Analyze(t.Context(), req, o)
	if got == nil || fault.Of(got) != fault.TooLarge || fault.Hint(got) != fault.Hint(want) || tail(got) != tail(want) {
		t.Errorf("all is known: %v, want %v", got, want)
	}
}

// tail is an error without the layer that it names: layers are read in any order.
func tail(err error) string {
	_, rest, _ := strings.Cut(err.Error(), "): ")
	return rest
}
