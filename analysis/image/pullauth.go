package image

import (
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/moby/moby/api/pkg/authconfig"
	"github.com/moby/moby/api/types/registry"

	"github.com/tidepole/tidepole/formats/fault"
)

// encodeAuth writes credentials as Docker's API takes them.
func encodeAuth(from authn.Authenticator) (string, error) {
	auth, err := from.Authorization()
	if err != nil {
		return "", err
	}
	return authconfig.Encode(registry.AuthConfig{
		Username: auth.Username, Password: auth.Password,
		IdentityToken: auth.IdentityToken, RegistryToken: auth.RegistryToken,
	})
}

// kindOfMessage is what a daemon means when it reports the end of a pull, for
// which it has only words.
func kindOfMessage(said string) fault.Kind {
	said = strings.ToLower(said)
	for _, one := range []struct {
		word string
		kind fault.Kind
	}{
		{"no matching manifest", fault.Invalid},
		{"not found", fault.NotFound}, {"manifest unknown", fault.NotFound}, {"does not exist", fault.NotFound},
		{"unauthorized", fault.Denied}, {"authentication required", fault.Denied},
		{"denied", fault.Forbidden},
	} {
		if strings.Contains(said, one.word) {
			return one.kind
		}
	}
	return fault.Unavailable
}
