package openapi_test

import (
	"strings"
	"testing"

	"github.com/tidepole/tidepole/importserver/openapi"
)

func TestBodiesOfTooManyValues(t *testing.T) {
	for name, test := range map[string]struct {
		body string
		ok   bool
	}{
		"as many as may be": {"[0" + strings.Repeat(",0", 499_999) + "]", true},
		"one more":          {"[0" + strings.Repeat(",0", 500_000) + "]", false},
		"nested":            {"[" + strings.Repeat("[],", 300_000) + "[]]", false},
		"commas in a text":  {`{"a":"` + strings.Repeat(`,[{\"\\`, 600_000) + `"}`, true},
		"after such a text": {`["\\","` + strings.Repeat(",", 10) + `"` + strings.Repeat(",0", 500_000) + "]", false},
	} {
		if _, err := openapi.Strict([]byte(test.body)); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
