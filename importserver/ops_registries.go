package importserver

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
)

// registriesOps are the operations of registries and repositories.
var registriesOps = map[string]operation{
	"list_registries": listRegistries,
	"create_registry": createRegistry,
	"get_registry":    getRegistry,
	"update_registry": updateRegistry,
	"delete_registry": deleteRegistry,
	"add_repository":  addRepository,
}

func listRegistries(a *Account, w http.ResponseWriter, r *http.Request) error {
	list, err := a.Registries(r.Context())
	return give(w, list, err)
}

// giveRegistry answers with a list of one, as the contract has it.
func giveRegistry(w http.ResponseWriter, r wire.Registry, err error) error {
	return give(w, []wire.Registry{r}, err)
}

// flag is a truth value of a query that the description has checked.
func flag(q url.Values, name string, without bool) bool {
	b, err := strconv.ParseBool(strings.ToLower(q.Get(name)))
	if err != nil {
		return without
	}
	return b
}

func createRegistry(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.RegistryRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	g, err := a.AddRegistry(r.Context(), req, flag(r.URL.Query(), "validate", true))
	return giveRegistry(w, g, err)
}

func getRegistry(a *Account, w http.ResponseWriter, r *http.Request) error {
	g, err := a.Registry(r.Context(), r.PathValue("registry"))
	return giveRegistry(w, g, err)
}

func updateRegistry(a *Account, w http.ResponseWriter, r *http.Request) error {
	var req wire.RegistryRequest
	if err := readJSON(r, &req); err != nil {
		return err
	}
	g, err := a.UpdateRegistry(r.Context(), r.PathValue("registry"), req, flag(r.URL.Query(), "validate", true))
	return giveRegistry(w, g, err)
}

func deleteRegistry(a *Account, w http.ResponseWriter, r *http.Request) error {
	if err := a.DeleteRegistry(r.Context(), r.PathValue("registry")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func addRepository(a *Account, w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	s, err := a.AddRepository(r.Context(), q.Get("repository"), wire.RepositoryOptions{
		AutoSubscribe: flag(q, "auto_subscribe", false), DryRun: flag(q, "dry_run", false) || flag(q, "dryrun", false),
		ExcludeTags: flag(q, "exclude_existing_tags", false),
	})
	return giveSubscription(w, s, err)
}
