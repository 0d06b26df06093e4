package importserver

import (
	"time"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/openapi"
)

// principal is who signed in, and as what he acts in the account at hand.
type principal struct {
	user   string    // his name
	home   string    // the account that he belongs to
	since  time.Time // when that was made
	system bool      // he belongs to the admin account
	role   string    // in the account acted for: openapi.Read, Write or Admin
	via    string    // byPassword, byKey or byToken
}

// Ways to sign in, in words.
const (
	byPassword = "a password"
	byKey      = "an API key"
	byToken    = "a token"
)

// ranks order the roles: each includes those below it.
var ranks = map[string]int{openapi.Read: 1, openapi.Write: 2, openapi.Admin: 3}

// may refuses what the user's role in the account does not allow. The server
// itself, which is nobody, may all.
func (a *Account) may(permission string) error {
	switch {
	case a.by == nil || a.by.system || permission == openapi.Self:
		return nil
	case permission == openapi.System:
		return fault.New(fault.Forbidden, "only users of the account %s may do that", Admin)
	case ranks[a.by.role] < ranks[permission]:
		return fault.New(fault.Forbidden, "the role %s in the account %s does not allow that", roleNames[a.by.role], a.name).
			WithHint("it takes the role %s, which the account's administrator can give", roleNames[permission])
	}
	return nil
}

// inPerson refuses who did not sign in with a password. What is lent for a time, an API
// key or a token, must not make what lasts longer.
func (a *Account) inPerson() error {
	if a.by == nil || a.by.via == byPassword {
		return nil
	}
	return fault.New(fault.Forbidden, "%s may do that with a password only, not with %s", a.by.user, a.by.via).
		WithHint("sign in with the user's name and password: API keys and tokens can make no users, passwords, API keys or roles")
}

// system tells whether whoever acts may do so for all accounts.
func (a *Account) system() bool { return a.by == nil || a.by.system }

// user is the name of whoever acts.
func (a *Account) user() string {
	if a.by == nil {
		return Admin
	}
	return a.by.user
}

// roleNames are the API's names of roles.
var roleNames = map[string]string{openapi.Read: wire.RoleRead, openapi.Write: wire.RoleWrite, openapi.Admin: wire.RoleAdmin}

// roleOf is the role of an API's name; "" where there is none.
func roleOf(name string) string {
	for role, n := range roleNames {
		if n == name {
			return role
		}
	}
	return ""
}
