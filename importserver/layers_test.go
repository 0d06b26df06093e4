package importserver_test

import (
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/wire"
)

func TestImageOfImpossibleLayersFails(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	for n, test := range []struct{ layers, reason string }{
		{`"x"` + strings.Repeat(`,"x"`, 1000), "1001 layers"},
		{`"` + digestOf(1) + `","x"`, `"x", which is not a digest`},
		{`"sha256:` + strings.Repeat("0", 1<<20) + `"`, "which is not a digest"},
	} {
		b := newBundle(t, image{digest: digestOf(n), tags: []string{"a:1"}})
		config := `{"architecture":"amd64","os":"linux","rootfs":{"diff_ids":[` + test.layers + `]}}`
		if err := b.WriteBytes(bundle.ImageConfig, "application/json", []byte(config)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Import(t.Context(), b, wire.AddOptions{}); err != nil {
			t.Fatal(err)
		}
		if i := r.await(digestOf(n), wire.AnalysisFailed); !strings.Contains(i.StatusReason, test.reason) || len(i.StatusReason) > 1000 {
			t.Errorf("%d: %.1000q", n, i.StatusReason)
		}
	}
}
