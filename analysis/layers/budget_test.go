package layers_test

import (
	"archive/tar"
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis/layers"
	"github.com/tidepole/tidepole/formats/fault"
)

// TestAKnownLayerCostsWhatReadingItCosts has two layers pass a limit together.
func TestAKnownLayerCostsWhatReadingItCosts(t *testing.T) {
	names := make([]header, 200)
	for i := range names {
		names[i] = link(tar.TypeSymlink, fmt.Sprint(i), strings.Repeat("x", 4000))
	}
	tests := []struct {
		name   string
		tar    []byte
		limits layers.Limits
		want   string
	}{
		{"folders that paths imply", tarOf(t, file(strings.Repeat("d/", 60)+"x", "")), layers.Limits{Entries: 100}, "more than 100 paths"},
		{"names", tarOf(t, names...), layers.Limits{Entries: 10_000}, "the paths of the image have more than"},
		{"holes", sparse(t, "text", 1<<20), layers.Limits{ImageBytes: 6 << 20}, "sparse files hold more than"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			read := func(b *layers.Budget) error {
				_, err := readTar(t.Context(), test.tar, layers.Options{Budget: b})
				return err
			}
			fresh := layers.NewBudget(test.limits)
			if err := read(fresh); err != nil {
				t.Fatal(err)
			}
			want := read(fresh)
			if fault.Of(want) != fault.TooLarge || !strings.Contains(want.Error(), test.want) {
				t.Fatalf("reading both: %v", want)
			}
			r, _ := record(t, test.tar, nil)
			known := layers.NewBudget(test.limits)
			if err := known.Count(r.Index()); err != nil {
				t.Fatal(err)
			}
			for range 2 { // what is refused is not counted
				if err := known.Count(r.Index()); err == nil || !strings.HasSuffix(want.Error(), err.Error()) || fault.Hint(err) != fault.Hint(want) {
					t.Errorf("both known: %v, want %v", err, want)
				}
			}
			if err := read(known); err == nil || err.Error() != want.Error() {
				t.Errorf("the second read: %v, want %v", err, want)
			}
			other := layers.NewBudget(layers.Limits{Entries: 2 * 10_000, ImageBytes: 100 << 20})
			if err := other.Count(r.Index()); err != nil {
				t.Error(err)
			}
			x, err := layers.Read(t.Context(), bytes.NewReader(test.tar), nil, layers.Options{Budget: other})
			if err != nil {
				t.Error(err)
			} else if err := other.Count(x); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestALimitBeyondAnyImage has the product of limits be no less than each.
func TestALimitBeyondAnyImage(t *testing.T) {
	for _, entries := range []int{100_000_000_000_000_000, math.MaxInt} {
		o := layers.Options{Budget: layers.NewBudget(layers.Limits{Entries: entries})}
		if _, err := readTar(t.Context(), tarOf(t, file(strings.Repeat("d/", 1000)+strings.Repeat("x", 200), ""), file("y", "")), o); err != nil {
			t.Errorf("%d: %v", entries, err)
		}
		names := make([]header, 600) // 2.4 MB of names
		for i := range names {
			names[i] = link(tar.TypeSymlink, fmt.Sprint(i), strings.Repeat("x", 4000))
		}
		if _, err := readTar(t.Context(), tarOf(t, names...), o); err != nil {
			t.Errorf("%d: %v", entries, err)
		}
	}
}
