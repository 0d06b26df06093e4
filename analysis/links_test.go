package analysis_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// An image whose links make more paths than can be gone through fails with a limit,
// whatever a cataloger makes of what it is not told, and each time.
func TestLinksThatMakeTooManyPaths(t *testing.T) {
	layer := imagetest.Layer{}
	long := strings.Repeat("long", 60) // counts as more
	for i := range 13 {
		at := fmt.Sprintf("opt/jvm/%d/", i)
		layer[at+"release"] = imagetest.File{Content: "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_VERSION=\"21.0.4\"\nIMAGE_TYPE=\"JDK\"\n"}
		for j := range 13 {
			layer[at+fmt.Sprint(long, j)] = imagetest.File{Link: fmt.Sprintf("../%d", j)}
		}
	}
	req := analysis.Request{Image: ociDir(t, imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{layer}}))}
	o := analysis.Options{TempDir: t.TempDir(), Cache: openCache(t)}
	for range 2 {
		_, err := analysis.Analyze(t.Context(), req, o)
		if fault.Of(err) != fault.TooLarge || !strings.Contains(fault.Hint(err), "--max-entries") {
			t.Errorf("%v (hint %q)", err, fault.Hint(err))
		}
	}
}
