package image_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/klauspost/compress/zstd"
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
	for _, stall := range []*time.Duration{&req.Options.Registry.StallTimeout, &req.Options.Containerd.StallTimeout} {
		for err != nil && *stall > 0 && *stall < time.Minute {
			*stall *= 2 // on a busy machine, what does answer may be too slow for a short limit
			img, err = image.Open(t.Context(), req)
		}
	}
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

// ends checks that what the test starts from now on is over after it.
func ends(t *testing.T) {
	running := goleak.IgnoreCurrent()
	t.Cleanup(func() {
		for end := time.Now().Add(time.Minute); goleak.Find(running) != nil && time.Now().Before(end); {
			// On a busy machine it takes longer than goleak waits.
		}
		goleak.VerifyNone(t, running)
	})
}

// inFake is a daemon that saves what an archive holds.
func inFake(save func(t testing.TB, img v1.Image) string) offer {
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
func podmans(t testing.TB, img v1.Image) string {
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

// reads are the sources of the conformance, and the ways in which daemons
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
	}{"docker", false, inFake(func(t testing.TB, img v1.Image) string {
		return imagetest.DockerArchive(t, map[string]v1.Image{"app:1": img})
	})},
	struct {
		source string
		kept   bool
		offer  offer
	}{"docker", true, inFake(func(t testing.TB, img v1.Image) string { return newerDocker(t, img, img) })},
)

