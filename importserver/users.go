package importserver

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/access"
	"github.com/tidepole/tidepole/importserver/openapi"
	"github.com/tidepole/tidepole/importserver/store"
)

const (
	minPassword = 6      // characters
	maxPassword = 128    // characters: longer ones would cost a hash
	maxUsers    = 10_000 // of an account
)

// userRow is the account's user of a name.
func (a *Account) userRow(ctx context.Context, name string) (store.User, error) {
	u, err := a.server.store.View().User(ctx, name)
	if err == nil && u.Account != a.name {
		err = store.ErrNone
	}
	return u, noUser(err, name)
}

// owns refuses a user who is not the account's, or not any more: names are unique
// over all accounts, and somebody else may have it by now.
func (a *Account) owns(ctx context.Context, tx *store.Tx, name string) error {
	u, err := tx.User(ctx, name)
	if err == nil && u.Account != a.name {
		err = store.ErrNone
	}
	return noUser(err, name)
}

func noUser(err error, name string) error {
	if errors.Is(err, store.ErrNone) {
		return fault.New(fault.NotFound, "there is no user %.128q", name)
	}
	return err
}

func userOf(u store.User) wire.User {
	return wire.User{
		Username: u.Name, AccountName: u.Account, Type: "native",
		CreatedAt: u.CreatedAt, LastUpdated: u.UpdatedAt, PasswordUpdated: optional(u.PasswordAt),
	}
}

// User is the account's user of a name.
func (a *Account) User(ctx context.Context, name string) (wire.User, error) {
	u, err := a.userRow(ctx, name)
	return userOf(u), err
}

// Users are the account's users; with roles, what each may do where.
func (a *Account) Users(ctx context.Context, roles bool) ([]wire.User, error) {
	return a.users(ctx, a.name, roles)
}

// AllUsers are the users of all accounts.
func (a *Account) AllUsers(ctx context.Context) ([]wire.User, error) { return a.users(ctx, "", true) }

func (a *Account) users(ctx context.Context, account string, roles bool) ([]wire.User, error) {
	view := a.server.store.View()
	rows, err := view.Users(ctx, account)
	if err != nil {
		return nil, err
	}
	grants := map[string][]wire.RoleGrant{}
	if roles {
		members, err := view.Members(ctx, "", account)
		if err != nil {
			return nil, err
		}
		for _, m := range members {
			grants[m.User] = append(grants[m.User], wire.RoleGrant{Role: roleNames[m.Role], Account: m.Account, Granter: m.Granter, Type: "direct", At: m.CreatedAt})
		}
	}
	list := []wire.User{}
	for _, r := range rows {
		u := userOf(r)
		u.Roles = grants[r.Name]
		list = append(list, u)
	}
	return list, nil
}

// AddUser makes a user of the account, who may read and write in it.
func (a *Account) AddUser(ctx context.Context, r wire.UserRequest) (wire.User, error) {
	if r.Type != "" && r.Type != "native" {
		return wire.User{}, fault.New(fault.Invalid, "add user %s: users of another identity provider are not known here", r.Username).
			WithHint("leave user_type away, and give a password")
	}
	if r.Username == wire.KeyUser {
		return wire.User{}, fault.New(fault.Invalid, "%s is the name under which API keys are given", wire.KeyUser)
	}
	if strings.ContainsFunc(r.Username, func(c rune) bool { return c == ':' || unicode.IsControl(c) }) {
		return wire.User{}, fault.New(fault.Invalid, "add user %.128q: a name with a colon or a control character cannot sign in by basic authentication", r.Username).
			WithHint("choose a name without them")
	}
	hash, err := a.hashOf(ctx, r.Password)
	if err != nil {
		return wire.User{}, err
	}
	now := a.server.now()
	u := store.User{
		Name: r.Username, Account: a.name, Password: hash, PasswordAt: now, CreatedAt: now, UpdatedAt: now,
		Epoch: now.UnixMicro(), // that of no earlier user of the name
	}
	err = a.inTx(ctx, func(tx *store.Tx) error {
		n, err := tx.CountUsers(ctx, a.name)
		if err == nil && n >= maxUsers {
			err = fault.New(fault.Invalid, "add user: the account has %d, and may not have more", n).WithHint("delete those that are not needed any more")
		}
		if err != nil {
			return err
		}
		added, err := tx.InsertUser(ctx, u)
		if err == nil && !added {
			err = fault.New(fault.Conflict, "the name %s is taken", u.Name).WithHint("names of users are unique over all accounts: choose another")
		}
		if err != nil || a.name == Admin {
			return err
		}
		return tx.PutMember(ctx, store.Member{User: u.Name, Account: a.name, Role: openapi.Write, Granter: a.user(), CreatedAt: now})
	})
	if err != nil {
		return wire.User{}, err
	}
	return userOf(u), nil
}

