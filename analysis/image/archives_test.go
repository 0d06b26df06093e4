package image_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
)

// withDiffID is an image whose configuration lies about its first layer.
func withDiffID(t *testing.T, img v1.Image, diffID v1.Hash) v1.Image {
	t.Helper()
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	config = config.DeepCopy()
	config.RootFS.DiffIDs[0] = diffID
	lying, err := mutate.ConfigFile(img, config)
	if err != nil {
		t.Fatal(err)
	}
	return lying
}

// entry is one entry of an archive made by hand: a file, or a link.
type entry struct {
	name, content, link string
	kind                byte
}

// archive writes a tar file by hand and gives its path.
func archive(t testing.TB, entries ...entry) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Linkname: e.link, Size: int64(len(e.content)), Mode: 0o644, Typeflag: e.kind}
		if e.kind == 0 {
			h.Typeflag = tar.TypeReg
		}
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(e.content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "archive.tar")
	if err := os.WriteFile(path, buf.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// savedAs is a manifest.json with one image.
func savedAs(t testing.TB, config string, tags []string, layers ...string) entry {
	t.Helper()
	data, err := json.Marshal([]map[string]any{{"Config": config, "RepoTags": tags, "Layers": layers}})
	if err != nil {
		t.Fatal(err)
	}
	return entry{name: "manifest.json", content: string(data)}
}

// legacy is the archive of a Docker before 25: layers lie in folders of their
// own, and equal ones are links.
func legacy(t testing.TB, img v1.Image) string {
	t.Helper()
	config, _ := img.RawConfigFile()
	id, _ := img.ConfigName()
	var entries []entry
	var layers []string
	at := map[string]string{}
	stack, parent := "", ""
	for i, data := range contents(t, img) {
		stack = strings.TrimPrefix(stack+" "+diffIDs(t, img)[i], " ")
		if i > 0 {
			stack = digests([][]byte{[]byte(stack)})[0]
		}
		folder, about := legacyFolder(t, stack, parent)
		parent = folder
		name := folder + "/layer.tar"
		layers = append(layers, name)
		entries = append(entries, entry{name: folder + "/json", content: about})
		if first, ok := at[string(data)]; ok {
			entries = append(entries, entry{name: name, link: "../" + first, kind: tar.TypeSymlink})
			continue
		}
		at[string(data)] = name
		entries = append(entries, entry{name: name, content: string(data)})
	}
	entries = append(entries, entry{name: id.Hex + ".json", content: string(config)})
	return archive(t, append(entries, savedAs(t, id.Hex+".json", []string{"app:1"}, layers...))...)
}

// legacyFolder is what such a Docker calls the folder of a layer, and writes
// about it into a file there. stack is the digest of the layers up to this one.
func legacyFolder(t testing.TB, stack, parent string) (name, about string) {
	t.Helper()
	says := map[string]any{"created": "1970-01-01T00:00:00Z", "container_config": map[string]any{"Cmd": []string{"<sh>"}}, "layer_id": stack}
	if parent != "" {
		says["parent"] = "sha256:" + parent
	}
	data, err := json.Marshal(says)
	if err != nil {
		t.Fatal(err)
	}
	name = strings.TrimPrefix(digests([][]byte{data})[0], "sha256:")
	delete(says, "layer_id")
	says["id"], says["os"] = name, "linux"
	if parent != "" {
		says["parent"] = parent
	}
	if data, err = json.Marshal(says); err != nil {
		t.Fatal(err)
	}
	return name, string(data)
}

func TestLegacyDockerArchive(t *testing.T) {
	s := spec()
	s.Layers = append(s.Layers, s.Layers[0]) // the same layer twice
	img := imagetest.New(t, s)
	got := open(t, request(t, "docker-archive", legacy(t, img)))
	conforms(t, got, img, "docker-archive", false)
	same(t, "tags", got.Tags, []string{"docker.io/app:1"})
}

// newerDocker is the archive of a Docker since 25: an OCI layout with a
// manifest.json in it.
func newerDocker(t testing.TB, item mutate.Appendable, img v1.Image) string {
	t.Helper()
	dir := imagetest.OCIDir(t, items(item))
	id, _ := img.ConfigName()
	var layers []string
	for _, digest := range listed(t, img) {
		layers = append(layers, "blobs/sha256/"+strings.TrimPrefix(digest, "sha256:"))
	}
	manifest := savedAs(t, "blobs/sha256/"+id.Hex, []string{"app:1"}, layers...)
	if err := os.WriteFile(filepath.Join(dir, manifest.name), []byte(manifest.content), 0o600); err != nil {
		t.Fatal(err)
	}
	return imagetest.Archive(t, "", dir)
}

func TestDockerArchiveWithTheManifestThatWasPulled(t *testing.T) {
	index := twoPlatforms(t)
	manifest, _ := index.IndexManifest()
	img, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		t.Fatal(err)
	}
	got := open(t, request(t, "docker-archive", newerDocker(t, index, img)))
	same(t, "layers", read(t, got, image.Reading{}), byDiffID(t, img))
	digest, _ := img.Digest()
	parent, _ := index.Digest()
	same(t, "digest", got.Digest, digest.String())
	same(t, "parent digest", got.ParentDigest, parent.String())
	same(t, "tags", got.Tags, []string{"docker.io/app:1"})
}

