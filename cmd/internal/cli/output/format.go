// Package output writes results: as text for people, and as JSON, CSV or ids for
// programs.
package output

import (
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
)

// The formats.
const (
	Text    = "text"
	JSON    = "json"     // keys as in imageDigest
	JSONRaw = "json-raw" // keys as the API has them, image_digest
	ID      = "id"       // identifiers alone, one a line
	CSV     = "csv"
)

var all = []string{Text, JSON, JSONRaw, ID, CSV}

// Choose checks that a command has the format asked for; "" is its first.
func Choose(format string, has ...string) (string, error) {
	switch {
	case format == "":
		return has[0], nil
	case slices.Contains(has, format):
		return format, nil
	}
	return "", fault.New(fault.Invalid, "unknown output format %q", format).
		WithHint("this command has %s", strings.Join(has, ", "))
}