// fitting refuses what is too short or too long for a password.
func fitting(plain string) error {
	if n := utf8.RuneCountInString(plain); n < minPassword || n > maxPassword {
		return fault.New(fault.Invalid, "a password has %d to %d characters", minPassword, maxPassword)
	}
	return nil
}

// hashOf checks a new password and makes its hash.
func (a *Account) hashOf(ctx context.Context, plain string) (string, error) {
	if err := fitting(plain); err != nil {
		return "", err
	}
	hash, err := access.Hash(ctx, "account "+a.name, plain)
	return hash, busy(err)
}

// DeleteUser deletes a user of the account, with his keys.
func (a *Account) DeleteUser(ctx context.Context, name string) error {
	u, err := a.userRow(ctx, name)
	switch {
	case err != nil:
		return err
	case u.Name == Admin:
		return fault.New(fault.Invalid, "the user %s cannot be deleted", Admin)
	case a.by != nil && a.by.user == u.Name:
		return fault.New(fault.Invalid, "nobody can delete himself")
	}
	return a.inTx(ctx, func(tx *store.Tx) error {
		if err := a.owns(ctx, tx, name); err != nil {
			return err
		}
		return noUser(tx.DeleteUser(ctx, name), name)
	})
}

// SetPassword changes the password of a user of the account. Tokens that he was
// handed out are void then.
func (a *Account) SetPassword(ctx context.Context, name, plain string) (wire.Credential, error) {
	if _, err := a.userRow(ctx, name); err != nil {
		return wire.Credential{}, err
	}
	hash, err := a.hashOf(ctx, plain)
	if err != nil {
		return wire.Credential{}, err
	}
	now := a.server.now()
	err = a.inTx(ctx, func(tx *store.Tx) error {
		if err := a.owns(ctx, tx, name); err != nil {
			return err
		}
		return noUser(tx.SetPassword(ctx, name, hash, now), name)
	})
	return credentialAt(now), err
}

// DropPassword takes a user's password away: what is left to him are his API keys. The
// user admin always has one.
func (a *Account) DropPassword(ctx context.Context, name string) error {
	u, err := a.userRow(ctx, name)
	if err != nil {
		return err
	}
	if u.Name == Admin {
		return fault.New(fault.Invalid, "the password of the user %s cannot be taken away", Admin).WithHint("set another one")
	}
	return a.inTx(ctx, func(tx *store.Tx) error {
		if err := a.owns(ctx, tx, name); err != nil {
			return err
		}
		return noUser(tx.SetPassword(ctx, name, "", time.Time{}), name)
	})
}

// Credentials tell which passwords a user of the account has, never what they are.
func (a *Account) Credentials(ctx context.Context, name string) ([]wire.Credential, error) {
	u, err := a.userRow(ctx, name)
	list := []wire.Credential{}
	if u.Password != "" {
		list = append(list, credentialAt(cmpTime(u.PasswordAt, u.CreatedAt)))
	}
	return list, err
}

func cmpTime(t, otherwise time.Time) time.Time {
	if t.IsZero() {
		return otherwise
	}
	return t
}

func credentialAt(t time.Time) wire.Credential {
	return wire.Credential{Type: "password", Value: "******", CreatedAt: t.Format(time.RFC3339)}
}

// self is the account that whoever acts belongs to.
func (a *Account) self() *Account {
	if a.by == nil {
		return a
	}
	return &Account{server: a.server, name: a.by.home, since: a.by.since, by: a.by}
}

func noContent(w http.ResponseWriter, err error) error {
	if err == nil {
		w.WriteHeader(http.StatusNoContent)
	}
	return err
}
