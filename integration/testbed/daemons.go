package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

func startDocker(ctx context.Context, b *bed) ([]string, error) {
	sock := b.path("docker.sock")
	err := b.start(ctx, "dockerd", dial("unix", sock), "dockerd",
		"--host", "unix://"+sock, "--data-root", b.path("docker"), "--exec-root", b.path("docker-exec"),
		"--pidfile", b.path("docker.pid"), "--bridge", "none", "--iptables=false", "--ip6tables=false")
	return []string{"TIDEPOLE_TEST_DOCKER_HOST=unix://" + sock}, err
}

func startPodman(ctx context.Context, b *bed) ([]string, error) {
	sock := b.path("podman.sock")
	err := b.start(ctx, "podman", dial("unix", sock), "podman",
		"--root", b.path("podman"), "--runroot", b.path("podman-run"), "--tmpdir", b.path("podman-tmp"),
		"system", "service", "--time=0", "unix://"+sock)
	return []string{"TIDEPOLE_TEST_PODMAN_HOST=unix://" + sock}, err
}

const containerdConfig = `version = 2
root = %q
state = %q
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = %q
[ttrpc]
  address = %q
`

func startContainerd(ctx context.Context, b *bed) ([]string, error) {
	sock, config := b.path("containerd.sock"), b.path("containerd.toml")
	text := fmt.Sprintf(containerdConfig, b.path("containerd"), b.path("containerd-state"), sock, sock+".ttrpc")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	err := b.start(ctx, "containerd", dial("unix", sock), "containerd", "--config", config)
	return []string{"TIDEPOLE_TEST_CONTAINERD=" + sock}, err
}

// makeBase gives the root file system of a minimal Debian as a tar. It is made
// once and kept in the user's cache folder, for it takes half a minute.
func makeBase(ctx context.Context, b *bed) ([]string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	base := filepath.Join(cache, "tidepole-testbed", "debian-bookworm.tar")
	env := []string{"TIDEPOLE_TEST_BASE=" + base}
	if _, err := os.Stat(base); err == nil {
		return env, nil
	}
	if err := os.MkdirAll(filepath.Dir(base), 0o755); err != nil {
		return nil, err
	}
	root := b.path("debian")
	if out, err := exec.CommandContext(ctx, "debootstrap", "--variant=minbase", "bookworm", root).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("debootstrap: %w: %.500s", err, out)
	}
	partial := base + ".partial"
	tar := exec.CommandContext(ctx, "tar", "-C", root, "--numeric-owner", "--exclude=./dev/*", "--exclude=./var/cache/apt/archives/*.deb", "-cf", partial, ".")
	if out, err := tar.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("tar: %w: %.500s", err, out)
	}
	return env, os.Rename(partial, base)
}
