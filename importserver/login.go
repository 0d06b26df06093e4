package importserver

import (
	"context"
	"log/slog"

	"github.com/tidepole/tidepole/formats/reference"
)

// Login is what an account has stored for a registry.
type Login struct {
	User, Password string
	Verify         bool // the registry's certificate
}

// String hides the password.
func (l *Login) String() string { return "login" }

// LogValue hides the password.
func (l *Login) LogValue() slog.Value { return slog.StringValue(l.String()) }

// login is what the account has stored for the registry of an image; nil where it
// has nothing.
func (a *Account) login(ctx context.Context, r reference.Reference) (*Login, error) { return nil, nil }

// refusedLogin is why a look-up failed; where the registry refused the stored
// login itself, that is remembered.
func (a *Account) refusedLogin(ctx context.Context, t Target, err error) error { return err }
