package analysis_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/analysis/secrets"
	"github.com/tidepole/tidepole/formats/bundle"
)

// openCache is an empty cache.
func openCache(t testing.TB) *cache.Dir {
	t.Helper()
	d, err := cache.Open(filepath.Join(t.TempDir(), "cache"), cache.Options{Warn: func(err error) { t.Errorf("warned: %v", err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// perFile is how many matches one pattern may have in a file.
const perFile = 250

// full is a layer with that many files that have so many matches each.
func full(in string, files int) imagetest.Layer {
	l := imagetest.Layer{}
	for n := range files {
		l[fmt.Sprintf("%s/%04d", in, n)] = imagetest.File{Content: strings.Repeat("hit\n", perFile) + fmt.Sprint(in, n)}
	}
	return l
}

func TestWhatIsOverTheBoundOfASearch(t *testing.T) {
	const fits = analysis.MaxMatches / perFile // files
	hits, err := secrets.NewPatterns(map[string]string{"hit": "hit"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		layers []imagetest.Layer
		cut    map[string]string // path: gap
		counts []int
	}{
		{
			name:   "all of one layer at the bound",
			layers: []imagetest.Layer{full("a", fits)}, counts: []int{fits},
		},
		{
			name:   "one layer over it",
			layers: []imagetest.Layer{full("a", fits+100)}, counts: []int{fits},
			cut: map[string]string{fmt.Sprintf("/a/%04d", fits): "the layer has more than 100000 matches"},
		},
		{
			name:   "layers over it together",
			layers: []imagetest.Layer{full("z", fits-100), full("b", fits-100), full("a", 10)}, counts: []int{fits - 100, 100, 0},
			cut: map[string]string{"/b/0100": "the image has more than 100000 matches"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := analysis.Request{Image: ociDir(t, imagetest.New(t, imagetest.Spec{Layers: test.layers})), Name: "example.com/app:1"}
			o := analysis.Options{Secrets: hits, Content: hits, Retrieve: []string{}}
			want := analyze(t, req, o)
			facts, err := want.Facts()
			if err != nil {
				t.Fatal(err)
			}
			for _, kind := range []bundle.Kind{bundle.SecretSearches, bundle.ContentSearches} {
				counts := map[string]int{}
				for _, s := range searches(t, want, kind) {
					counts[s.Location.LayerID]++
					if len(s.Matches) != perFile {
						t.Errorf("%s: %s has %d matches", kind, s.Location.Path, len(s.Matches))
					}
				}
				for i, l := range facts.Layers {
					if counts[l.DiffID] != test.counts[i] {
						t.Errorf("%s: %d files of layer %d have matches, want %d", kind, counts[l.DiffID], i, test.counts[i])
					}
				}
			}
			_, files := document(t, want)
			got := map[string]string{}
			for path, f := range files {
				for _, u := range f.Unknowns {
					what, rest, _ := strings.Cut(u, ": ")
					reason, _, _ := strings.Cut(rest, ":")
					if what != "secret search" && what != "content search" || len(f.Unknowns) != 2 {
						t.Errorf("gaps of %s are %q", path, f.Unknowns)
					}
					got[path] = reason
				}
			}
			if diff := cmp.Diff(test.cut, got); diff != "" && len(test.cut)+len(got) > 0 {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
			o.Cache = openCache(t)
			other := req
			other.Name = "example.com/other:1"
			analyze(t, other, o) // has the layers read, not this image's evidence
			for _, name := range []string{"of layers that are known", "of an image that is known"} {
				if diff := cmp.Diff(parts(t, want), parts(t, analyze(t, req, o))); diff != "" {
					t.Errorf("%s (-want +got):\n%.2000s", name, diff)
				}
			}
		})
	}
}

// Files with secrets stay out of the cache whatever is left out of the evidence.
func TestFilesOverTheBoundStayOutOfTheCache(t *testing.T) {
	const fits = analysis.MaxMatches / perFile
	layer := full("a", fits+1)
	layer["b/last"] = imagetest.File{Content: planted}
	hits, err := secrets.NewPatterns(map[string]string{"hit": "hit", "ticket": "ticket-[0-9]+"}, 0)
	if err != nil {
		t.Fatal(err)
	}
	store := openCache(t)
	o := analysis.Options{Secrets: hits, Cache: store, Retrieve: []string{"/b/last"}}
	req := analysis.Request{Image: ociDir(t, imagetest.New(t, imagetest.Spec{Layers: []imagetest.Layer{layer}}))}
	if got := contents(t, analyze(t, req, o)); got["/b/last"] != planted {
		t.Errorf("retrieved %q", got)
	}
	s, err := store.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range s.Kinds {
		if k.Name == "bundle" {
			t.Error("the evidence is kept, with a file in it that has a secret")
		}
	}
	found := false
	for _, data := range cached(t, store) {
		found = found || strings.Contains(data, planted)
	}
	if found {
		t.Error("a secret stands in the cache")
	}
}
