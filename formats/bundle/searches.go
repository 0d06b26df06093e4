package bundle

import (
	"encoding/json"
	"io"

	"github.com/tidepole/tidepole/formats/fault"
)

// Location is where in an image something is.
type Location struct {
	Path    string `json:"path"`              // absolute
	LayerID string `json:"layerID,omitempty"` // the layer's diff ID
}

// Search is what the rules or patterns found in one file of one layer.
type Search struct {
	Location Location `json:"location"`
	Matches  []Match  `json:"content_searches"`
}

// Match is one place where a rule or pattern matched. There is no field for
// the text that matched, so none can leave the machine.
type Match struct {
	Classification string `json:"classification"` // the rule's or pattern's name
	LineNumber     int64  `json:"line_number"`    // from 1
	LineOffset     int64  `json:"line_offset"`    // bytes from the start of the line
	SeekPosition   int64  `json:"seek_position"`  // bytes from the start of the file
	Length         int64  `json:"length"`         // bytes
}

// FileContent is a file that was retrieved whole.
type FileContent struct {
	Location Location `json:"location"`
	Contents string   `json:"contents"` // base64, standard alphabet, padded
}

// EachSearch reads a secret_searches or content_searches part, one file at a
// time, none of which may take more than 64 MiB.
func EachSearch(r io.Reader, visit func(Search) error) error { return eachElement(r, visit) }

// matchFields are what a Match may carry.
var matchFields = map[string]bool{"classification": true, "line_number": true, "line_offset": true, "seek_position": true, "length": true}

// CheckSearches refuses a part of searches whose matches carry anything but
// numbers besides their classification, for that may be what matched: a secret's
// value is not taken in. The error is fault.Invalid and does not repeat it. What
// is no part of searches at all is not its affair.
func CheckSearches(r io.Reader) error {
	type search struct {
		Matches []map[string]json.RawMessage `json:"content_searches"`
	}
	err := eachElement(r, func(s search) error {
		for _, m := range s.Matches {
			for field, value := range m {
				if !matchFields[field] && len(value) > 2 && (value[0] == '"' || value[0] == '{' || value[0] == '[') {
					return fault.New(fault.Invalid, "a match carries %.40q besides its place: values of what was found are not taken in", field).
						WithHint("have the client that searched leave the values out")
				}
			}
		}
		return nil
	})
	if fault.Of(err) == fault.Invalid {
		return err
	}
	return nil
}

// EachFileContent reads a file_contents part, one file at a time, none of which
// may take more than 64 MiB.
func EachFileContent(r io.Reader, visit func(FileContent) error) error { return eachElement(r, visit) }

func eachElement[T any](r io.Reader, visit func(T) error) error {
	e := newElements(r)
	if e.from.PeekKind() != '[' { // null is no list here
		return e.expect('[')
	}
	return each(e, visit)
}
