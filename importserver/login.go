package importserver

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// loginRest is how long a registry that refused a login is not asked with it
// again: some lock users out who are refused too often.
const loginRest = time.Minute

// Login is what an account has stored for a registry.
type Login struct {
	User, Password string
	Verify         bool // the registry's certificate

	from store.Registry
}

// String hides the password.
func (l Login) String() string { return "login" }

// GoString hides the password.
func (l Login) GoString() string { return l.String() }

// LogValue hides the password.
func (l Login) LogValue() slog.Value { return slog.StringValue(l.String()) }

// MarshalText hides the password.
func (l Login) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// login is what the account has stored for the registry of an image; nil where it
// has nothing. One that the registry refused a moment ago is fault.Unavailable.
func (a *Account) login(ctx context.Context, r reference.Reference) (*Login, error) {
	rows, err := a.server.store.View().Registries(ctx, a.name)
	if err != nil {
		return nil, err
	}
	for _, row := range rows { // the longest name comes first
		if !covers(row.Registry, r) {
			continue
		}
		if row.Type == wire.RegistryECR {
			return nil, fault.New(fault.Unsupported, "the login for %s is of type %s, which cannot be used", row.Registry, row.Type).
				WithHint("change it to type %s with a password of its own", wire.RegistryDocker)
		}
		if next := row.FailedAt.Add(loginRest); next.After(a.server.now()) {
			return nil, fault.New(fault.Unavailable, "%s refused the login that is stored for %s, and is not asked with it before %s",
				r.Registry, row.Registry, next.Format(time.RFC3339)).
				WithHint("change the login of registry %s", row.Registry).
				WithDetail("error_codes", []string{errorCodes[fault.Denied]})
		}
		return a.server.loginOf(row)
	}
	return nil, nil
}

// covers tells whether a login is for an image: it names the registry or the
// repository, or what ends in "*" begins its name. Of hosts, only whole names
// count: a password must not go to one that begins alike.
func covers(registry string, r reference.Reference) bool {
	host, path, ok := strings.Cut(registry, "/")
	if !ok {
		return strings.EqualFold(strings.TrimSuffix(host, "*"), r.Registry)
	}
	if !strings.EqualFold(host, r.Registry) {
		return false
	}
	if begin, ok := strings.CutSuffix(path, "*"); ok {
		return strings.HasPrefix(r.Repository, begin)
	}
	return path == r.Repository
}

// loginOf opens the password of a row.
func (s *Server) loginOf(row store.Registry) (*Login, error) {
	password, err := s.secrets.Open(row.Secret, secretOf(row))
	if err != nil {
		return nil, fmt.Errorf("use the login for %s: %w", row.Registry, err)
	}
	return &Login{User: row.User, Password: password, Verify: row.Verify, from: row}, nil
}

// refusedLogin is why a registry did not give what was asked for. Where it refuses
// the stored login itself, and not just what was asked for, that is remembered.
func (a *Account) refusedLogin(ctx context.Context, name string, l *Login, err error) error {
	if l == nil || fault.Of(err) != fault.Denied || a.server.functions.Ping == nil || ctx.Err() != nil {
		return err
	}
	r, parsed := reference.Parse(name)
	if parsed != nil {
		return err
	}
	refused := a.server.functions.Ping(ctx, r.Registry, l)
	if fault.Of(refused) != fault.Denied {
		return err
	}
	a.noteLogin(ctx, l.from, refused)
	ctx = context.WithoutCancel(ctx)
	marked := a.inTx(ctx, func(tx *store.Tx) error { return tx.MarkRegistry(ctx, l.from, a.server.now()) })
	if marked != nil {
		a.server.log.ErrorContext(ctx, "refused login not remembered", "registry", l.from.Registry, "error", marked)
	}
	return err
}
