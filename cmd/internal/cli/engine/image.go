// Package engine wires the analysis: it turns the settings and the environment
// into its options, and hands it to the server. Nothing here runs before a
// command needs it.
package engine

import (
	"net/http"
	"os"
	"path/filepath"

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
		Limits:     imageLimits(e.Analysis),
	}, nil
}

func imageLimits(a env.Analysis) image.Limits {
	return image.Limits{MaxImageBytes: a.ImageBytes, MaxLayers: a.Layers}
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
			o.CAs = append(o.CAs, image.CA{Authority: r.Authority, File: r.CA})
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

// options say what an analysis does, as the settings have it. Steps are shown
// on display, which may be nil.
func options(e *env.Env, display *progress.Display) (analysis.Options, error) {
	temp, err := e.TempDir()
	if err != nil {
		return analysis.Options{}, err
	}
	extra, err := e.SecretPatterns()
	if err != nil {
		return analysis.Options{}, err
	}
	searches, err := e.SearchPatterns()
	if err != nil {
		return analysis.Options{}, err
	}
	o, err := analysisOptions(e, temp, extra, searches)
	if display != nil {
		o.Progress = func(p image.Progress) { display.Update(progress.Event(p)) }
	}
	return o, err
}

// analysisOptions are those of an analysis with its temporary files in a folder,
// further secrets to search for, and what else to search files for.
func analysisOptions(e *env.Env, temp string, extra, searches map[string]string) (analysis.Options, error) {
	a := e.Analysis
	o := analysis.Options{
		Retrieve: a.Globs, RetrieveMaxSize: a.GlobSize,
		MaxEntries: a.Entries, TempDir: temp, Tool: "tidepole", Version: e.Version.Number,
	}
	if o.Retrieve == nil {
		o.Retrieve = []string{}
	}
	var err error
	if a.Secrets {
		o.Secrets, err = secrets.New(secrets.Options{Extra: extra, Exclude: a.SecretsSkip, MaxFileSize: a.SecretsSize})
	}
	if err == nil && len(searches) > 0 {
		o.Content, err = secrets.NewPatterns(searches, a.ContentSize)
	}
	return o, err
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
