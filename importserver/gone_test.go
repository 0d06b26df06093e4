package importserver_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// A client that went away is no failure of the server.
func TestClientsThatGoAwayAreCountedApart(t *testing.T) {
	e := central(t)
	asked := make(chan struct{})
	e.resolving = func(ctx context.Context) error {
		close(asked)
		<-ctx.Done()
		return ctx.Err()
	}
	r := start(t, e, options(t.TempDir()))
	ctx, leave := context.WithCancel(t.Context())
	go func() { <-asked; leave() }()
	q, err := http.NewRequestWithContext(ctx, "POST", r.web.URL+wire.RouteImages, strings.NewReader(toJSON(t, byTag("alpine"))))
	if err != nil {
		t.Fatal(err)
	}
	q.SetBasicAuth(importserver.Admin, password)
	q.Header.Set("Content-Type", "application/json")
	if resp, err := http.DefaultClient.Do(q); err == nil {
		t.Fatalf("answered with %s", resp.Status)
	}
	if text := r.metrics(`code="499"`); strings.Contains(text, `code="500"`) {
		t.Errorf("it is counted as a failure:\n%s", text)
	}
}