func TestDockerArchiveWhoseManifestTheDaemonMade(t *testing.T) {
	img := imagetest.New(t, compressed(imagetest.Plain))
	conforms(t, open(t, request(t, "docker-archive", newerDocker(t, img, img))), img, "docker-archive", false)
}

func TestPackedLayersInADockerArchive(t *testing.T) {
	// As skopeo and go-containerregistry write them.
	for _, c := range []imagetest.Compression{imagetest.Gzip, imagetest.Zstd} {
		img := imagetest.New(t, compressed(c))
		path := imagetest.DockerArchive(t, map[string]v1.Image{"app:1": img})
		conforms(t, open(t, request(t, "docker-archive", path)), img, "docker-archive", false)
	}
}

func TestArchiveOfSeveralImages(t *testing.T) {
	other := spec()
	other.Config.User = "other"
	one, two := imagetest.New(t, spec()), imagetest.New(t, other)
	twoID, _ := two.ConfigName()
	twoDigest, _ := two.Digest()
	docker := imagetest.DockerArchive(t, map[string]v1.Image{"app:1": one, "example.test/team/app:2": two})
	oci := map[string]mutate.Appendable{"app:1": one, "example.test/team/app:2": two}
	layout, layoutTar := imagetest.OCIDir(t, oci), imagetest.OCIArchive(t, "", oci)
	for _, c := range []struct{ source, path, digest string }{
		{"docker-archive", docker, twoID.String()}, {"oci-dir", layout, twoDigest.String()}, {"oci-archive", layoutTar, twoDigest.String()},
	} {
		for _, name := range []string{"example.test/team/app:2", "2", c.digest} {
			got := open(t, request(t, c.source, c.path+":"+name))
			same(t, c.source+": "+name, got.ID, twoID.String())
			same(t, c.source+": tags", got.Tags, []string{"example.test/team/app:2"})
		}
		for ref, says := range map[string]string{c.path: "several images", c.path + ":3": "no image"} {
			err := refuse(t, request(t, c.source, ref))
			if !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "example.test/team/app:2") {
				t.Errorf("%s: %v does not say %q and what there is", c.source, err, says)
			}
		}
	}
}

func TestLayoutOfSeveralPlatforms(t *testing.T) {
	index := twoPlatforms(t)
	digest, _ := index.Digest()
	for source, path := range map[string]string{
		"oci-dir": imagetest.OCIDir(t, items(index)), "oci-archive": imagetest.OCIArchive(t, "./", items(index)),
	} {
		req := request(t, source, path)
		req.Platform = "linux/arm64"
		got := open(t, req)
		same(t, source+": user", configOf(t, got).Config.User, "arm")
		same(t, source+": parent digest", got.ParentDigest, digest.String())
		same(t, source+": platform", got.Platform, "linux/arm64")
	}
}
