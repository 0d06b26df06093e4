package image_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"testing"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
)

// offer puts an image into a source and says how to open it there.
type offer func(t *testing.T, img v1.Image) image.Request

// Every source must give the same image. Those that keep images as they were
// pushed must give the same manifest as well, and those of "docker save" agree
// on the one they make.
var conformance = []struct {
	source string
	kept   bool // the manifest is the original
	offer  offer
}{
	{"registry", true, inRegistry},
	{"oci-dir", true, func(t *testing.T, img v1.Image) image.Request {
		return request(t, "oci-dir", imagetest.OCIDir(t, items(img)))
	}},
	{"oci-archive", true, func(t *testing.T, img v1.Image) image.Request {
		return request(t, "oci-archive", imagetest.OCIArchive(t, "", items(img)))
	}},
	{"oci-archive", true, func(t *testing.T, img v1.Image) image.Request {
		return request(t, "oci-archive", imagetest.OCIArchive(t, "./", items(img)))
	}},
	{"oci-archive", true, func(t *testing.T, img v1.Image) image.Request {
		return request(t, "oci-archive", packed(t, imagetest.OCIArchive(t, "", items(img))))
	}},
	{"containerd", true, inContainerd},
	{"docker-archive", false, func(t *testing.T, img v1.Image) image.Request {
		return request(t, "docker-archive", imagetest.DockerArchive(t, map[string]v1.Image{"app:1": img}))
	}},
	{"docker", false, func(t *testing.T, img v1.Image) image.Request { return inDocker(t, img) }},
	{"podman", false, func(t *testing.T, img v1.Image) image.Request { return inPodman(t, img) }},
}

func TestConformance(t *testing.T) {
	for name, s := range map[string]imagetest.Spec{
		"gzip": spec(), "zstd": compressed(imagetest.Zstd), "plain": compressed(imagetest.Plain), "docker types": dockerTypes(),
	} {
		img := imagetest.New(t, s)
		for _, c := range conformance {
			if s.Compression == imagetest.Zstd && c.source != "registry" && !c.kept {
				continue // daemons of today's distributions do not load it
			}
			t.Run(name+"/"+c.source, func(t *testing.T) {
				got := open(t, c.offer(t, img))
				conforms(t, got, img, c.source, c.kept)
			})
		}
	}
}

func conforms(t *testing.T, got *image.Image, want v1.Image, source string, kept bool) {
	t.Helper()
	config, _ := want.RawConfigFile()
	id, _ := want.ConfigName()
	same(t, "layers", read(t, got, image.Reading{}), byDiffID(t, want))
	same(t, "diff IDs", got.DiffIDs(), diffIDs(t, want))
	same(t, "source", got.Source, source)
	same(t, "configuration", string(got.Config), string(config))
	same(t, "ID", got.ID, id.String())
	same(t, "platform", got.Platform, "linux/amd64")
	same(t, "parent digest", got.ParentDigest, got.Digest)
	same(t, "manifest", string(got.Manifest), string(manifestOf(t, want, kept)))
	same(t, "digest", got.Digest, digests([][]byte{got.Manifest})[0])
}

// manifestOf is an image's own manifest, where the source keeps it, or the one
// that it must be given.
func manifestOf(t *testing.T, img v1.Image, kept bool) []byte {
	t.Helper()
	if !kept {
		return made(t, img)
	}
	raw, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// made is the manifest that an image without one must be given.
func made(t *testing.T, img v1.Image) []byte {
	t.Helper()
	type descriptor struct {
		MediaType string `json:"mediaType"`
		Size      int    `json:"size"`
		Digest    string `json:"digest"`
	}
	config, _ := img.RawConfigFile()
	id, _ := img.ConfigName()
	manifest := struct {
		SchemaVersion int          `json:"schemaVersion"`
		MediaType     string       `json:"mediaType"`
		Config        descriptor   `json:"config"`
		Layers        []descriptor `json:"layers"`
	}{2, "application/vnd.docker.distribution.manifest.v2+json", descriptor{"application/vnd.docker.container.image.v1+json", len(config), id.String()}, []descriptor{}}
	layers, _ := img.Layers()
	data := contents(t, img)
	for i, l := range layers {
		diffID, _ := l.DiffID()
		manifest.Layers = append(manifest.Layers, descriptor{"application/vnd.docker.image.rootfs.diff.tar", len(data[i]), diffID.String()})
	}
	raw, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func compressed(c imagetest.Compression) imagetest.Spec {
	s := spec()
	s.Compression = c
	return s
}

func dockerTypes() imagetest.Spec {
	s := spec()
	s.Docker = true
	return s
}

func inRegistry(t *testing.T, img v1.Image) image.Request {
	r := imagetest.NewRegistry(t, imagetest.RegistryOptions{TLS: true})
	r.Push(t, "team/app:1", img)
	req := request(t, "registry", r.Host+"/team/app:1")
	req.Options.Registry.CAs = trusted(r)
	return req
}

// stored are all layers as the manifest describes them.
func stored(t *testing.T, img v1.Image) [][]byte {
	t.Helper()
	layers, _ := img.Layers()
	var all [][]byte
	for _, l := range layers {
		r, err := l.Compressed()
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		r.Close()
		all = append(all, data)
	}
	return all
}

// listed are the digests of the manifest's layers.
func listed(t testing.TB, img v1.Image) []string {
	t.Helper()
	manifest, err := img.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, l := range manifest.Layers {
		all = append(all, l.Digest.String())
	}
	return all
}

// byDiffID are the digests of an image's layers, unpacked, by what the
// configuration says they are.
func byDiffID(t testing.TB, img v1.Image) map[string]string {
	t.Helper()
	all := map[string]string{}
	for i, digest := range digests(contents(t, img)) {
		all[diffIDs(t, img)[i]] = digest
	}
	return all
}

func digests(all [][]byte) []string {
	var sums []string
	for _, data := range all {
		sums = append(sums, fmt.Sprintf("sha256:%x", sha256.Sum256(data)))
	}
	return sums
}
