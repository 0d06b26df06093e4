package analysis_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"github.com/anchore/stereoscope/pkg/image"
	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging/filecataloging"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/source/stereoscopesource"
	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/bundle"
)

// An image of Windows keeps its files below Files and its registry below Hives,
// and links to files of lower layers. Its document is the one of syft.
func TestWindowsImageIsSyfts(t *testing.T) {
	const app = "Files/app/node_modules/"
	img := imagetest.New(t, imagetest.Spec{Platform: "windows/amd64", Layers: []imagetest.Layer{
		{
			"Files":                              {Dir: true},
			"Files/Windows/System32/ntdll.dll":   {Content: "MZ, the lower"},
			"Files/Windows/System32/license.rtf": {Content: "MIT License"},
			app + "lodash/package.json":          {Content: `{"name":"lodash","version":"4.17.20","license":"MIT"}`},
			app + "gone/package.json":            {Content: `{"name":"gone","version":"1.0.0"}`},
			"Hives":                              {Dir: true},
			"Hives/System_Base":                  {Content: "regf"},
			"UtilityVM/Files/EFI/boot.efi":       {Content: "MZ"},
		},
		{
			app + ".wh.gone":                              {},
			"Files/Windows/WinSxS/n.dll":                  {Hard: "Files/Windows/System32/ntdll.dll"}, // of the lower layer
			"Files/copy/node_modules/lodash/package.json": {Hard: app + "lodash/package.json"},
			"Hives/System_Delta":                          {Content: "regf, changed"},
			"Files/Windows/System32/x.dll":                {Link: "ntdll.dll"},
		},
	}})
	req := ociDir(t, img)
	req.Platform = "windows/amd64"
	b := analyze(t, analysis.Request{Image: req}, analysis.Options{Version: "0.1"})
	got, want := sectionsOf(t, []byte(parts(t, b)[bundle.Packages])), sectionsOf(t, syfts(t, img))
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the document is not syft's (-syft +ours):\n%s", diff)
	}
	_, files := document(t, b)
	paths := slices.Sorted(maps.Keys(files))
	for _, path := range []string{"/Hives/System_Delta", "/Files/Windows/WinSxS/n.dll", "/UtilityVM/Files/EFI/boot.efi"} {
		if !slices.Contains(paths, path) {
			t.Errorf("%s is not among %q", path, paths)
		}
	}
	lower, linked := files["/Files/Windows/System32/ntdll.dll"], files["/Files/Windows/WinSxS/n.dll"]
	if lower.Metadata == nil || linked.Metadata == nil || lower.Metadata.Size != linked.Metadata.Size {
		t.Errorf("the link to the lower layer is %+v, its file %+v", linked, lower)
	}
}

// syfts is what syft makes of an image by itself.
func syfts(t *testing.T, img v1.Image) []byte {
	t.Helper()
	manifest, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	read := image.New(img, nil, t.TempDir(), image.WithManifest(manifest))
	if err := read.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer read.Cleanup()
	s, err := syft.CreateSBOM(t.Context(), stereoscopesource.New(read, stereoscopesource.ImageConfig{Reference: "app"}),
		syft.DefaultCreateSBOMConfig().WithFilesConfig(filecataloging.DefaultConfig().WithSelection(file.AllFilesSelection)))
	if err != nil {
		t.Fatal(err)
	}
	for _, reasons := range s.Artifacts.Unknowns {
		slices.Sort(reasons) // syft has them as its catalogers happen to end
	}
	var buf bytes.Buffer
	if err := syftjson.NewFormatEncoder().Encode(&buf, *s); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// sectionsOf are the sections of a document that tell of the image's content.
func sectionsOf(t *testing.T, document []byte) map[string]any {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(document, &all); err != nil {
		t.Fatal(err)
	}
	content := map[string]any{}
	for _, section := range []string{"artifacts", "artifactRelationships", "files", "distro"} {
		content[section] = all[section]
	}
	return content
}