func TestRead(t *testing.T) {
	repeated := spec()
	repeated.Layers = append(repeated.Layers, repeated.Layers[1])
	for name, s := range map[string]imagetest.Spec{
		"gzip": spec(), "zstd": compressed(imagetest.Zstd), "plain": compressed(imagetest.Plain), "repeated": repeated, "no layers": {},
	} {
		img := imagetest.New(t, s)
		for i, c := range reads {
			if c.source == "docker" && i < len(conformance) && len(s.Layers) == 0 {
				continue // the daemon cannot save it
			}
			if real := i < len(conformance) && (c.source == "docker" || c.source == "podman"); real && s.Compression == imagetest.Zstd {
				continue // daemons of today's distributions do not load it
			}
			t.Run(fmt.Sprintf("%s/%d/%s", name, i, c.source), func(t *testing.T) {
				req := c.offer(t, img)
				// A daemon's manifest of layers that are not packed was made for the archive.
				kept := c.kept && (c.source != "docker" || s.Compression != imagetest.Plain && len(s.Layers) > 0)
				for atOnce := range 3 {
					req.Options.TempDir = t.TempDir()
					got := open(t, req)
					same(t, "layers", read(t, got, image.Reading{AtOnce: atOnce}), byDiffID(t, img))
					same(t, "manifest", string(got.Manifest), string(manifestOf(t, img, kept)))
					same(t, "diff IDs", slices.Equal(got.DiffIDs(), diffIDs(t, img)), true)
					same(t, "spilled", len(entries(t, req)), len(spilled(c.source, req)))
				}
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

// having is a Reading that has these layers.
func having(diffIDs ...string) image.Reading {
	return image.Reading{Have: func(d string) bool { return slices.Contains(diffIDs, d) }}
}

func TestLayersThatAreHadAreNotRead(t *testing.T) {
	img := imagetest.New(t, spec())
	ids := diffIDs(t, img)
	for i, c := range reads {
		t.Run(fmt.Sprintf("%d/%s", i, c.source), func(t *testing.T) {
			req := c.offer(t, img)
			whole := open(t, req)
			read(t, whole, image.Reading{})
			req.Options.TempDir = t.TempDir()
			got := open(t, req)
			layers := read(t, got, having(ids[0], ids[2]))
			if i <= len(conformance)+1 { // those whose archives tell the layers apart by their names
				same(t, "read", slices.Collect(maps.Keys(layers)), ids[1:2])
			}
			same(t, "identity", got.Identity, whole.Identity)
		})
	}
}

// With many processors no more layers are read at once than memory is planned for.
func TestLayersAtOnceAreBounded(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(64))
	const most = 8
	var s imagetest.Spec
	for i := range 3 * most {
		s.Layers = append(s.Layers, imagetest.Layer{fmt.Sprint(i): {Content: fmt.Sprint(i)}})
	}
	img := imagetest.New(t, s)
	var now, highest atomic.Int32
	full := make(chan struct{})
	fill := sync.OnceFunc(func() { close(full) })
	r := image.Reading{Layer: func(context.Context, image.Stream) error {
		defer now.Add(-1)
		n := now.Add(1)
		for h := highest.Load(); n > h && !highest.CompareAndSwap(h, n); h = highest.Load() {
		}
		if n == most {
			fill()
		}
		select {
		case <-full:
			time.Sleep(50 * time.Millisecond) // so that more could come
		case <-time.After(2 * time.Minute):
		}
		return nil
	}}
	got := open(t, request(t, "oci-dir", imagetest.OCIDir(t, items(img))))
	if err := got.Read(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	same(t, "layers at once", highest.Load(), int32(most))
}

func TestRegistryIsNotAskedForWhatIsHad(t *testing.T) {
	img := imagetest.New(t, spec())
	var asked atomic.Int32
	r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/blobs/", func(http.ResponseWriter, *http.Request, *answer) bool {
		asked.Add(1)
		return false
	})})
	r.Push(t, "app:1", img)
	got := open(t, ask("app:1"))
	asked.Store(0)
	same(t, "read", len(read(t, got, having(diffIDs(t, img)[:2]...))), 1)
	same(t, "blobs asked for", asked.Load(), int32(1))
	same(t, "read", len(read(t, got, having(diffIDs(t, img)...))), 0)
	same(t, "blobs asked for", asked.Load(), int32(1))
}

func TestRememberedImageIsNotExported(t *testing.T) {
	img := imagetest.New(t, spec())
	other := spec()
	other.Config.User = "other"
	ids := diffIDs(t, img)
	for name, save := range map[string]func(testing.TB, v1.Image) string{
		"legacy": legacy, "newer": func(t testing.TB, img v1.Image) string { return newerDocker(t, img, img) },
	} {
		t.Run(name, func(t *testing.T) {
			id, _ := img.ConfigName()
			data, err := os.ReadFile(save(t, img))
			if err != nil {
				t.Fatal(err)
			}
			d := newDaemon(t, map[string]saved{"app:1": {id: id.String(), platform: "linux/amd64", archive: data, layers: ids}})
			req := request(t, "docker", "app:1")
			req.Options.Docker.Host = d.host
			m := memory{}
			first := open(t, req)
			read(t, first, image.Reading{Remember: m})
			same(t, "saves", d.saves.Load(), int32(1))
			had := having(ids...)
			had.Remember = m
			again := open(t, req)
			same(t, "read", len(read(t, again, had)), 0)
			same(t, "saves", d.saves.Load(), int32(1))
			same(t, "identity", again.Identity, first.Identity)
			same(t, "diff IDs", again.DiffIDs(), first.DiffIDs())
			part := having(ids[:2]...)
			part.Remember = m
			read(t, open(t, req), part)
			same(t, "saves", d.saves.Load(), int32(2))
			for key := range m { // what was remembered is another image's, or damaged
				m[key] = []byte(strings.ReplaceAll(string(m[key]), `"config":"e`, `"config":"f`))
			}
			damaged := open(t, req)
			read(t, damaged, had)
			same(t, "saves", d.saves.Load(), int32(3))
			same(t, "identity", damaged.Identity, first.Identity)
		})
	}
}

func TestSizesAreRemembered(t *testing.T) {
	img := imagetest.New(t, spec())
	req := request(t, "docker-archive", imagetest.DockerArchive(t, map[string]v1.Image{"app:1": img}))
	got := open(t, req)
	same(t, "digest before reading", got.Digest, "")
	m := memory{}
	read(t, got, image.Reading{Remember: m})
	same(t, "remembered", len(m), 3)
	had := having(diffIDs(t, img)...)
	had.Remember = m
	again := open(t, req)
	same(t, "read", len(read(t, again, had)), 0)
	same(t, "manifest", string(again.Manifest), string(made(t, img)))
	same(t, "identity", again.Identity, got.Identity)
}

// Layers that are packed are read for their sizes once, and not each time that
// another layer is read.
func TestPackedLayersAreMeasuredOnce(t *testing.T) {
	img := imagetest.New(t, spec())
	req := request(t, "docker-archive", imagetest.DockerArchive(t, map[string]v1.Image{"app:1": img}))
	var mu sync.Mutex
	told := map[string]bool{}
	req.Options.Progress = func(p image.Progress) {
		mu.Lock()
		defer mu.Unlock()
		if p.Stage == "read" {
			told[p.Item] = true
		}
	}
	got := open(t, req)
	read(t, got, image.Reading{})
	ids := diffIDs(t, img)
	clear(told)
	same(t, "read", len(read(t, got, having(ids[1:]...))), 1)
	same(t, "layers that were read", len(told), 1)
	same(t, "exported", got.Exported(), false)
}

// The layers of a daemon that keeps them packed are told apart by what was
// remembered of them.
func TestPackedLayersOfAnExportAreKnownAgain(t *testing.T) {
	img := imagetest.New(t, spec())
	req := inFake(func(t testing.TB, img v1.Image) string { return newerDocker(t, img, img) })(t, img)
	got := open(t, req)
	m := memory{}
	read(t, got, image.Reading{Remember: m})
	same(t, "exported", got.Exported(), true)
	ids := diffIDs(t, img)
	part := having(ids[1:]...)
	part.Remember = m
	same(t, "read", slices.Collect(maps.Keys(read(t, got, part))), ids[:1])
}

// Whatever a layer's reader leaves is read and verified.
func TestLayerThatIsNotReadToItsEnd(t *testing.T) {
	img := bigLayer(t)
	glance := image.Reading{Layer: func(_ context.Context, l image.Stream) error {
		_, err := io.ReadFull(l, make([]byte, 100))
		return err
	}}
	for name, req := range map[string]image.Request{
		"folder": request(t, "oci-dir", imagetest.OCIDir(t, items(img))), "daemon": inFake(legacy)(t, img),
	} {
		if err := open(t, req).Read(t.Context(), glance); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	lying := withDiffID(t, img, v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)})
	err := failToRead(t, request(t, "oci-dir", imagetest.OCIDir(t, items(lying))), glance)
	same(t, "kind", fault.Of(err), fault.Unsupported)
}

