package image

import (
	"context"
	"errors"
	"os/exec"

	"github.com/docker/cli/cli/config"
	"github.com/docker/cli/cli/config/configfile"
	"github.com/docker/cli/cli/config/types"
	"github.com/google/go-containerregistry/pkg/authn"

	"github.com/tidepole/tidepole/formats/fault"
)

// authenticator signs in to one registry, and only to that; nil is anonymous.
func (o Registry) authenticator(ctx context.Context, host string) (authn.Authenticator, error) {
	for _, c := range o.Credentials {
		if authority(c.Authority) == authority(host) {
			return authn.FromConfig(authn.AuthConfig{Username: c.Username, Password: c.Password, RegistryToken: c.Token}), nil
		}
	}
	auth, err := o.fromDocker(ctx, host)
	if err != nil || auth == (types.AuthConfig{}) {
		return nil, err
	}
	return authn.FromConfig(authn.AuthConfig{
		Username: auth.Username, Password: auth.Password,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	}), nil
}

// orAnonymous is nil spelled out.
func orAnonymous(a authn.Authenticator) authn.Authenticator {
	if a == nil {
		return authn.Anonymous
	}
	return a
}

// fromDocker looks a registry up in Docker's configuration and the credential
// helpers it names.
func (o Registry) fromDocker(ctx context.Context, host string) (types.AuthConfig, error) {
	if o.DockerConfigDir == "" {
		return types.AuthConfig{}, nil
	}
	file, err := config.Load(o.DockerConfigDir)
	if err != nil {
		return types.AuthConfig{}, fault.New(fault.Invalid, "look up the credentials for %s: %w", host, err).
			WithHint("repair Docker's config.json, or give the registry's credentials directly")
	}
	auth, err := askHelper(ctx, file, host)
	if err != nil {
		return types.AuthConfig{}, err
	}
	// These say nothing about who one is.
	auth.ServerAddress = ""
	return types.AuthConfig{
		Username: auth.Username, Password: auth.Password,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	}, nil
}

// askHelper gets credentials from the file or from a helper, which is a program
// and may hang.
func askHelper(ctx context.Context, file *configfile.ConfigFile, host string) (types.AuthConfig, error) {
	type answer struct {
		auth types.AuthConfig
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		auth, err := file.GetAuthConfig(host)
		answers <- answer{auth, err}
	}()
	select {
	case <-ctx.Done():
		return types.AuthConfig{}, context.Cause(ctx)
	case a := <-answers:
		if a.err != nil {
			return types.AuthConfig{}, helperFault(file, host, a.err)
		}
		return a.auth, nil
	}
}

// helperFault says which helper failed. What it printed may hold a secret and is
// not repeated.
func helperFault(file *configfile.ConfigFile, host string, err error) error {
	helper := file.CredentialsStore
	if own, ok := file.CredentialHelpers[host]; ok {
		helper = own
	}
	why := "failed"
	if errors.Is(err, exec.ErrNotFound) {
		why = "is not installed"
	}
	return fault.New(fault.Denied, "look up the credentials for %s: the credential helper docker-credential-%s, which %s names, %s",
		host, printable(helper), file.Filename, why).
		WithHint("install or repair the helper, or give the registry's credentials directly")
}
