package importserver

import (
	"cmp"
	"net/http"

	"github.com/tidepole/tidepole/formats/wire"
)

// accountsOps are the operations of accounts, users and what they sign in with.
var accountsOps = map[string]operation{
	"get_users_account":    getOwnAccount,
	"list_accounts":        listAccounts,
	"create_account":       createAccount,
	"get_account":          getAccount,
	"update_account":       updateAccount,
	"delete_account":       deleteAccount,
	"update_account_state": putAccountState,

	"list_all_system_users": listAllUsers,
	"list_users":            inAccount(listUsers),
	"list_users_with_roles": inAccount(listUsersWithRoles),
	"create_user":           inAccount(createUser),
	"get_account_user":      inAccount(getAccountUser),
	"delete_user":           inAccount(deleteUser),
	"get_user":              asSelf(getAccountUser),

	"list_user_credentials":  inAccount(getCredentials),
	"create_user_credential": inAccount(postCredential),
	"delete_user_credential": inAccount(deleteCredential),
	"get_credentials":        asSelf(getCredentials),
	"add_credential":         asSelf(postCredential),

	"list_user_api_keys":  inAccount(listKeys),
	"create_user_api_key": inAccount(postKey),
	"get_user_api_key":    inAccount(getKey),
	"patch_user_api_key":  inAccount(patchKey),
	"delete_user_api_key": inAccount(deleteKey),
	"list_api_keys":       asSelf(listKeys),
	"create_api_key":      asSelf(postKey),
	"get_api_key":         asSelf(getKey),
	"patch_api_key":       asSelf(patchKey),
	"delete_api_key":      asSelf(deleteKey),

	"get_oauth_token":    postToken,
	"revoke_oauth_token": postRevoke,

	"my_roles":          getMyRoles,
	"list_roles":        listRoles,
	"get_role":          getRole,
	"list_role_members": listRoleMembers,
	"add_role_user":     addRoleUser,
	"delete_role_user":  deleteRoleUser,
	"list_user_roles":   listUserRoles,
}

// inAccount does an operation in the account that the path names.
func inAccount(do operation) operation {
	return func(a *Account, w http.ResponseWriter, r *http.Request) error {
		other, _, err := a.over(r.Context(), r.PathValue("account_name"))
		if err != nil {
			return err
		}
		return do(other, w, r)
	}
}

// asSelf does an operation of a user's for whoever asks.
func asSelf(do operation) operation {
	return func(a *Account, w http.ResponseWriter, r *http.Request) error {
		r.SetPathValue("username", a.user())
		return do(a.self(), w, r)
	}
}

func getOwnAccount(a *Account, w http.ResponseWriter, r *http.Request) error {
	info, err := a.AccountInfo(r.Context(), a.name)
	return give(w, info, err)
}

func listAccounts(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Accounts(r.Context(), r.URL.Query().Get("state"))
	return give(w, list, err)
}

func createAccount(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.AccountRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	info, err := a.AddAccount(r.Context(), req)
	return give(w, info, err)
}

func getAccount(a *Account, w http.ResponseWriter, r *http.Request) error {
	info, err := a.AccountInfo(r.Context(), r.PathValue("account_name"))
	return give(w, info, err)
}

func updateAccount(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.AccountRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	info, err := a.UpdateAccount(r.Context(), r.PathValue("account_name"), req)
	return give(w, info, err)
}

func deleteAccount(a *Account, w http.ResponseWriter, r *http.Request) error {
	return noContent(w, a.DeleteAccount(r.Context(), r.PathValue("account_name")))
}

func putAccountState(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.AccountState
	if err := readJSON(r, &req); err != nil {
		return err
	}
	state, err := a.SetAccountState(r.Context(), r.PathValue("account_name"), req.State)
	return give(w, state, err)
}

func listAllUsers(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.AllUsers(r.Context())
	return give(w, wire.UserList{Items: list, Total: len(list)}, err)
}

func listUsers(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Users(r.Context(), false)
	return give(w, list, err)
}

