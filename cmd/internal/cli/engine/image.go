// Package engine wires the analysis: it turns the settings and the environment
// into its options, and hands it to the server. Nothing here runs before a
// command needs it.
package engine

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime/debug"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/secrets"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/progress"
)

// imageOptions say how images are reached: the one place where the variables of
// Docker, Podman and containerd are read.
func imageOptions(e *env.Env) (image.Options, error) {
	registry, err := registryOptions(e)
	if err != nil {
		return image.Options{}, err
	}
	temp, err := e.TempDir()
	if err != nil {
		return image.Options{}, err
	}
	return image.Options{
		Registry: registry,
		Docker: image.Docker{
			Host: e.Getenv("DOCKER_HOST"), Context: e.Getenv("DOCKER_CONTEXT"), ConfigDir: registry.DockerConfigDir,
			CertPath: e.Getenv("DOCKER_CERT_PATH"), TLSVerify: e.Getenv("DOCKER_TLS_VERIFY") != "",
		},
		Podman:     image.Podman{Host: e.Getenv("CONTAINER_HOST"), RuntimeDir: e.Getenv("XDG_RUNTIME_DIR")},
		Containerd: image.Containerd{Address: e.Getenv("CONTAINERD_ADDRESS"), Namespace: e.Getenv("CONTAINERD_NAMESPACE")},
		TempDir:    temp,
		Limits:     image.Limits{MaxImageBytes: e.Analysis.ImageBytes, MaxLayers: e.Analysis.Layers},
	}, nil
}

func registryOptions(e *env.Env) (image.Registry, error) {
	all, err := e.Registries()
	if err != nil {
		return image.Registry{}, err
	}
	o := image.Registry{DockerConfigDir: dockerConfig(e), Proxy: http.ProxyFromEnvironment}
	for _, r := range all {
		if r.Username != "" || r.Password != "" || r.Token != "" {
			o.Credentials = append(o.Credentials, image.Credential{
				Authority: r.Authority, Username: r.Username, Password: r.Password, Token: r.Token})
		}
		if r.CA != "" {
			o.CAFiles = append(o.CAFiles, r.CA)
		}
		if r.InsecureHTTP {
			o.PlainHTTP = append(o.PlainHTTP, r.Authority)
		}
		if r.SkipVerify {
			o.SkipVerify = append(o.SkipVerify, r.Authority)
		}
	}
	return o, nil
}

// dockerConfig is the folder of Docker's configuration.
func dockerConfig(e *env.Env) string {
	if dir := e.Getenv("DOCKER_CONFIG"); dir != "" {
		return dir
	}
	if home := config.Home(e.Lookup); home != "" {
		return filepath.Join(home, ".docker")
	}
	return ""
}

// collectAt is by how many percent the memory in use may grow during an analysis
// before it is looked for garbage in. Cataloguing leaves much of that behind: the
// runtime's own 100 takes a third more memory, and saves a twentieth of the time.
const collectAt = 40

// options say what an analysis does, as the settings have it. Steps are shown
// on display, which may be nil.
func options(e *env.Env, display *progress.Display) (analysis.Options, error) {
	if e.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	temp, err := e.TempDir()
	if err != nil {
		return analysis.Options{}, err
	}
	a := e.Analysis
	o := analysis.Options{
		Retrieve: a.Globs, RetrieveMaxSize: a.GlobSize,
		MaxEntries: a.Entries, TempDir: temp, Tool: "tidepole", Version: e.Version.Number,
	}
	if o.Retrieve == nil {
		o.Retrieve = []string{}
	}
	if o.Secrets, err = secretMatcher(e); err != nil {
		return o, err
	}
	if o.Content, err = contentMatcher(e); err != nil {
		return o, err
	}
	if display != nil {
		o.Progress = func(p image.Progress) { display.Update(progress.Event(p)) }
	}
	return o, nil
}

func secretMatcher(e *env.Env) (*secrets.Matcher, error) {
	if !e.Analysis.Secrets {
		return nil, nil
	}
	extra, err := e.SecretPatterns()
	if err != nil {
		return nil, err
	}
	return secrets.New(secrets.Options{Extra: extra, Exclude: e.Analysis.SecretsSkip, MaxFileSize: e.Analysis.SecretsSize})
}

func contentMatcher(e *env.Env) (*secrets.Matcher, error) {
	patterns, err := e.SearchPatterns()
	if err != nil || len(patterns) == 0 {
		return nil, err
	}
	return secrets.NewPatterns(patterns, e.Analysis.ContentSize)
}

// readLimited reads a file that is known to be small.
func readLimited(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readAll(f, path, limit)
}
