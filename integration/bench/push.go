package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// push brings an image to the registry on loopback.
func push(ctx context.Context, i image, registry string) error {
	ref, err := name.ParseReference(registry+"/"+i.tag(), name.Insecure)
	if err != nil {
		return err
	}
	l, err := layout.FromPath(i.layout())
	if err != nil {
		return err
	}
	index, err := l.ImageIndex()
	if err != nil {
		return err
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return err
	}
	img, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		return err
	}
	return remote.Write(ref, img, remote.WithContext(ctx))
}

// load brings an image to the Docker daemon.
func load(ctx context.Context, i image, host string) error {
	cmd := exec.CommandContext(ctx, "docker", "load", "-q", "-i", i.archive())
	cmd.Env = append(os.Environ(), "DOCKER_HOST="+host)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("docker load %s: %w: %s", i.Name, err, out)
	}
	return nil
}
