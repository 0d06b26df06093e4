package importserver

import (
	"net/http"

	"github.com/tidepole/tidepole/formats/wire"
)

// getPolicySpec describes what rules can be made of.
func getPolicySpec(a *Account, w http.ResponseWriter, _ *http.Request) error {
	spec := a.server.functions.PolicySpec
	if spec == nil {
		spec = []wire.GateSpec{}
	}
	return give(w, spec, nil)
}
