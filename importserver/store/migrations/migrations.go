// Package migrations holds the numbered changes of the store's tables. One text
// serves every database.
package migrations

import "embed"

// FS has the migrations, by number.
//
//go:embed *.sql
var FS embed.FS
