package main

import (
	"archive/tar"
	"io"
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// small is an image like the reference image, but small: two layers, the upper
// of which deletes and replaces.
func small(t *testing.T) (store, image) {
	t.Helper()
	s := store{t.TempDir()}
	i, err := s.image("small", "1", func(blobs string) ([]layer, error) {
		lower, err := makeLayer(blobs, "lower", func(w *layerWriter) error {
			err := writeFiles(w, []file{
				{"etc/one", 0o644, []byte("1")}, {"etc/two", 0o644, []byte("2")}, {"srv/app/three", 0o644, []byte("3")},
			})
			if err != nil {
				return err
			}
			return w.WriteHeader(&tar.Header{Typeflag: tar.TypeLink, Name: "zz", Linkname: "etc/one", ModTime: latest})
		})
		if err != nil {
			return nil, err
		}
		upper, err := makeLayer(blobs, "upper", func(w *layerWriter) error {
			return writeFiles(w, []file{
				{"etc/.wh.two", 0o600, nil}, {"etc/one", 0o644, []byte("changed")}, {"srv/app/four", 0o644, []byte("4")},
			})
		})
		return []layer{lower, upper}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	return s, i
}

// squash is what an image shows in the end: files and their content.
func squash(t *testing.T, i image) map[string]string {
	t.Helper()
	shown := map[string]string{}
	for _, l := range i.Layers {
		below := maps.Clone(shown)
		err := readLayer(i.blobs(), l, func(h *tar.Header, r io.Reader) error {
			dir, base := path.Split(h.Name)
			data, err := io.ReadAll(r)
			switch {
			case base == opaqueMark:
				remove(shown, below, dir)
			case isWhiteout(h.Name):
				remove(shown, below, dir+strings.TrimPrefix(base, whiteoutPrefix))
			case h.Typeflag == tar.TypeLink:
				target, there := shown[h.Linkname]
				if !there {
					t.Errorf("%s: layer %s: the target of the link %s is not there", i.Name, l.Comment, h.Name)
				}
				shown[h.Name] = target
			case h.Typeflag == tar.TypeReg:
				shown[h.Name] = string(data)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return shown
}

// remove takes away what the layers below had at or under a path.
func remove(shown, below map[string]string, at string) {
	for name := range below {
		if name == at || strings.HasPrefix(name, strings.TrimSuffix(at, "/")+"/") {
			delete(shown, name)
		}
	}
}

func TestFortyLayersShowWhatTheReferenceShows(t *testing.T) {
	s, from := small(t)
	i, err := s.forty(from)
	if err != nil {
		t.Fatal(err)
	}
	if want := dealt * len(from.Layers); len(i.Layers) != want {
		t.Errorf("%d layers, not %d", len(i.Layers), want)
	}
	want := squash(t, from)
	want["var/tmp/build15/state"] = "building\n"
	if diff := cmp.Diff(want, squash(t, i)); diff != "" {
		t.Error(diff)
	}
}

func TestFourfoldHasEverythingFourTimes(t *testing.T) {
	s, from := small(t)
	i, err := s.fourfold(from)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for name, text := range squash(t, from) {
		for _, prefix := range []string{"", "two/", "three/", "four/"} {
			want[prefix+name] = text
		}
	}
	if diff := cmp.Diff(want, squash(t, i)); diff != "" {
		t.Error(diff)
	}
}

func TestChangedTopKeepsTheLayersBelow(t *testing.T) {
	s, from := small(t)
	i, err := s.topChanged(from)
	if err != nil {
		t.Fatal(err)
	}
	if i.Layers[0] != from.Layers[0] || i.Layers[1].DiffID == from.Layers[1].DiffID {
		t.Errorf("%v from %v", i.Layers, from.Layers)
	}
	if shown := squash(t, i); shown["etc/two"] != "2" || shown["srv/app/package.json"] == "" {
		t.Errorf("it shows %v", slices.Sorted(maps.Keys(shown)))
	}
}

func TestTinyFilesAreAsManyAsAskedFor(t *testing.T) {
	s, _ := small(t)
	i, err := s.tiny("tiny", 1000)
	if err != nil {
		t.Fatal(err)
	}
	if shown := squash(t, i); len(shown) != 1000 {
		t.Errorf("%d files", len(shown))
	}
}

func TestKeptImageIsMadeAnewWhenItsMakerChanges(t *testing.T) {
	s, from := small(t)
	made := 0
	for _, maker := range []string{"1", "1", "2"} {
		_, err := s.image("copy", maker, func(blobs string) ([]layer, error) {
			made++
			return from.Layers, adoptAll(blobs, from)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if made != 2 {
		t.Errorf("made %d times", made)
	}
}

func adoptAll(blobs string, from image) error {
	for _, l := range from.Layers {
		if err := adopt(blobs, from, l); err != nil {
			return err
		}
	}
	return nil
}

func TestChangedSourceDeclaresTheSame(t *testing.T) {
	before, after := map[string]string{}, map[string]string{}
	for _, f := range source(false) {
		before[f.name] = string(f.data)
	}
	same := 0
	for _, f := range source(true) {
		after[f.name] = string(f.data)
		if before[f.name] == string(f.data) {
			same++
		}
	}
	for _, name := range []string{"srv/app/package.json", "srv/app/requirements.txt"} {
		if before[name] == "" || before[name] != after[name] {
			t.Errorf("%s: %q became %q", name, before[name], after[name])
		}
	}
	if same != declared {
		t.Errorf("%d files did not change", same)
	}
}