func TestErrorsOfLayersAreHandedOn(t *testing.T) {
	ends(t)
	errLayer := errors.New("the layer is not liked")
	img := bigLayer(t)
	for name, req := range map[string]image.Request{
		"folder": request(t, "oci-dir", imagetest.OCIDir(t, items(img))), "daemon": inFake(legacy)(t, img), "plain": inFake(podmans)(t, img),
	} {
		err := failToRead(t, req, image.Reading{Layer: func(_ context.Context, l image.Stream) error {
			_, _ = io.ReadFull(l, make([]byte, 100))
			return errLayer
		}})
		if err != errLayer {
			t.Errorf("%s: %v is not what the layer's reader said", name, err)
		}
	}
}

func TestCancelledReadingEnds(t *testing.T) {
	ends(t)
	img := bigLayer(t)
	id, _ := img.ConfigName()
	data, err := os.ReadFile(legacy(t, img))
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(t, map[string]saved{"app:1": {id: id.String(), platform: "linux/amd64", archive: data[:1<<20], stalls: true}})
	daemon := request(t, "docker", "app:1")
	daemon.Options.Docker.Host = d.host
	r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/blobs/"+layerDigest(t, img), func(w http.ResponseWriter, req *http.Request, a *answer) bool {
		w.Write(a.body[:1<<20])
		w.(http.Flusher).Flush()
		<-req.Context().Done()
		return true
	})})
	r.Push(t, "app:1", img)
	for name, req := range map[string]image.Request{
		"daemon": daemon, "registry": ask("app:1"), "folder": request(t, "oci-dir", imagetest.OCIDir(t, items(img))),
	} {
		for how, stop := range map[string]func(context.CancelFunc, *image.Image){
			"cancelled": func(cancel context.CancelFunc, _ *image.Image) { cancel() },
			"closed":    func(_ context.CancelFunc, img *image.Image) { go img.Close() },
		} {
			t.Run(name+"/"+how, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				got := open(t, req)
				err := got.Read(ctx, image.Reading{Layer: func(ctx context.Context, l image.Stream) error {
					_, err := io.ReadFull(l, make([]byte, 1000))
					stop(cancel, got)
					<-ctx.Done()
					return errors.Join(err, context.Cause(ctx))
				}})
				if !errors.Is(err, context.Canceled) {
					t.Errorf("%v is not context.Canceled", err)
				}
			})
		}
	}
}

