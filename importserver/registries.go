package importserver

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

const (
	maxLogin      = 16 << 10 // bytes of a user, and of a password, which may be a key in JSON
	maxRegistries = 1000     // of an account: all are looked through for every image that is added
)

// secretOf says what a registry's password belongs to.
func secretOf(r store.Registry) string { return r.Account + "\x00" + r.Registry }

// Registries are what the account has stored for registries.
func (a *Account) Registries(ctx context.Context) ([]wire.Registry, error) {
	rows, err := a.server.store.View().Registries(ctx, a.name)
	list := []wire.Registry{}
	for _, r := range rows {
		list = append(list, registryOf(r))
	}
	return list, err
}

// Registry is what the account has stored under a registry's name.
func (a *Account) Registry(ctx context.Context, name string) (wire.Registry, error) {
	r, err := a.registry(ctx, a.server.store.View(), name)
	return registryOf(r), err
}

func (a *Account) registry(ctx context.Context, tx *store.Tx, name string) (store.Registry, error) {
	r, err := tx.Registry(ctx, a.name, canonicalRegistry(name))
	if errors.Is(err, store.ErrNone) {
		err = noRegistry(name)
	}
	return r, err
}

func noRegistry(name string) error {
	return fault.New(fault.NotFound, "registry not found in DB").WithDetail("registry", cut(name, 200))
}

// registryPattern is a host with its port, or that and the path of a repository,
// which may end in "*" or stop anywhere before it.
var registryPattern = regexp.MustCompile(`^(?:[a-zA-Z0-9](?:[a-zA-Z0-9_.-]*[a-zA-Z0-9])?|\[[a-fA-F0-9:]+\])(?::[0-9]{1,5})?(?:\*|(?:/[a-zA-Z0-9._-]+)*/?\*?|/[a-zA-Z0-9._/-]*\*)$`)

// canonicalRegistry gives Docker Hub its one name, and ends no other in a slash.
func canonicalRegistry(name string) string {
	host, path, ok := strings.Cut(name, "/")
	switch strings.ToLower(host) {
	case "index.docker.io", "registry-1.docker.io", "registry.hub.docker.com":
		host = "docker.io"
	}
	if path = strings.TrimSuffix(path, "/"); !ok || path == "" {
		return host
	}
	return host + "/" + path
}

// fits tells whether an image can be of a registry that is stored under a name: of hosts
// that are not whole names, none is.
func fits(name string) bool {
	host, _, _ := strings.Cut(strings.TrimSuffix(name, "*"), "/")
	r, err := reference.Parse(host + "/name:tag")
	return err == nil && strings.EqualFold(r.Registry, host)
}

// AddRegistry stores a login. With validate, the registry is asked first whether
// it takes it.
func (a *Account) AddRegistry(ctx context.Context, r wire.RegistryRequest, validate bool) (wire.Registry, error) {
	name := canonicalRegistry(r.Registry)
	if len(name) > reference.MaxLength || !registryPattern.MatchString(name) {
		return wire.Registry{}, fault.New(fault.Invalid, "add registry: %.200q is not a registry", r.Registry).
			WithHint("write it as host[:port], host[:port]/repository, or the beginning of one and *; without https://")
	}
	if !fits(name) {
		return wire.Registry{}, fault.New(fault.Invalid, "add registry: no image is of %.200q: its host is no whole host's name", r.Registry).
			WithHint("a password is sent to the one host that it was stored for, not to all that begin alike: name each, as host[:port] or host[:port]/*")
	}
	now := a.server.now()
	row := store.Registry{Account: a.name, Registry: name, Name: name, Type: wire.RegistryDocker, Verify: true, CreatedAt: now}
	row, err := a.changedRegistry(row, r)
	if err == nil && validate {
		err = a.validate(ctx, row)
	}
	if err != nil {
		return wire.Registry{}, err
	}
	err = a.inTx(ctx, func(tx *store.Tx) error {
		if all, err := tx.Registries(ctx, a.name); err != nil || len(all) >= maxRegistries {
			return cmp.Or(err, error(fault.New(fault.Invalid, "add registry: the account has %d, and may not have more", len(all))))
		}
		added, err := tx.InsertRegistry(ctx, row)
		if err == nil && !added {
			err = fault.New(fault.Invalid, "registry already exists in DB").WithDetail("registry", name).
				WithHint("change it instead")
		}
		return err
	})
	return registryOf(row), err
}

