package importserver

import (
	"context"
	"errors"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/openapi"
	"github.com/tidepole/tidepole/importserver/store"
)

// roles are those that there are, weakest first.
var roles = []wire.Role{
	{Name: wire.RoleRead, Description: "sees all that is the account's", Immutable: true, Permissions: []wire.Permission{{Action: "read", Target: "*"}}},
	{
		Name: wire.RoleWrite, Description: "adds, changes and deletes images, policies and all else that is the account's", Immutable: true,
		Permissions: []wire.Permission{{Action: "read", Target: "*"}, {Action: "write", Target: "*"}},
	},
	{
		Name: wire.RoleAdmin, Description: "also says who the account's users are, and what they may do", Immutable: true,
		Permissions: []wire.Permission{{Action: "read", Target: "*"}, {Action: "write", Target: "*"}, {Action: "admin", Target: "*"}},
	},
}

func roleNamed(name string) (wire.Role, error) {
	for _, r := range roles {
		if r.Name == name {
			return r, nil
		}
	}
	return wire.Role{}, fault.New(fault.NotFound, "there is no role %.100q", name).WithHint("have %s, %s, %s", wire.RoleRead, wire.RoleWrite, wire.RoleAdmin)
}

// MyRoles are the accounts that whoever acts may act for, and as what.
func (a *Account) MyRoles(ctx context.Context) ([]wire.AccountRole, error) {
	members, err := a.server.store.View().Members(ctx, a.user(), "")
	if err != nil {
		return nil, err
	}
	if a.system() {
		members = append([]store.Member{{Account: Admin, Role: openapi.Admin}}, members...)
	}
	list := []wire.AccountRole{}
	for _, m := range members {
		row, err := a.server.store.View().Account(ctx, m.Account)
		if errors.Is(err, store.ErrNone) {
			continue // deleted meanwhile
		}
		if err != nil {
			return nil, err
		}
		r, err := roleNamed(roleNames[m.Role])
		if err != nil {
			return nil, err
		}
		list = append(list, wire.AccountRole{ForAccount: m.Account, Domain: m.Account, Role: r, Account: accountOf(row)})
	}
	return list, nil
}

// RoleMembers are the users who have a role in the account.
func (a *Account) RoleMembers(ctx context.Context, role string) ([]wire.RoleMember, error) {
	if _, err := roleNamed(role); err != nil {
		return nil, err
	}
	members, err := a.server.store.View().Members(ctx, "", a.name)
	list := []wire.RoleMember{}
	for _, m := range members {
		if roleNames[m.Role] == role {
			list = append(list, wire.RoleMember{Username: m.User, Domain: m.Account, CreatedAt: &m.CreatedAt})
		}
	}
	return list, err
}

// Grant gives a user a role in the account, instead of the one that he has. Only
// users of the admin account can give one to users of another account.
func (a *Account) Grant(ctx context.Context, role, user string) (wire.RoleMember, error) {
	if _, err := roleNamed(role); err != nil {
		return wire.RoleMember{}, err
	}
	if a.name == Admin {
		return wire.RoleMember{}, fault.New(fault.Invalid, "users of the account %s may do all; there are no roles in it", Admin)
	}
	now := a.server.now()
	err := a.inTx(ctx, func(tx *store.Tx) error {
		u, err := tx.User(ctx, user)
		if err == nil && u.Account != a.name && !a.system() {
			err = store.ErrNone
		}
		if err != nil {
			return noUser(err, user)
		}
		return tx.PutMember(ctx, store.Member{User: user, Account: a.name, Role: roleOf(role), Granter: a.user(), CreatedAt: now})
	})
	return wire.RoleMember{Username: user, Domain: a.name, CreatedAt: &now}, err
}

// Ungrant takes a role in the account from a user.
func (a *Account) Ungrant(ctx context.Context, role, user string) error {
	if _, err := roleNamed(role); err != nil {
		return err
	}
	return a.inTx(ctx, func(tx *store.Tx) error {
		err := tx.DeleteMember(ctx, user, a.name, roleOf(role))
		if errors.Is(err, store.ErrNone) {
			err = fault.New(fault.NotFound, "%.128q has no role %s in the account %s", user, role, a.name)
		}
		return err
	})
}

// UserRoles are the roles of a user; in one account, where domain is not "". Of
// users of other accounts, those that they have in this one.
func (a *Account) UserRoles(ctx context.Context, user, domain, role string) ([]wire.RoleMembership, error) {
	if !a.system() {
		if domain != "" && domain != a.name {
			return nil, noAccount(store.ErrNone, domain)
		}
		domain = a.name
	}
	members, err := a.server.store.View().Members(ctx, user, domain)
	if err != nil {
		return nil, err
	}
	u, err := a.server.store.View().User(ctx, user) // nobody's costs as much as somebody else's
	if err != nil {
		return nil, noUser(err, user)
	}
	if len(members) == 0 && u.Account != a.name && !a.system() {
		return nil, noUser(store.ErrNone, user)
	}
	list := []wire.RoleMembership{}
	for _, m := range members {
		if role == "" || roleNames[m.Role] == role {
			list = append(list, wire.RoleMembership{Role: roleNames[m.Role], Account: m.Account, Domain: m.Account, CreatedAt: m.CreatedAt})
		}
	}
	return list, nil
}
