package image

import (
	"context"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/cli/cli/connhelper"
	"github.com/docker/cli/cli/connhelper/ssh"
	"github.com/docker/cli/cli/context/docker"
	"github.com/moby/moby/client"

	"github.com/tidepole/tidepole/formats/fault"
)

// findPodman finds an image in Podman's storage, through its service, which
// speaks Docker's API as well.
func findPodman(ctx context.Context, v *visit) (*place, error) {
	end, err := v.Options.Podman.endpoint()
	if err != nil {
		return nil, err
	}
	return v.findInDaemon(ctx, end)
}

// systemSocket is where Podman's service of the system listens.
const systemSocket = "/run/podman/podman.sock"

// endpoint is Host, or else the user's socket, or else the system's.
func (p Podman) endpoint() (endpoint, error) {
	if strings.HasPrefix(p.Host, "ssh://") {
		return p.overSSH()
	}
	if p.Host != "" {
		return newEndpoint(docker.Endpoint{EndpointMeta: docker.EndpointMeta{Host: p.Host}})
	}
	sockets := []string{systemSocket}
	if p.RuntimeDir != "" {
		sockets = []string{filepath.Join(p.RuntimeDir, "podman", "podman.sock"), systemSocket}
	}
	for _, socket := range sockets {
		if _, err := os.Stat(socket); err == nil {
			return newEndpoint(docker.Endpoint{EndpointMeta: docker.EndpointMeta{Host: "unix://" + socket}})
		}
	}
	return endpoint{}, fault.New(fault.Unavailable, "Podman's service is not running: there is no %s", strings.Join(sockets, " and no ")).
		WithHint(`start it with "podman system service" or "systemctl --user start podman.socket"`)
}

// overSSH is Podman's service on another machine, reached as Podman does.
func (p Podman) overSSH() (endpoint, error) {
	invalid := func(err error) (endpoint, error) {
		return endpoint{}, fault.New(fault.Invalid, "reach Podman at %s: %w", printable(p.Host), err)
	}
	at, err := url.Parse(p.Host)
	if err != nil {
		return invalid(err)
	}
	spec, err := ssh.NewSpec(at)
	if err != nil {
		return invalid(err)
	}
	remote := []string{"podman", "system", "dial-stdio"}
	if strings.Trim(spec.Path, "/") != "" {
		remote = []string{"podman", "--url=unix://" + spec.Path, "system", "dial-stdio"}
	}
	args, err := spec.Command([]string{"-o ConnectTimeout=30", "-T"}, remote...)
	if err != nil {
		return invalid(err)
	}
	helper, err := connhelper.GetCommandConnectionHelper("ssh", args...)
	if err != nil {
		return invalid(err)
	}
	return endpoint{host: p.Host, private: true, options: []client.Opt{
		client.WithHTTPClient(&http.Client{Transport: &http.Transport{DialContext: helper.Dialer}}),
		client.WithHost(helper.Host), client.WithDialContext(helper.Dialer),
	}}, nil
}
