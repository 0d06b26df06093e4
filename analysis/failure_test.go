package analysis_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"go.uber.org/goleak"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/analysis/sbom"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

// ofTars is an image whose layers are those bytes.
func ofTars(t testing.TB, tars ...[]byte) v1.Image {
	t.Helper()
	img := empty.Image
	for _, data := range tars {
		var err error
		if img, err = mutate.AppendLayers(img, static.NewLayer(data, types.OCIUncompressedLayer)); err != nil {
			t.Fatal(err)
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture = "linux", "amd64"
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	return img
}

func TestFailuresLeaveNothingBehind(t *testing.T) {
	good := imagetest.Layer{"a": {Content: strings.Repeat("a", 5000)}, "b": {Content: "b"}}.Tar(t)
	swapped, err := mutate.AppendLayers(ofTars(t, good), static.NewLayer([]byte("helm chart"), "application/vnd.cncf.helm.chart.content.v1.tar+gzip"))
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		req  analysis.Request
		kind fault.Kind
		want []string
	}{
		{"a damaged layer", analysis.Request{Image: ociDir(t, ofTars(t, good, good[:3000]))}, fault.Unsupported, []string{"layer 2 of 2", "damaged"}},
		{"a layer that is no file system", analysis.Request{Image: ociDir(t, swapped)}, fault.Unsupported, []string{"helm"}},
		{"no image", analysis.Request{Image: image.Request{Reference: t.TempDir() + "/none", Source: "oci-dir"}}, fault.NotFound, []string{"none"}},
		{"a name that is none", analysis.Request{Image: ociDir(t, ofTars(t, good)), Name: "Not A Name"}, fault.Invalid, []string{"Not A Name"}},
		{"a name with another digest", analysis.Request{Image: ociDir(t, ofTars(t, good)), Name: "a@sha256:" + strings.Repeat("0", 64)}, fault.Invalid, []string{"its digest is sha256:"}},
		{"a Dockerfile that is too long", analysis.Request{Image: ociDir(t, ofTars(t, good)), Dockerfile: make([]byte, bundle.MaxDockerfile+1)}, fault.TooLarge, []string{"Dockerfile"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir, system := t.TempDir(), t.TempDir()
			setTemp(t, system)
			b, err := analysis.Analyze(t.Context(), test.req, analysis.Options{TempDir: dir})
			if err == nil || b != nil {
				t.Fatalf("got %v, %v", b, err)
			}
			if fault.Of(err) != test.kind {
				t.Errorf("%v is %s, want %s", err, fault.Of(err), test.kind)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), dir) {
				t.Errorf("%q names a temporary folder", err)
			}
			wantEmpty(t, dir, system)
		})
	}
}

func TestBadPattern(t *testing.T) {
	_, err := analysis.Analyze(t.Context(), analysis.Request{}, analysis.Options{Retrieve: []string{"/etc/[a"}})
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "/etc/[a") {
		t.Errorf("error is %v", err)
	}
}

func TestCancelLeavesNothingBehind(t *testing.T) {
	sbom.Prepare() // is for all analyses of the process, and may go on after one
	req := analysis.Request{Image: ociDir(t, imagetest.New(t, spec))}
	found, _ := matchers(t)
	for _, stage := range []string{"", "resolve", "read", "catalog", "write"} {
		t.Run("at "+stage, func(t *testing.T) {
			dir, system := t.TempDir(), t.TempDir()
			setTemp(t, system)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if stage == "" {
				cancel()
			}
			b, err := analysis.Analyze(ctx, req, analysis.Options{TempDir: dir, Secrets: found, Progress: func(p image.Progress) {
				if p.Stage == stage && !p.Finished || p.Stage == stage && stage == "read" {
					cancel()
				}
			}})
			if !errors.Is(err, context.Canceled) || b != nil {
				t.Errorf("got %v, %v", b, err)
			}
			wantEmpty(t, dir, system)
			idle := goleak.IgnoreTopFunction("net/http.(*persistConn).readLoop")
			for end := time.Now().Add(time.Minute); goleak.Find(idle) != nil && time.Now().Before(end); {
				// On a busy machine it takes longer than goleak waits.
			}
			goleak.VerifyNone(t, idle)
		})
	}
}

// refuser is an importer that takes nothing.
type refuser struct{ err error }

func (r refuser) Import(context.Context, *bundle.Bundle, wire.AddOptions) (wire.Receipt, error) {
	return wire.Receipt{}, r.err
}

func TestAddReportsTheImporter(t *testing.T) {
	dir := t.TempDir()
	why := fault.New(fault.Unavailable, "import: the server is down")
	_, err := analysis.Add(t.Context(), analysis.Request{Image: ociDir(t, imagetest.New(t, spec))},
		analysis.Options{TempDir: dir}, refuser{why}, wire.AddOptions{})
	if !errors.Is(err, why) {
		t.Errorf("error is %v", err)
	}
	wantEmpty(t, dir)
}

func TestNothingIsLeftWhenTheFolderIsMissing(t *testing.T) {
	_, err := analysis.Analyze(t.Context(), analysis.Request{Image: ociDir(t, imagetest.New(t, spec))},
		analysis.Options{TempDir: t.TempDir() + "/none"})
	if err == nil {
		t.Error("no error")
	}
	_, err = analysis.FromSBOM(t.Context(), io.LimitReader(bytes.NewReader(nil), 0), analysis.Request{}, analysis.Options{TempDir: t.TempDir() + "/none"})
	if err == nil {
		t.Error("no error")
	}
}
