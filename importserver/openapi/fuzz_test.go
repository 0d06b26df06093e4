package openapi_test

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/openapi"
)

// FuzzRequest: whatever a client sends, an operation either takes it or says with
// fault.Invalid what is wrong, in a few words.
func FuzzRequest(f *testing.F) {
	d, err := openapi.Load()
	if err != nil {
		f.Fatal(err)
	}
	all := d.Operations()
	for n := range all {
		f.Add(n, "a", "history=true&limit=1", `{"source":{"tag":{"pull_string":"a:1"}},"name":null,"x":[1,{"y":"z"}]}`)
	}
	f.Add(0, "\x1b[31m", "a=%zz;b", "{\"a\":1,\"a\":2}")
	f.Add(1, "", "analysis_status=\xff", "[[[[")
	f.Fuzz(func(t *testing.T, n int, path, query, body string) {
		o := all[uint(n)%uint(len(all))]
		values, _ := url.ParseQuery(query)
		err := o.Request(func(string) string { return path }, values, http.Header{"X-Anchore-Account": {path}}, []byte(body))
		if err == nil {
			return
		}
		if fault.Of(err) != fault.Invalid || len(err.Error()) > 2000 {
			t.Errorf("%s: %v", o.ID, err)
		}
		for _, c := range err.Error() {
			if c < ' ' {
				t.Errorf("%s: the error has a control character: %q", o.ID, err)
			}
		}
	})
}
