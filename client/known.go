package client

import "github.com/tidepole/tidepole/formats/table"

// decodeHeader is a header's text.
func decodeHeader(s string) string { return table.Clean(s) }
