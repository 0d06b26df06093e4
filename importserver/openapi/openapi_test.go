package openapi_test

import (
	"testing"

	"github.com/tidepole/tidepole/importserver/openapi"
)

func TestTheDescriptionLoads(t *testing.T) {
	d, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	permissions := map[string]bool{"open": true, "self": true, "read": true, "write": true, "admin": true, "system": true}
	for _, o := range d.Operations() {
		if o.ID == "" || o.Area == "" || !permissions[o.Permission] {
			t.Errorf("%s %s: operationId %q, area %q, x-permission %q", o.Method, o.Path, o.ID, o.Area, o.Permission)
		}
	}
}
