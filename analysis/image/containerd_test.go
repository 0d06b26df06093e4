package image_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	contentapi "github.com/containerd/containerd/api/services/content/v1"
	imagesapi "github.com/containerd/containerd/api/services/images/v1"
	"github.com/containerd/containerd/api/types"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"google.golang.org/grpc"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/image/imagetest"
	"github.com/tidepole/tidepole/formats/fault"
)

// hangingContainerd speaks containerd's protocol, as far as reading an image takes
// it, and gives nothing more of a blob after some bytes.
type hangingContainerd struct {
	contentapi.UnimplementedContentServer

	target *types.Descriptor
	blobs  map[string][]byte
	hangs  string // the digest of the blob
	asked  bool   // nothing is told of it at all
}

// named is its list of images.
type named struct {
	imagesapi.UnimplementedImagesServer
	target *types.Descriptor
}

func newHangingContainerd(t *testing.T, img v1.Image) (*hangingContainerd, image.Request) {
	t.Helper()
	manifest, err := img.RawManifest()
	if err != nil {
		t.Fatal(err)
	}
	config, _ := img.RawConfigFile()
	media, _ := img.MediaType()
	h := &hangingContainerd{blobs: map[string][]byte{}, hangs: layerDigest(t, img)}
	for _, blob := range append(stored(t, img), manifest, config) {
		h.blobs[digestOf(blob)] = blob
	}
	h.target = &types.Descriptor{MediaType: string(media), Digest: digestOf(manifest), Size: int64(len(manifest))}
	dir, err := os.MkdirTemp("", "c") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	address := filepath.Join(dir, "s")
	l, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	imagesapi.RegisterImagesServer(s, named{target: h.target})
	contentapi.RegisterContentServer(s, h)
	go s.Serve(l)
	t.Cleanup(s.Stop)
	req := request(t, "containerd", "tidepole.test/app:1")
	req.Options.Containerd = image.Containerd{Address: address, StallTimeout: 300 * time.Millisecond}
	return h, req
}

func digestOf(data []byte) string { return fmt.Sprintf("sha256:%x", sha256.Sum256(data)) }

func (n named) Get(_ context.Context, r *imagesapi.GetImageRequest) (*imagesapi.GetImageResponse, error) {
	return &imagesapi.GetImageResponse{Image: &imagesapi.Image{Name: r.Name, Target: n.target}}, nil
}

func (h *hangingContainerd) Info(ctx context.Context, r *contentapi.InfoRequest) (*contentapi.InfoResponse, error) {
	if h.asked && r.Digest == h.hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return &contentapi.InfoResponse{Info: &contentapi.Info{Digest: r.Digest, Size: int64(len(h.blobs[r.Digest]))}}, nil
}

func (h *hangingContainerd) Read(r *contentapi.ReadContentRequest, s contentapi.Content_ReadServer) error {
	if r.Digest == h.hangs && r.Offset > 0 {
		<-s.Context().Done()
		return s.Context().Err()
	}
	data := h.blobs[r.Digest][r.Offset:]
	if r.Size > 0 {
		data = data[:min(int64(len(data)), r.Size)]
	}
	return s.Send(&contentapi.ReadContentResponse{Offset: r.Offset, Data: data})
}

func TestHangingContainerdIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, asked := range map[string]bool{"when it is asked": true, "while it is read": false} {
		t.Run(name, func(t *testing.T) {
			h, req := newHangingContainerd(t, bigLayer(t))
			h.asked = asked
			err := failToRead(t, req, image.Reading{})
			same(t, "kind", fault.Of(err), fault.Unavailable)
			if err == nil || !strings.Contains(err.Error(), "no data came") || !strings.Contains(err.Error(), "containerd at") {
				t.Errorf("%v does not say that containerd gave nothing", err)
			}
		})
	}
	h, req := newHangingContainerd(t, imagetest.New(t, spec()))
	h.hangs, req.Options.Containerd.StallTimeout = "", time.Minute
	read(t, open(t, req), image.Reading{})
}