func TestStreamsThatMisbehave(t *testing.T) {
	ends(t)
	img := imagetest.New(t, spec())
	big := bigLayer(t)
	id, _ := img.ConfigName()
	saves := func(path string) []byte {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	whole := saves(legacy(t, img))
	noise := saves(legacy(t, big))
	zeros := v1.Hash{Algorithm: "sha256", Hex: strings.Repeat("0", 64)}
	d := newDaemon(t, map[string]saved{
		"cut:1":      {archive: whole[:len(whole)/3]},
		"short:1":    {archive: noise[:1<<20]},
		"empty:1":    {},
		"dies:1":     {archive: noise[:2<<20], breaks: true},
		"early:1":    {archive: whole[:700], breaks: true},
		"lies:1":     {archive: saves(legacy(t, withDiffID(t, img, zeros)))},
		"liesnew:1":  {archive: saves(newerDocker(t, withDiffID(t, img, zeros), withDiffID(t, img, zeros)))},
		"misnamed:1": {archive: saves(misnamed(t, img)), layers: diffIDs(t, img)},
		"damaged:1":  {archive: saves(damaged(t, img))},
		"other:1":    {archive: whole, platform: "linux/arm64"},
	})
	for name, img := range d.images {
		img.id = id.String() + name
		if img.platform == "" {
			img.platform = "linux/amd64"
		}
		d.images[name] = img
	}
	for ref, c := range map[string]struct {
		kind fault.Kind
		says string
	}{
		"cut:1":      {fault.Unsupported, "cut off"},
		"short:1":    {fault.Unsupported, "cut off"},
		"empty:1":    {fault.Unsupported, "manifest.json"},
		"dies:1":     {fault.Unavailable, "broke off"},
		"early:1":    {fault.Unavailable, "broke off"},
		"lies:1":     {fault.Unsupported, "should have the digest sha256:" + zeros.Hex},
		"liesnew:1":  {fault.Unsupported, "should have the digest sha256:" + zeros.Hex},
		"misnamed:1": {fault.Unsupported, "should have the digest"},
		"damaged:1":  {fault.Unsupported, "unpack layer"},
	} {
		t.Run(ref, func(t *testing.T) {
			req := request(t, "docker", ref)
			req.Options.Docker.Host = d.host
			err := failToRead(t, req, having(diffIDs(t, img)[0]))
			same(t, "kind", fault.Of(err), c.kind)
			for _, says := range []string{c.says, ref} {
				if !strings.Contains(err.Error(), says) {
					t.Errorf("%q does not say %q", err, says)
				}
			}
		})
	}
}

// misnamed is an archive whose first layer, which is had, has the name of another.
func misnamed(t *testing.T, img v1.Image) string {
	name := strings.TrimPrefix(diffIDs(t, img)[0], "sha256:") + ".tar"
	return archive(t, entry{name: name, content: string(contents(t, img)[1])}, savedAs(t, "a.json", nil, name), configWith("a.json", 1))
}

// damaged is an archive of an image with a layer that cannot be unpacked.
func damaged(t *testing.T, img v1.Image) string {
	packed := stored(t, img)[1]
	return archive(t, entry{name: "l.tar", content: string(packed[:len(packed)/2])}, savedAs(t, "a.json", nil, "l.tar"), configWith("a.json", 1))
}

func TestHostileExports(t *testing.T) {
	ends(t)
	limits := image.Limits{MaxImageBytes: 1 << 20, MaxManifestBytes: 4 << 10, MaxLayers: 10, MaxArchived: 100}
	layer := string(imagetest.Layer{"a": {Content: "b"}}.Tar(t))
	zeros := string(imagetest.Layer{"zeros": {Content: string(make([]byte, 2<<20))}}.Tar(t))
	several := func(n int, name, content string) []entry {
		var all []entry
		for i := range n {
			all = append(all, entry{name: fmt.Sprintf(name, i), content: content})
		}
		return all
	}
	for _, c := range []struct {
		name    string
		entries []entry
		kind    fault.Kind
		says    string
	}{
		{"too many entries", several(101, "f%d", "x"), fault.TooLarge, "a bound that is fixed"},
		{"too many layers", several(11, "%d/layer.tar", layer), fault.TooLarge, "limit layers"},
		{"the same layer again and again", several(11, "layer.tar", layer), fault.TooLarge, "limit layers"},
		{"too much beside the layers", several(20, "f%d", strings.Repeat("x", 4000)), fault.TooLarge, "a limit that is fixed"},
		{"too long a manifest", []entry{{name: "manifest.json", content: strings.Repeat(" ", 5000)}}, fault.TooLarge, "a limit that is fixed"},
		{"too long a configuration", []entry{savedAs(t, "a.json", nil), {name: "a.json", content: strings.Repeat(" ", 5000)}}, fault.Unsupported, "a limit that is fixed"},
		{"too long a name", []entry{{name: strings.Repeat("x/", 600) + "x", content: "x"}}, fault.Unsupported, "a name of more than"},
		{"a bomb", []entry{{name: "l.tar", content: string(imagetest.Gzipped(t, []byte(zeros)))}}, fault.TooLarge, "limit image-bytes"},
		{"a plain bomb", []entry{{name: "l.tar", content: zeros}}, fault.TooLarge, "limit image-bytes"},
		{"a zstd bomb", []entry{{name: "l.tar", content: string(imagetest.Zstandard(t, []byte(zeros)))}}, fault.TooLarge, "limit image-bytes"},
		{"traversal", []entry{{name: "../../etc/passwd", content: "x"}}, fault.Unsupported, "outside"},
		{"link out", []entry{{name: "blobs", link: "../..", kind: '2'}}, fault.Unsupported, "outside"},
		{"device", []entry{{name: "tty", kind: '3'}}, fault.Unsupported, "neither file"},
		{"links in a circle", []entry{{name: "manifest.json", link: "m", kind: '2'}, {name: "m", link: "manifest.json", kind: '1'}}, fault.Unsupported, "manifest.json"},
		{"a layer that is none", []entry{savedAs(t, "a.json", nil, "l.tar"), configWith("a.json", 1), {name: "l.tar", content: strings.Repeat("x", 5000)}}, fault.Unsupported, "no tar file"},
		{"a layer that lies", []entry{savedAs(t, "a.json", nil, "l.tar"), configWith("a.json", 1), {name: "l.tar", content: layer}}, fault.Unsupported, "should have the digest"},
		{"a short layer that lies", []entry{savedAs(t, "a.json", nil, "l.tar"), configWith("a.json", 1), {name: "l.tar", content: "x"}}, fault.Unsupported, "should have the digest"},
		{"a configuration among layers", []entry{savedAs(t, "a.json", nil), {name: "a.json", content: layer}}, fault.Unsupported, "read a.json"},
		{"replaced later", []entry{savedAs(t, "a.json", nil), configWith("a.json", 0), {name: "manifest.json", content: "{"}}, fault.Unsupported, "manifest.json"},
	} {
		t.Run(c.name, func(t *testing.T) {
			from, err := os.Open(archive(t, c.entries...))
			if err != nil {
				t.Fatal(err)
			}
			defer from.Close()
			_, err = image.ReadExport(t.Context(), from, nil, limits, image.Reading{Layer: new(collector).layer})
			same(t, "kind", fault.Of(err), c.kind)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
			if _, limit, ok := strings.Cut(c.says, "limit "); ok && c.kind == fault.TooLarge && limit != "that is fixed" && !strings.Contains(fault.Hint(err), "--max-"+limit) {
				t.Errorf("the hint %q does not name the flag", fault.Hint(err))
			}
		})
	}
}

func TestRegistryThatMisbehavesWhileItIsRead(t *testing.T) {
	ends(t)
	img := bigLayer(t)
	digest := layerDigest(t, img)
	for name, c := range map[string]struct {
		spoil func(a *answer)
		says  string
	}{
		"changed": {func(a *answer) { a.body[len(a.body)/2] ^= 1 }, "layer " + digest + " should have the digest"},
		"longer":  {func(a *answer) { a.body = append(a.body, make([]byte, 100)...) }, "longer"},
	} {
		t.Run(name, func(t *testing.T) {
			r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/blobs/"+digest, func(_ http.ResponseWriter, _ *http.Request, a *answer) bool {
				c.spoil(a)
				return false
			})})
			r.Push(t, "app:1", img)
			err := failToRead(t, ask("app:1"), image.Reading{})
			same(t, "kind", fault.Of(err), fault.Unsupported)
			if !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v does not say %q", err, c.says)
			}
		})
	}
	t.Run("stalled", func(t *testing.T) {
		r, ask := plain(t, imagetest.RegistryOptions{Wrap: spoiled("/blobs/"+digest, func(w http.ResponseWriter, req *http.Request, a *answer) bool {
			w.Write(a.body[:1000])
			w.(http.Flusher).Flush()
			<-req.Context().Done()
			return true
		})})
		r.Push(t, "app:1", img)
		req := ask("app:1")
		req.Options.Registry.StallTimeout = 200 * time.Millisecond
		err := failToRead(t, req, image.Reading{})
		same(t, "kind", fault.Of(err), fault.Unavailable)
		if !strings.Contains(err.Error(), "silent") {
			t.Errorf("%v does not say that nothing came", err)
		}
	})
}

// Windows beyond what every layer may have are unpacked one after the other.
func TestWideWindows(t *testing.T) {
	var layers []v1.Layer
	for i := range 3 {
		raw := imagetest.Layer{"zeros": {Content: string(make([]byte, 40<<20)) + fmt.Sprint(i)}}.Tar(t)
		var buf bytes.Buffer
		w, err := zstd.NewWriter(&buf, zstd.WithWindowSize(64<<20))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(raw); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		layers = append(layers, imagetest.PackedLayer(t, buf.Bytes()))
	}
	req := request(t, "oci-dir", imagetest.OCIDir(t, items(imagetest.FromLayers(t, layers...))))
	same(t, "layers", len(read(t, open(t, req), image.Reading{AtOnce: 3})), 3)
}
