package engine

import (
	"context"
	"slices"

	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/importserver"
)

// withLogin are the options for one call with what an account has stored for a
// registry, which goes before what the server itself knows.
func withLogin(o image.Registry, registry string, l *importserver.Login) image.Registry {
	if l == nil {
		return o
	}
	if l.User != "" || l.Password != "" {
		own := image.Credential{Authority: registry, Username: l.User, Password: l.Password}
		o.Credentials = append([]image.Credential{own}, o.Credentials...)
	}
	if !l.Verify {
		o.SkipVerify = append(slices.Clip(o.SkipVerify), registry)
	}
	return o
}

// registryOf is the registry that a name belongs to; "" where it is none.
func registryOf(name string) string {
	r, _ := reference.Parse(name)
	return r.Registry
}

// signedIn are the server's options for one image.
func (s server) signedIn(pullString string, l *importserver.Login) image.Options {
	o := s.images
	o.Registry = withLogin(o.Registry, registryOf(pullString), l)
	return o
}

func (s server) ping(ctx context.Context, registry string, l *importserver.Login) error {
	return image.Ping(ctx, registry, withLogin(s.images.Registry, registry, l))
}

func (s server) tags(ctx context.Context, repository string, l *importserver.Login) ([]string, error) {
	return image.Tags(ctx, repository, withLogin(s.images.Registry, registryOf(repository), l))
}
