package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// drivers are the databases that can hold rows, by the scheme of their URL.
var drivers = map[string]func(ctx context.Context, rest string) (*Store, error){
	"sqlite": openSQLite, // sqlite:PATH
}

func connect(ctx context.Context, url string) (*Store, error) {
	scheme, rest, _ := strings.Cut(url, ":")
	open, ok := drivers[scheme]
	if !ok {
		return nil, fmt.Errorf("open store: unknown kind %q; have %s", scheme, strings.Join(slices.Sorted(maps.Keys(drivers)), ", "))
	}
	return open(ctx, rest)
}
