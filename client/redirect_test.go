package client_test

import (
	"net/http"
	"testing"

	"github.com/tidepole/tidepole/client"
)

func TestRedirectsToWhichServer(t *testing.T) {
	for _, test := range []struct {
		from, to string
		followed bool
	}{
		{"http://a/x", "http://a/y", true},
		{"http://a/x", "https://a/x", true},
		{"http://a:80/x", "https://a:443/x", true},
		{"http://a:8228/x", "https://a:8229/x", false},
		{"http://a:8228/x", "https://a/x", false},
		{"http://a/x", "https://a:8443/x", false},
		{"http://a:1/x", "http://a:2/x", false},
		{"http://a/x", "http://b/x", false},
		{"https://a/x", "http://a/x", false},
	} {
		from, err := http.NewRequest("GET", test.from, nil)
		if err != nil {
			t.Fatal(err)
		}
		to, err := http.NewRequest("GET", test.to, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := client.CheckRedirect(to, []*http.Request{from}); (err == nil) != test.followed {
			t.Errorf("%s to %s: %v", test.from, test.to, err)
		}
	}
}
