package store

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
)

// drivers are the databases that can hold rows, by the scheme of their URL.
var drivers = map[string]func(ctx context.Context, url string) (*Store, error){
	"sqlite":     openSQLite,   // sqlite:PATH
	"postgres":   openPostgres, // postgres://USER:PASSWORD@HOST:PORT/DATABASE?OPTION=VALUE
	"postgresql": openPostgres,
}

func connect(ctx context.Context, url string) (*Store, error) {
	scheme, _, _ := strings.Cut(url, ":")
	open, ok := drivers[scheme]
	if !ok { // of a URL that lacks a scheme, any part may be a password
		return nil, fault.New(fault.Invalid, "open store: its URL begins with none of %s", strings.Join(slices.Sorted(maps.Keys(drivers)), ", ")).
			WithHint("a store for several processes is a PostgreSQL database: postgres://USER:PASSWORD@HOST:PORT/DATABASE; without a URL it is a SQLite file in the data folder")
	}
	return open(ctx, url)
}