// UpdateRegistry changes a login. What the request does not say stays as it is;
// so does the password where it says an empty one.
func (a *Account) UpdateRegistry(ctx context.Context, name string, r wire.RegistryRequest, validate bool) (wire.Registry, error) {
	old, err := a.registry(ctx, a.server.store.View(), name)
	if err != nil {
		return wire.Registry{}, err
	}
	if r.Registry != "" && canonicalRegistry(r.Registry) != old.Registry {
		return wire.Registry{}, fault.New(fault.Invalid, "change registry %s: it cannot become %.200q", old.Registry, r.Registry).
			WithHint("delete it and add the other")
	}
	row, err := a.changedRegistry(old, r)
	if err == nil && validate {
		err = a.validate(ctx, row)
	}
	if err != nil {
		return wire.Registry{}, err
	}
	err = a.inTx(ctx, func(tx *store.Tx) error {
		if old, err = a.registry(ctx, tx, name); err != nil { // it may have changed while the registry was asked
			return err
		}
		if row, err = a.changedRegistry(old, r); err != nil {
			return err
		}
		return tx.UpdateRegistry(ctx, row)
	})
	return registryOf(row), err
}

// changedRegistry is a row as a request would have it.
func (a *Account) changedRegistry(row store.Registry, r wire.RegistryRequest) (store.Registry, error) {
	for into, from := range map[*string]*string{&row.Name: r.Name, &row.Type: r.Type, &row.User: r.User} {
		if from != nil {
			*into = *from
		}
	}
	if r.Verify != nil {
		row.Verify = *r.Verify
	}
	switch {
	case row.Type == wire.RegistryECR:
		return row, fault.New(fault.Invalid, "store login for %s: this server cannot sign in to registries of type %s", row.Registry, row.Type).
			WithHint("store it as %s, with the user AWS and what aws ecr get-login-password prints, which is good for 12 hours; or give the server Docker's credential helper ecr-login",
				wire.RegistryDocker).
			WithDetail("error_codes", []string{"REGISTRY_NOT_SUPPORTED"})
	case row.Type != wire.RegistryDocker:
		return row, fault.New(fault.Invalid, "there is no registry type %.100q; have %s", row.Type, wire.RegistryDocker)
	case len(row.User) > maxLogin || len(row.Name) > reference.MaxLength || r.Password != nil && len(*r.Password) > maxLogin:
		return row, fault.New(fault.Invalid, "the registry's name, user or password is too long")
	case strings.ContainsAny(row.User, ":\r\n\x00"):
		return row, fault.New(fault.Invalid, "the registry's user has characters that no user can have")
	}
	if r.Password != nil && *r.Password != "" || row.Secret == "" {
		var password string
		if r.Password != nil {
			password = *r.Password
		}
		row.Secret = a.server.secrets.Seal(password, secretOf(row))
	}
	row.UpdatedAt, row.FailedAt = a.server.now(), time.Time{}
	return row, nil
}

// validate asks a registry whether it takes a login.
func (a *Account) validate(ctx context.Context, row store.Registry) error {
	l, err := a.server.loginOf(row)
	if err != nil {
		return err
	}
	host, _, _ := strings.Cut(strings.TrimSuffix(row.Registry, "*"), "/")
	switch {
	case a.server.functions.Ping == nil:
		err = fault.New(fault.Unsupported, "this server cannot ask registries")
	default:
		err = a.server.functions.Ping(ctx, host, l)
	}
	if err == nil || ctx.Err() != nil {
		return err
	}
	a.noteLogin(ctx, row, err)
	if fault.Of(err) == fault.Internal {
		return err
	}
	f := fault.New(fault.Invalid, "cannot ping supplied registry with supplied credentials: %w", err).
		WithDetail("status", http.StatusNotAcceptable).WithDetail("error_codes", codesOf(err))
	f.Hint = fault.Hint(err)
	return f
}

// noteLogin notes that a registry did not take a login.
func (a *Account) noteLogin(ctx context.Context, row store.Registry, cause error) {
	a.noteAlone(ctx, event{
		Type: wire.EventRegistryLogin, Level: wire.LevelError, Message: "the registry did not take the login: " + told(cause),
		ResourceType: resourceRegistry, ResourceID: row.Registry,
		Details: map[string]any{"registry": row.Registry, "registry_user": row.User, "error_codes": codesOf(cause)},
	})
}

// DeleteRegistry deletes a login.
func (a *Account) DeleteRegistry(ctx context.Context, name string) error {
	err := a.inTx(ctx, func(tx *store.Tx) error { return tx.DeleteRegistry(ctx, a.name, canonicalRegistry(name)) })
	if errors.Is(err, store.ErrNone) {
		return noRegistry(name)
	}
	return err
}

func registryOf(r store.Registry) wire.Registry {
	return wire.Registry{
		Registry: r.Registry, Name: r.Name, User: r.User, Type: r.Type, Verify: r.Verify, AccountName: r.Account,
		CreatedAt: r.CreatedAt, LastUpdated: r.UpdatedAt,
	}
}
