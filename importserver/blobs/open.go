package blobs

import (
	"context"
	"fmt"
	"maps"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
)

// drivers are the places that can hold blobs, by the scheme of their URL. What has
// no scheme is a folder's path.
var drivers = map[string]func(context.Context, *url.URL) (backend, error){
	"file": openFolder, // file:PATH
	"s3":   openS3,     // s3://BUCKET[/PREFIX][?endpoint=URL&region=NAME&…]
}

// Schemes are the kinds of places that Open knows.
func Schemes() []string { return slices.Sorted(maps.Keys(drivers)) }

// Open keeps blobs where a URL says, and what is not yet complete below temp: a
// folder, made where absent, of this process alone. A store that cannot be used
// now is a fault that says why.
func Open(ctx context.Context, at, temp string) (*Store, error) {
	if err := os.MkdirAll(temp, 0o700); err != nil {
		return nil, fmt.Errorf("open blobs: %w", err)
	}
	u := &url.URL{Scheme: "file", Path: at}
	if scheme, _, ok := strings.Cut(at, ":"); ok && !strings.Contains(scheme, "/") {
		if drivers[scheme] == nil {
			return nil, fault.New(fault.Invalid, "open blobs: unknown kind %.40q; have %s", scheme, strings.Join(Schemes(), ", ")).
				WithHint("--blobs takes a folder, or a URL such as s3://BUCKET?region=eu-west-1")
		}
		var err error
		if u, err = url.Parse(at); err != nil {
			return nil, fault.New(fault.Invalid, "open blobs: this is not a URL: %w", err.(*url.Error).Err)
		}
	}
	if u.User != nil {
		return nil, fault.New(fault.Invalid, "open blobs: credentials do not belong into a %s URL", u.Scheme).WithHint(credentialsHint)
	}
	b, err := drivers[u.Scheme](ctx, u)
	if err != nil {
		return nil, err
	}
	return &Store{backend: b, temp: temp}, nil
}