func listUsersWithRoles(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Users(r.Context(), true)
	return give(w, wire.UserList{Items: list, Total: len(list)}, err)
}

func createUser(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.UserRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	u, err := a.AddUser(r.Context(), req)
	return give(w, u, err)
}

func getAccountUser(a *Account, w http.ResponseWriter, r *http.Request) error {
	u, err := a.User(r.Context(), r.PathValue("username"))
	return give(w, u, err)
}

func deleteUser(a *Account, w http.ResponseWriter, r *http.Request) error {
	return noContent(w, a.DeleteUser(r.Context(), r.PathValue("username")))
}

func getCredentials(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Credentials(r.Context(), r.PathValue("username"))
	return give(w, list, err)
}

func postCredential(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.Credential
	if err := readJSON(r, &req); err != nil {
		return err
	}
	c, err := a.SetPassword(r.Context(), r.PathValue("username"), req.Value)
	return give(w, c, err)
}

func deleteCredential(a *Account, w http.ResponseWriter, r *http.Request) error {
	return noContent(w, a.DropPassword(r.Context(), r.PathValue("username")))
}

func listKeys(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Keys(r.Context(), r.PathValue("username"))
	return give(w, list, err)
}

func postKey(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.APIKey
	if err := readJSON(r, &req); err != nil {
		return err
	}
	k, err := a.AddKey(r.Context(), r.PathValue("username"), req)
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusCreated, k)
}

func getKey(a *Account, w http.ResponseWriter, r *http.Request) error {
	k, err := a.Key(r.Context(), r.PathValue("username"), r.PathValue("key_name"))
	return give(w, k, err)
}

func patchKey(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.APIKeyChange
	if err := readJSON(r, &req); err != nil {
		return err
	}
	k, err := a.ChangeKey(r.Context(), r.PathValue("username"), r.PathValue("key_name"), req)
	return give(w, k, err)
}

func deleteKey(a *Account, w http.ResponseWriter, r *http.Request) error {
	return noContent(w, a.DeleteKey(r.Context(), r.PathValue("username"), r.PathValue("key_name")))
}

func getMyRoles(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.MyRoles(r.Context())
	return give(w, list, err)
}

func listRoles(_ *Account, w http.ResponseWriter, _ *http.Request) error {
	list := []wire.RoleSummary{}
	for _, r := range roles {
		list = append(list, wire.RoleSummary{Name: r.Name, Description: r.Description})
	}
	return give(w, list, nil)
}

func getRole(_ *Account, w http.ResponseWriter, r *http.Request) error {
	role, err := roleNamed(r.PathValue("role_name"))
	return give(w, role, err)
}

// inDomain is the account that a request about roles is for: the one that it names,
// else the one that is acted for.
func (a *Account) inDomain(r *http.Request, domain, account string) (*Account, error) {
	other, _, err := a.over(r.Context(), cmp.Or(domain, account, a.name))
	return other, err
}

func listRoleMembers(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	a, err := a.inDomain(r, q.Get("domain_name"), q.Get("for_account"))
	if err != nil {
		return err
	}
	list, err := a.RoleMembers(r.Context(), r.PathValue("role_name"))
	return give(w, list, err)
}

func addRoleUser(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.RoleMember
	if err := readJSON(r, &req); err != nil {
		return err
	}
	a, err := a.inDomain(r, req.Domain, req.ForAccount)
	if err != nil {
		return err
	}
	m, err := a.Grant(r.Context(), r.PathValue("role_name"), req.Username)
	return give(w, m, err)
}

func deleteRoleUser(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	a, err := a.inDomain(r, q.Get("domain_name"), q.Get("for_account"))
	if err != nil {
		return err
	}
	return noContent(w, a.Ungrant(r.Context(), r.PathValue("role_name"), q.Get("username")))
}

func listUserRoles(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	list, err := a.UserRoles(r.Context(), r.PathValue("username"), cmp.Or(q.Get("domain_name"), q.Get("for_account")), q.Get("role"))
	return give(w, list, err)
}
