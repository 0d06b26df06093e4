package image_test

import (
	"context"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	moby "github.com/moby/moby/client"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// Where the real daemons of the test bed listen. What is not offered is not
// tested, and said to be so.
const (
	dockerHost = "TIDEPOLE_TEST_DOCKER_HOST"
	podmanHost = "TIDEPOLE_TEST_PODMAN_HOST"
	containerd = "TIDEPOLE_TEST_CONTAINERD"
)

// wants skips the test where the machine does not offer what it needs.
func wants(t testing.TB, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Skipf("NOT TESTED: %s does not say where the daemon listens", variable)
	}
	return value
}

func inDocker(t testing.TB, img v1.Image) image.Request {
	req := request(t, "docker", "tidepole.test/app:1")
	req.Options.Docker.Host = wants(t, dockerHost)
	load(t, req.Options.Docker.Host, req.Reference, img)
	return req
}

func inPodman(t testing.TB, img v1.Image) image.Request {
	req := request(t, "podman", "tidepole.test/app:1")
	req.Options.Podman.Host = wants(t, podmanHost)
	load(t, req.Options.Podman.Host, req.Reference, img)
	return req
}

// load has a daemon load an image, and remove it after the test.
func load(t testing.TB, host, tag string, img v1.Image) {
	t.Helper()
	api, err := moby.New(moby.WithHost(host))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { api.Close() })
	file, err := os.Open(imagetest.DockerArchive(t, map[string]v1.Image{tag: img}))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	loaded, err := api.ImageLoad(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	defer loaded.Close()
	said, err := io.ReadAll(loaded)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("load: %s", said)
	t.Cleanup(func() { unload(t, api, tag) })
}

// unload removes an image from a daemon, if it is there.
func unload(t testing.TB, api *moby.Client, tag string) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if _, err := api.ImageRemove(ctx, tag, moby.ImageRemoveOptions{Force: true, PruneChildren: true}); err != nil {
		t.Errorf("remove %s: %v", tag, err)
	}
}

func inContainerd(t *testing.T, img v1.Image) image.Request {
	req := request(t, "containerd", "tidepole.test/app:1")
	req.Options.Containerd = image.Containerd{Address: wants(t, containerd), Namespace: "tidepole-test"}
	importInto(t, req, img)
	return req
}

// importInto has containerd import an image or an index, and remove it after the
// test.
func importInto(t *testing.T, req image.Request, item mutate.Appendable) {
	t.Helper()
	api, err := client.New(req.Options.Containerd.Address, client.WithDefaultNamespace(req.Options.Containerd.Namespace))
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(imagetest.OCIArchive(t, "", map[string]mutate.Appendable{req.Reference: item}))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	sameName := func(name string) string { return name }
	if _, err := api.Import(t.Context(), file, client.WithImageRefTranslator(sameName), client.WithAllPlatforms(true)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		defer api.Close()
		ctx := namespaces.WithNamespace(context.Background(), req.Options.Containerd.Namespace)
		if err := api.ImageService().Delete(ctx, req.Reference); err != nil {
			t.Errorf("remove %s: %v", req.Reference, err)
		}
	})
}

func TestContainerdIndex(t *testing.T) {
	index := twoPlatforms(t)
	digest, _ := index.Digest()
	req := request(t, "containerd", "tidepole.test/list:1")
	req.Options.Containerd = image.Containerd{Address: wants(t, containerd), Namespace: "tidepole-test"}
	importInto(t, req, index)
	for _, ref := range []string{"tidepole.test/list:1", "tidepole.test/list:1@" + digest.String(), "tidepole.test/list@" + digest.String()} {
		asked := req
		asked.Reference, asked.Platform, asked.Options.TempDir = ref, "linux/arm64", t.TempDir()
		got := open(t, asked)
		same(t, ref+": platform", got.Platform, "linux/arm64")
		same(t, ref+": parent digest", got.ParentDigest, digest.String())
	}
	req.Options.Containerd.Namespace = "another"
	err := refuse(t, req)
	same(t, "kind", fault.Of(err), fault.NotFound)
	if !strings.Contains(fault.Hint(err), "tidepole-test") {
		t.Errorf("the hint %q does not name the namespaces there are", fault.Hint(err))
	}
}

func TestDaemonPullsWhatItIsAskedFor(t *testing.T) {
	r, _ := plain(t, imagetest.RegistryOptions{})
	img := imagetest.New(t, spec())
	digest := r.Push(t, "app:1", img)
	req := request(t, "docker", r.Host+"/app:1")
	req.Options.Docker.Host = wants(t, dockerHost)
	got := open(t, req)
	conforms(t, got, img, "docker", false)
	same(t, "repository digests", got.RepoDigests, []string{r.Host + "/app@" + digest})
	api, err := moby.New(moby.WithHost(req.Options.Docker.Host))
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	unload(t, api, req.Reference)
}
