package image_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"go.uber.org/goleak"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// collector keeps what it is given to read.
type collector struct {
	mu     sync.Mutex
	layers map[string]string // digest of what was read, by diff ID
	times  int
}

func (c *collector) layer(_ context.Context, l image.Stream) error {
	data, err := io.ReadAll(l)
	if err != nil {
		return fmt.Errorf("collect: %w", err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.layers == nil {
		c.layers = map[string]string{}
	}
	c.layers[l.DiffID()] = digests([][]byte{data})[0]
	c.times++
	return nil
}

// read reads an image that must be sound, and gives the layers' digests by diff ID.
func read(t testing.TB, img *image.Image, r image.Reading) map[string]string {
	t.Helper()
	c := collector{layers: map[string]string{}}
	r.Layer = c.layer
	if err := img.Read(t.Context(), r); err != nil {
		t.Fatalf("read: %v (hint: %s)", err, fault.Hint(err))
	}
	if c.times != len(c.layers) {
		t.Errorf("%d layers were read %d times", len(c.layers), c.times)
	}
	return c.layers
}

// failToRead reads an image in vain and gives the error.
func failToRead(t testing.TB, req image.Request, r image.Reading) error {
	t.Helper()
	img, err := image.Open(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	if r.Layer == nil {
		r.Layer = new(collector).layer
	}
	err = img.Read(t.Context(), r)
	if err == nil {
		t.Error("it was read")
	}
	if err := img.Close(); err != nil {
		t.Error(err)
	}
	nothingLeft(t, req)
	return err
}

// inFake is a daemon that saves what an archive holds.
func inFake(save func(t *testing.T, img v1.Image) string) offer {
	return func(t *testing.T, img v1.Image) image.Request {
		data, err := os.ReadFile(save(t, img))
		if err != nil {
			t.Fatal(err)
		}
		id, _ := img.ConfigName()
		d := newDaemon(t, map[string]saved{"app:1": {id: id.String(), platform: "linux/amd64", archive: data, layers: diffIDs(t, img)}})
		req := request(t, "docker", "app:1")
		req.Options.Docker.Host = d.host
		return req
	}
}

func diffIDs(t testing.TB, img v1.Image) []string {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, l := range layers {
		diffID, err := l.DiffID()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, diffID.String())
	}
	return all
}

// podmans is the archive that Podman writes: layers are called by their diff
// IDs, and folders of old hold links to them.
func podmans(t *testing.T, img v1.Image) string {
	t.Helper()
	config, _ := img.RawConfigFile()
	id, _ := img.ConfigName()
	var entries []entry
	var layers []string
	for i, data := range contents(t, img) {
		name := strings.TrimPrefix(diffIDs(t, img)[i], "sha256:") + ".tar"
		if !slices.Contains(layers, name) {
			entries = append(entries, entry{name: name, content: string(data)})
		}
		layers = append(layers, name)
		folder := strings.Repeat(string(rune('a'+i)), 64)
		entries = append(entries, entry{name: folder + "/VERSION", content: "1.0"}, entry{name: folder + "/layer.tar", link: "../" + name, kind: '2'})
	}
	entries = append(entries, entry{name: id.Hex + ".json", content: string(config)})
	return archive(t, append(entries, savedAs(t, id.Hex+".json", []string{"app:1"}, layers...))...)
}

// reads are the sources of the conformance of V1, and the ways in which daemons
// save.
var reads = append(slices.Clone(conformance),
	struct {
		source string
		kept   bool
		offer  offer
	}{"docker", false, inFake(legacy)},
	struct {
		source string
		kept   bool
		offer  offer
	}{"docker", false, inFake(podmans)},
	struct {
		source string
		kept   bool
		offer  offer
	}{"docker", false, inFake(func(t *testing.T, img v1.Image) string {
		return imagetest.DockerArchive(t, map[string]v1.Image{"app:1": img})
	})},
	struct {
		source string
		kept   bool
		offer  offer
	}{"docker", true, inFake(func(t *testing.T, img v1.Image) string { return newerDocker(t, img, img) })},
)

func TestRead(t *testing.T) {
	repeated := spec()
	repeated.Layers = append(repeated.Layers, repeated.Layers[1])
	for name, s := range map[string]imagetest.Spec{
		"gzip": spec(), "zstd": compressed(imagetest.Zstd), "plain": compressed(imagetest.Plain), "repeated": repeated, "no layers": {},
	} {
		img := imagetest.New(t, s)
		want := map[string]string{}
		for i, digest := range digests(contents(t, img)) {
			want[diffIDs(t, img)[i]] = digest
		}
		for i, c := range reads {
			if real := i < len(conformance) && (c.source == "docker" || c.source == "podman"); real && s.Compression == imagetest.Zstd {
				continue // daemons of today's distributions do not load it
			}
			t.Run(fmt.Sprintf("%s/%d/%s", name, i, c.source), func(t *testing.T) {
				req := c.offer(t, img)
				whole := open(t, req)
				same(t, "layers", read(t, whole, image.Reading{}), want)
				for atOnce := range 3 {
					req.Streamed, req.Options.TempDir = true, t.TempDir()
					got := open(t, req)
					same(t, "streamed layers", read(t, got, image.Reading{AtOnce: atOnce}), want)
					same(t, "identity", got.Identity, whole.Identity)
					same(t, "diff IDs", got.DiffIDs(), whole.DiffIDs())
					same(t, "spilled", len(entries(t, req)), len(spilled(c.source, req)))
				}
				same(t, "all diff IDs", slices.Equal(whole.DiffIDs(), diffIDs(t, img)), true)
			})
		}
	}
}

// spilled is what a source has to spill, though it is streamed.
func spilled(source string, req image.Request) []string {
	if strings.HasSuffix(source, "-archive") && strings.HasSuffix(req.Reference, ".gz") {
		return []string{"archive.tar"}
	}
	return nil
}

// memory is a Memory.
type memory map[string][]byte

func (m memory) Get(key string) ([]byte, bool) { data, ok := m[key]; return data, ok }
func (m memory) Put(key string, data []byte)   { m[key] = data }
func all(string) bool                          { return true }
func only(diffIDs ...string) func(string) bool {
	return func(d string) bool { return slices.Contains(diffIDs, d) }
}
func failing(context.Context, image.Stream) error { return errLayer }

var errLayer = errors.New("the layer is not liked")
var _ = maps.Keys[map[string]int]
var _ = filepath.Join
var _ atomic.Int32
var _ = goleak.IgnoreCurrent
