package image

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/config"
	dockercontext "github.com/docker/cli/cli/context"
	"github.com/docker/cli/cli/context/docker"
	"github.com/docker/cli/cli/context/store"
	"github.com/moby/moby/client"

	"github.com/tidepole/tidepole/formats/fault"
)

// findDocker finds an image in the Docker daemon.
func findDocker(ctx context.Context, v *visit) (*place, error) {
	end, err := v.Options.Docker.endpoint()
	if err != nil {
		return nil, err
	}
	return v.findInDaemon(ctx, end)
}

// endpoint is where a daemon that speaks Docker's API listens.
type endpoint struct {
	host    string // for people
	options []client.Opt
	private bool // nobody on the way can read along
}

// endpoint finds the daemon as Docker's own command line does.
func (d Docker) endpoint() (endpoint, error) {
	if d.Host != "" {
		return d.atHost()
	}
	name := d.Context
	if name == "" && d.ConfigDir != "" {
		file, err := config.Load(d.ConfigDir)
		if err != nil {
			return endpoint{}, fault.New(fault.Invalid, "look up the current Docker context: %w", err)
		}
		name = file.CurrentContext
	}
	if name == "" || name == "default" {
		return newEndpoint(docker.Endpoint{EndpointMeta: docker.EndpointMeta{Host: client.DefaultDockerHost}})
	}
	return d.inContext(name)
}

// atHost is the daemon at Host, with the certificates of CertPath.
func (d Docker) atHost() (endpoint, error) {
	end := docker.Endpoint{EndpointMeta: docker.EndpointMeta{Host: d.Host}}
	dir := d.CertPath
	if dir == "" && d.TLSVerify {
		dir = d.ConfigDir // those that are missing there are not needed
	}
	if dir != "" && strings.HasPrefix(d.Host, "tcp://") {
		end.SkipTLSVerify = !d.TLSVerify
		end.TLSData = &dockercontext.TLSData{}
		for name, to := range map[string]*[]byte{"ca.pem": &end.TLSData.CA, "cert.pem": &end.TLSData.Cert, "key.pem": &end.TLSData.Key} {
			data, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil && (d.CertPath != "" || !errors.Is(err, fs.ErrNotExist)) {
				return endpoint{}, fault.New(fault.Invalid, "read the certificates for %s: %w", printable(d.Host), err)
			}
			*to = data
		}
	}
	return newEndpoint(end)
}

// inContext is the daemon of a Docker context.
func (d Docker) inContext(name string) (endpoint, error) {
	if d.ConfigDir == "" {
		return endpoint{}, fault.New(fault.Invalid, "look up the Docker context %q: the folder of Docker's configuration is not known", printable(name))
	}
	contexts := store.New(filepath.Join(d.ConfigDir, "contexts"), store.NewConfig(
		func() any { return &map[string]any{} },
		store.EndpointTypeGetter(docker.DockerEndpoint, func() any { return &docker.EndpointMeta{} }),
	))
	meta, err := contexts.GetMetadata(name)
	if err != nil {
		return endpoint{}, fault.New(fault.Invalid, "look up the Docker context %q in %s: %w", printable(name), d.ConfigDir, err).
			WithHint(`"docker context ls" lists those there are`)
	}
	at, err := docker.EndpointFromContext(meta)
	if err != nil {
		return endpoint{}, fault.New(fault.Invalid, "read the Docker context %q: %w", printable(name), err)
	}
	end, err := docker.WithTLSData(contexts, name, at)
	if err != nil {
		return endpoint{}, fault.New(fault.Invalid, "read the Docker context %q: %w", printable(name), err)
	}
	return newEndpoint(end)
}

func newEndpoint(e docker.Endpoint) (endpoint, error) {
	options, err := e.ClientOpts()
	if err != nil {
		return endpoint{}, noAddress(e.Host, err)
	}
	scheme, _, _ := strings.Cut(e.Host, "://")
	local := scheme == "unix" || scheme == "npipe" || scheme == "ssh"
	return endpoint{host: e.Host, options: options, private: local || e.TLSData != nil && !e.SkipTLSVerify}, nil
}

// noAddress is a daemon's address that cannot be one.
func noAddress(host string, err error) error {
	return fault.New(fault.Invalid, "reach the daemon at %s: %w", printable(host), err).
		WithHint("an address is written as unix:///var/run/docker.sock or tcp://HOST:2376; DOCKER_HOST, CONTAINER_HOST and Docker's contexts give one")
}
