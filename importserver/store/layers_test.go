package store_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// TestAncestorsAreTheNearest asks for fewer than there are.
func TestAncestorsAreTheNearest(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "x.db"))
	layers := []string{"sha256:0", "sha256:1", "sha256:2", "sha256:3"}
	var last store.Image
	err := s.InTx(t.Context(), func(tx *store.Tx) error {
		for n := range layers {
			last = store.Image{
				Account: "a", Digest: fmt.Sprint(n), Status: wire.Analyzed, CreatedAt: time.Now(),
				Annotations: map[string]string{"n": fmt.Sprint(n)}, Request: store.Request{Dockerfile: []byte("FROM scratch")},
			}
			if err := tx.InsertImage(t.Context(), &last); err != nil {
				return err
			}
			if err := tx.SetLayers(t.Context(), last.ID, layers[:n+1]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.View().Ancestors(t.Context(), last, 2)
	if err != nil || len(all) != 2 {
		t.Fatalf("%+v, %v", all, err)
	}
	for n, a := range all {
		if want := fmt.Sprint(2 - n); a.Digest != want || a.Layers != 3-n || a.Annotations["n"] != want || len(a.Request.Dockerfile) > 0 {
			t.Errorf("%d: %+v", n, a)
		}
	}
}
