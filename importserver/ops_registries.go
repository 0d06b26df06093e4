package importserver

// registriesOps are the operations of registries and repositories.
var registriesOps = map[string]operation{}

// registriesPending are those that are yet to be built.
var registriesPending = []string{
	"list_registries",
	"create_registry",
	"get_registry",
	"update_registry",
	"delete_registry",
	"add_repository",
}
