package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The tools that are run, and where they read an image.
const (
	tidepole = "tidepole"
	syft     = "syft"
	gitleaks = "gitleaks"
	limit    = "limit"       // inflating and hashing the layers, nothing else
	save     = "docker save" // to /dev/null

	archive  = "archive"
	registry = "registry"
	daemon   = "daemon"
	files    = "files"
)

// What tidepole's cache holds when a run starts.
const (
	empty  = "empty"  // nothing; it is filled
	off    = "off"    // --no-cache
	filled = "filled" // the reference image
)

// job is one thing to measure.
type job struct {
	Tool, Image, Source, Cache string
}

func (j job) String() string {
	return strings.Join(strings.Fields(j.Tool+" "+j.Image+" "+j.Source+" "+j.Cache), "/")
}

// configuration switches all of tidepole's evidence on.
const configuration = `content-search:
  patterns:
    internal-host: '[a-z]+\.internal\b'
    copyright-year: 'Copyright \(c\) 20[0-9]{2}'
file-contents:
  globs: [/etc/passwd, /etc/os-release, "/srv/*/package.json"]
`

// syftConfiguration is the SBOM with the metadata and the SHA-256 of all files.
const syftConfiguration = `check-for-app-update: false
file:
  metadata:
    selection: all
    digests: [sha256]
`

// commandOf gives the command of a job and the file its answer goes to.
func (b *bench) commandOf(j job, i image, home string) (command, string, error) {
	out := filepath.Join(home, "answer")
	c := command{home: home}
	var err error
	switch j.Tool {
	case tidepole:
		c.args, c.env, err = b.tidepole(j, i, home, out)
	case syft:
		c.args, c.env, err = b.syft(j, i, home, out)
	case gitleaks:
		c.args = []string{b.gitleaks, "dir", b.unpacked, "--no-banner", "--exit-code", "0", "--log-level", "error", "--report-format", "json", "--report-path", out}
	case save:
		c.args = []string{"sh", "-c", `exec docker save "$0" >/dev/null`, i.tag()}
		c.env = []string{"DOCKER_HOST=" + b.docker}
	case limit:
		var self string
		self, err = os.Executable()
		c.args = []string{self, limit, i.dir}
	}
	return c, out, err
}

func (b *bench) tidepole(j job, i image, home, out string) (args, env []string, err error) {
	file := filepath.Join(home, "tidepole.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		return nil, nil, err
	}
	os.Remove(out)
	args = []string{b.program, "-c", file, "image", "analyze", "-o", out, "--from"}
	switch j.Source {
	case archive:
		args = append(args, "docker-archive", i.archive())
	case registry:
		args = append(args, "registry", b.registry+"/"+i.tag())
		env = []string{"TIDEPOLE_REGISTRY_AUTHORITY=" + b.registry, "TIDEPOLE_REGISTRY_INSECURE_HTTP=true"}
	case daemon:
		args = append(args, "docker", i.tag())
		env = []string{"DOCKER_HOST=" + b.docker}
	}
	if j.Cache == off && b.caches {
		args = append(args, "--no-cache")
	}
	return args, env, nil
}

func (b *bench) syft(j job, i image, home, out string) (args, env []string, err error) {
	file := filepath.Join(home, "syft.yaml")
	if err := os.WriteFile(file, []byte(syftConfiguration), 0o600); err != nil {
		return nil, nil, err
	}
	args = []string{b.syftProgram, "scan", "-q", "-c", file, "-o", "syft-json=" + out}
	switch j.Source {
	case archive:
		args = append(args, "docker-archive:"+i.archive())
	case registry:
		args = append(args, "registry:"+b.registry+"/"+i.tag())
		env = []string{"SYFT_REGISTRY_INSECURE_USE_HTTP=true"}
	case daemon:
		args = append(args, "docker:"+i.tag())
		env = []string{"DOCKER_HOST=" + b.docker}
	}
	return args, env, nil
}

// Versions of the peers.
const (
	syftModule     = "github.com/anchore/syft/cmd/syft@v1.57.0"
	gitleaksModule = "github.com/zricethezav/gitleaks/v8@v8.30.1"
)

// tool gives a Go program in the store; it is built where it is not there.
func (s store) tool(module string) (string, error) {
	path, version, _ := strings.Cut(module, "@")
	name := filepath.Base(path)
	if strings.HasPrefix(name, "v") && len(name) == 2 {
		name = filepath.Base(filepath.Dir(path))
	}
	dir := s.path("tools", version)
	program := filepath.Join(dir, name)
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	say("building %s", module)
	cmd := exec.Command("go", "install", "-trimpath", "-ldflags", "-s -w", module)
	cmd.Env = append(os.Environ(), "GOBIN="+dir, "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build %s: %w: …%s", module, err, out[max(0, len(out)-1000):])
	}
	return program, nil
}
