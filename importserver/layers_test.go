package importserver_test

import (
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/wire"
)

func TestImageOfTooManyLayersFails(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	b := newBundle(t, image{digest: digestOf(1), tags: []string{"a:1"}})
	config := `{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":["x"` + strings.Repeat(`,"x"`, 1000) + `]}}`
	if err := b.WriteBytes(bundle.ImageConfig, "application/json", []byte(config)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Import(t.Context(), b, wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	if i := r.await(digestOf(1), wire.AnalysisFailed); !strings.Contains(i.StatusReason, "1001 layers") {
		t.Errorf("%q", i.StatusReason)
	}
}
