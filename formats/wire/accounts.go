package wire

import "time"

// States of an account.
const (
	AccountEnabled  = "enabled"
	AccountDisabled = "disabled"
	AccountDeleting = "deleting"
)

// Roles of a user in an account, each of which includes those before it.
const (
	RoleRead  = "read-only"
	RoleWrite = "read-write"
	RoleAdmin = "full-control"
)

// KeyUser is the name under which an API key is given as a password.
const KeyUser = "_api_key"

// Account is whose images, policies and all else are.
type Account struct {
	Name        string    `json:"name"`
	Type        string    `json:"type"` // admin, user
	State       string    `json:"state"`
	Email       string    `json:"email"`
	CreatedAt   time.Time `json:"created_at"`
	LastUpdated time.Time `json:"last_updated"`
}

// AccountRequest makes an account, or changes its address.
type AccountRequest struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
}

// AccountState is the state that an account is to have, or has.
type AccountState struct {
	State string `json:"state"`
}

// User is somebody who signs in.
type User struct {
	Username        string      `json:"username"`
	AccountName     string      `json:"account_name"`
	Type            string      `json:"type"` // native
	Source          *string     `json:"source"`
	IdentityPeer    *string     `json:"idp_name"`
	CreatedAt       time.Time   `json:"created_at"`
	LastUpdated     time.Time   `json:"last_updated"`
	PasswordUpdated *time.Time  `json:"password_last_updated"`
	Roles           []RoleGrant `json:"unified_roles,omitempty"`
}

// UserList is a list of users.
type UserList struct {
	Items []User `json:"items"`
	Total int    `json:"total_rows"`
}

// UserRequest makes a user.
type UserRequest struct {
	Username string `json:"username"`
	Password string `json:"password,omitempty"`
	Type     string `json:"user_type,omitempty"` // native, the only one there is
}

// RoleGrant is a role that a user has in an account.
type RoleGrant struct {
	Role    string    `json:"role_name"`
	Account string    `json:"domain_name"`
	Granter string    `json:"granter"`
	Type    string    `json:"grant_type"` // direct
	At      time.Time `json:"granted_at"`
}

// Credential is a user's password: shown, it says only that there is one.
type Credential struct {
	Type      string `json:"type"` // password
	Value     string `json:"value"`
	CreatedAt string `json:"created_at,omitempty"`
}

// APIKey acts as its user. Its value is shown once.
type APIKey struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	ExpiresAt   string    `json:"expires_at"` // RFC 3339, in seconds, UTC
	CreatedAt   time.Time `json:"created_at,omitzero"`
	UpdatedAt   time.Time `json:"updated_at,omitzero"`
	Value       string    `json:"value,omitempty"`
	Status      string    `json:"status,omitempty"` // active, expired, revoked
}

// APIKeyList is a list of keys.
type APIKeyList struct {
	Items []APIKey `json:"items"`
}

// APIKeyChange changes what is not nil.
type APIKeyChange struct {
	Name        *string `json:"name"`
	Description *string `json:"description"`
	Status      *string `json:"status"` // revoked
}

// Role is what users may do in an account.
type Role struct {
	Name        string       `json:"name"`
	Description string       `json:"description"`
	Permissions []Permission `json:"permissions,omitempty"`
	Immutable   bool         `json:"immutable"`
}

// Permission is one thing that a role allows.
type Permission struct {
	Action string `json:"action"`
	Target string `json:"target"`
}

// RoleSummary is a role in a list.
type RoleSummary struct {
	Name        string `json:"name"`
	Description string `json:"description"`
}

// RoleMember is a user who has a role in an account, which stands under two names.
type RoleMember struct {
	Username   string     `json:"username"`
	ForAccount string     `json:"for_account,omitempty"`
	Domain     string     `json:"domain_name,omitempty"`
	CreatedAt  *time.Time `json:"created_at,omitempty"`
}

// RoleMembership is a role that a user has.
type RoleMembership struct {
	Role      string    `json:"role"`
	Account   string    `json:"for_account"`
	Domain    string    `json:"domain_name"`
	CreatedAt time.Time `json:"created_at"`
}

// AccountRole is an account in which the user has a role.
type AccountRole struct {
	ForAccount string  `json:"for_account"`
	Domain     string  `json:"domain_name"`
	Role       Role    `json:"roles"`
	Account    Account `json:"account"`
}

// Token is the answer of POST /oauth/token.
type Token struct {
	Access    string `json:"access_token"`
	ExpiresIn int    `json:"expires_in"` // seconds
	Type      string `json:"token_type"` // Bearer
	Refresh   string `json:"refresh_token"`
}
