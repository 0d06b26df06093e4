package e2e_test

import (
	"archive/tar"
	"encoding/json"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/tidepole/tidepole/formats/bundle"
)

// place is one way to reach the planted image.
type place struct {
	source string
	ref    string
	env    []string
	put    func(*testing.T) // brings the image there
}

func places(t *testing.T, p planted) []place {
	docker, podman, containerd := part(t, "TIDEPOLE_TEST_DOCKER_HOST"), part(t, "TIDEPOLE_TEST_PODMAN_HOST"), part(t, "TIDEPOLE_TEST_CONTAINERD")
	dir := t.TempDir()
	nothing := func(*testing.T) {}
	return []place{
		{"registry", p.name, openRegistry(t), nothing},
		{"registry", p.tlsName, closedRegistry(t), nothing},
		{"docker", p.name, []string{"DOCKER_HOST=" + docker}, nothing},
		{"podman", p.name, []string{"CONTAINER_HOST=" + podman}, func(t *testing.T) { do(t, command(podman, "load", "-i", p.archive)) }},
		{"containerd", p.name, []string{"CONTAINERD_ADDRESS=" + containerd}, func(t *testing.T) {
			if out, err := exec.Command("ctr", "-a", containerd, "images", "import", p.archive).CombinedOutput(); err != nil {
				t.Fatalf("ctr images import: %v\n%s", err, out)
			}
		}},
		{"docker-archive", p.archive, nil, nothing},
		{"oci-dir", filepath.Join(dir, "oci"), nil, func(t *testing.T) { do(t, pullLayout(p.name, filepath.Join(dir, "oci"))) }},
		{"oci-archive", filepath.Join(dir, "oci.tar"), nil, func(t *testing.T) { do(t, pack(filepath.Join(dir, "oci"), filepath.Join(dir, "oci.tar"))) }},
	}
}

func TestEverySourceGivesTheSameEvidence(t *testing.T) {
	p := plantedImage(t)
	var first evidence
	for i, at := range places(t, p) {
		t.Run(at.source+"-"+filepath.Base(at.ref), func(t *testing.T) {
			at.put(t)
			u := newUser(t).with(at.env...)
			file := filepath.Join(u.home, "evidence")
			u.ok("image", "analyze", at.ref, "--from", at.source, "-o", file)
			got := readEvidence(t, file)
			u.clean()
			if i == 0 {
				first = got
				return
			}
			if diff := cmp.Diff(first, got); diff != "" {
				t.Errorf("differs from the registry's: %.4000s", diff)
			}
		})
	}
}

// evidence is what must not depend on where an image was read.
type evidence struct {
	Packages, Files, Relationships []string // as JSON
	Secrets, Contents              string   // digests
	Config                         string
}

func readEvidence(t *testing.T, name string) evidence {
	t.Helper()
	f, err := os.Open(name)
	do(t, err)
	defer f.Close()
	b, err := bundle.ReadFile(f, t.TempDir(), bundle.Limits{})
	do(t, err)
	defer b.Close()
	var e evidence
	packages, ok := b.Part(bundle.Packages)
	if !ok {
		t.Fatal("no packages")
	}
	r, err := packages.Open()
	do(t, err)
	defer r.Close()
	doc, err := bundle.ReadDocument(r, bundle.Visitor{
		Package:      func(p bundle.Package) error { return collect(&e.Packages, p) },
		File:         func(f bundle.File) error { return collect(&e.Files, f) },
		Relationship: func(r bundle.Relationship) error { return collect(&e.Relationships, r) },
	})
	do(t, err)
	for i, r := range e.Relationships {
		e.Relationships[i] = strings.ReplaceAll(r, doc.Source.ID, "SOURCE")
	}
	slices.Sort(e.Relationships)
	if len(e.Packages) < 80 || len(e.Files) < 3000 {
		t.Fatalf("only %d packages and %d files", len(e.Packages), len(e.Files))
	}
	e.Secrets, e.Contents, e.Config = digestOf(t, b, bundle.SecretSearches), digestOf(t, b, bundle.FileContents), digestOf(t, b, bundle.ImageConfig)
	return e
}

func digestOf(t *testing.T, b *bundle.Bundle, kind bundle.Kind) string {
	t.Helper()
	p, ok := b.Part(kind)
	if !ok {
		t.Errorf("no %s", kind)
	}
	return p.Digest
}

func collect(to *[]string, v any) error {
	data, err := json.Marshal(v)
	*to = append(*to, string(data))
	return err
}

// openRegistry is the environment that allows plain http to the open registry.
func openRegistry(t *testing.T) []string {
	return []string{
		"TIDEPOLE_REGISTRY_AUTHORITY=" + part(t, "TIDEPOLE_TEST_REGISTRY"),
		"TIDEPOLE_REGISTRY_INSECURE_HTTP=true",
	}
}

// closedRegistry is the environment with the credentials and the authority of
// the registry with TLS and a password.
func closedRegistry(t *testing.T) []string {
	return []string{
		"TIDEPOLE_REGISTRY_AUTHORITY=" + part(t, "TIDEPOLE_TEST_REGISTRY_TLS"),
		"TIDEPOLE_REGISTRY_USERNAME=" + part(t, "TIDEPOLE_TEST_REGISTRY_USERNAME"),
		"TIDEPOLE_REGISTRY_PASSWORD=" + part(t, "TIDEPOLE_TEST_REGISTRY_PASSWORD"),
		"TIDEPOLE_REGISTRY_CA=" + part(t, "TIDEPOLE_TEST_REGISTRY_CA"),
	}
}

// pullLayout copies an image from the open registry into an OCI layout.
func pullLayout(ref, dir string) error {
	r, err := name.ParseReference(ref, name.Insecure)
	if err != nil {
		return err
	}
	img, err := remote.Image(r)
	if err != nil {
		return err
	}
	l, err := layout.Write(dir, empty.Index)
	if err != nil {
		return err
	}
	return l.AppendImage(img)
}

// pack makes a tar of a folder, with "./" before every name as tar -C does.
func pack(dir, file string) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	defer out.Close()
	w := tar.NewWriter(out)
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return packOne(w, dir, path, d)
	})
	if err != nil {
		return err
	}
	return w.Close()
}

func packOne(w *tar.Writer, dir, path string, d fs.DirEntry) error {
	info, err := d.Info()
	if err != nil {
		return err
	}
	h, err := tar.FileInfoHeader(info, "")
	if err != nil {
		return err
	}
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return err
	}
	h.Name = "./" + rel
	if err := w.WriteHeader(h); err != nil || d.IsDir() {
		return err
	}
	in, err := os.Open(path)
	if err != nil {
		return err
	}
	defer in.Close()
	_, err = io.Copy(w, in)
	return err
}

func do(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
