package importserver

import (
	"fmt"
	"maps"
	"net/http"

	"github.com/tidepole/tidepole/importserver/openapi"
)

// operation does what the API's description calls by an operationId. Who asks, and
// what he asks, were checked by the description before.
type operation func(a *Account, w http.ResponseWriter, r *http.Request) error

// areas are the operations that there are, as the description's files divide them.
func areas() map[string]map[string]operation {
	return map[string]map[string]operation{
		"accounts": accountsOps, "contents": contentsOps, "events": eventsOps, "images": imagesOps, "imports": importsOps,
		"query": queryOps, "queue": queueOps, "registries": registriesOps, "reports": reportsOps, "system": systemOps,
	}
}

// operations are all operations by their operationId. Each is described, and each
// that is described is there.
func operations(d *openapi.Document) (map[string]operation, error) {
	all := map[string]operation{}
	for area, ops := range areas() {
		for id, do := range ops {
			if all[id] != nil || d.Operation(id) == nil || d.Operation(id).Area != area {
				return nil, fmt.Errorf("operation %s of %s is not described there, or is there twice", id, area)
			}
			all[id] = do
		}
	}
	for _, o := range d.Operations() {
		if all[o.ID] == nil {
			return nil, fmt.Errorf("operation %s is described, and nothing does it", o.ID)
		}
	}
	return all, nil
}

// mustOperations is for Handler: that the program's own description and code fit
// is tested.
func mustOperations() (*openapi.Document, map[string]operation) {
	d, err := openapi.Load()
	if err != nil {
		panic(err)
	}
	ops, err := operations(d)
	if err != nil {
		panic(err)
	}
	return d, maps.Clone(ops)
}
