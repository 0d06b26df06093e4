package analysis_test

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
)

// ballasted is an image whose layers each have a file that is not kept, and these
// files' paths and contents.
func ballasted(t *testing.T, layers int) (v1.Image, []string, map[string]string) {
	var s imagetest.Spec
	var paths []string
	contents := map[string]string{}
	for i := range layers {
		path, content := fmt.Sprintf("app/%d.png", i), fmt.Sprint("picture ", i)
		s.Layers = append(s.Layers, imagetest.Layer{path: {Content: content}})
		paths = append(paths, "/"+path)
		contents["/"+path] = content
	}
	return imagetest.New(t, s), paths, contents
}

// savedPacked is the archive of a Docker that keeps its images in containerd: an
// OCI layout of the layers as they were pulled, and a manifest.json.
func savedPacked(t *testing.T, img v1.Image) []byte {
	t.Helper()
	dir := imagetest.OCIDir(t, map[string]mutate.Appendable{"": img})
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	one := map[string]any{"Config": "blobs/sha256/" + manifest.Config.Digest.Hex, "RepoTags": []string{"app:1"}}
	var layers []string
	for _, l := range manifest.Layers {
		layers = append(layers, "blobs/sha256/"+l.Digest.Hex)
	}
	one["Layers"] = layers
	data, err := json.Marshal([]any{one})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), data, 0o600); err != nil {
		t.Fatal(err)
	}
	data, err = os.ReadFile(imagetest.Archive(t, "", dir))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// inDaemon is an image in a Docker daemon, and how often that saved it.
func inDaemon(t *testing.T, img v1.Image) (image.Request, *atomic.Int32) {
	t.Helper()
	archive := savedPacked(t, img)
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	id, _ := img.ConfigName()
	dir, err := os.MkdirTemp("", "d") // a socket's path has to be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket, err := net.Listen("unix", dir+"/s")
	if err != nil {
		t.Fatal(err)
	}
	saves := new(atomic.Int32)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Api-Version", "1.41")
		switch {
		case strings.HasSuffix(req.URL.Path, "/images/get"):
			saves.Add(1)
			_, _ = w.Write(archive)
		case strings.HasSuffix(req.URL.Path, "/json"):
			_ = json.NewEncoder(w).Encode(map[string]any{
				"Id": id.String(), "Os": "linux", "Architecture": "amd64", "RootFS": map[string]any{"Type": "layers", "Layers": config.RootFS.DiffIDs},
			})
		}
	}))
	server.Listener.Close()
	server.Listener = socket
	server.Start()
	t.Cleanup(server.Close)
	return image.Request{Reference: "app:1", Source: "docker", Options: image.Options{Docker: image.Docker{Host: "unix://" + dir + "/s"}}}, saves
}

// What is read once more is no more than what is asked for, or once all of it.
func TestLayersThatAreReadOnceMore(t *testing.T) {
	const layers = 6
	img, paths, contents := ballasted(t, layers)
	archive := imagetest.DockerArchive(t, map[string]v1.Image{"app:1": img})
	for name, c := range map[string]struct {
		request  func() (image.Request, *atomic.Int32)
		together bool
		asked    int // for so many layers' files
		rounds   int // at most
		records  int
	}{
		"a folder": {func() (image.Request, *atomic.Int32) { return ociDir(t, img), nil }, false, layers, layers, 2 * layers},
		"a packed archive": {func() (image.Request, *atomic.Int32) {
			return image.Request{Reference: archive, Source: "docker-archive"}, nil
		}, false, layers, layers, 2 * layers},
		"together":                        {func() (image.Request, *atomic.Int32) { return ociDir(t, img), nil }, true, layers, layers, 2 * layers},
		"a daemon, one layer":             {func() (image.Request, *atomic.Int32) { return inDaemon(t, img) }, false, 1, 1, layers + 1},
		"a daemon, one after the other":   {func() (image.Request, *atomic.Int32) { return inDaemon(t, img) }, false, layers, 2, 2 * layers},
		"a daemon, all at the same time":  {func() (image.Request, *atomic.Int32) { return inDaemon(t, img) }, true, layers, 2, 2 * layers},
		"a daemon, of two of many layers": {func() (image.Request, *atomic.Int32) { return inDaemon(t, img) }, false, 2, 2, 2 * layers},
	} {
		t.Run(name, func(t *testing.T) {
			req, saves := c.request()
			want := map[string]string{}
			for _, p := range paths[:c.asked] {
				want[p] = contents[p]
			}
			o := analysis.Options{TempDir: t.TempDir()}
			got, rounds, records, err := analysis.Reread(t.Context(), analysis.Request{Image: req}, o, c.together, paths[:c.asked]...)
			if diff := cmp.Diff(want, got); diff != "" || err != nil {
				t.Errorf("%v, contents (-want +got):\n%s", err, diff)
			}
			if rounds > c.rounds || rounds == 0 || records > c.records {
				t.Errorf("%d rounds, %d records", rounds, records)
			}
			if saves != nil && int(saves.Load()) != rounds+1 {
				t.Errorf("%d saves", saves.Load())
			}
			wantEmpty(t, o.TempDir)
		})
	}
}
