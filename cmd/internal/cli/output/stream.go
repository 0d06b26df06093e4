package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
)

// Stream writes an object whose last member is a list that is too long to keep
// in memory.
type Stream struct {
	w      io.Writer
	format string
	n      int
}

// NewStream writes head's members except list, which it begins.
func NewStream(w io.Writer, format string, head any, list string) (*Stream, error) {
	var b bytes.Buffer
	if err := WriteJSON(&b, format, head); err != nil {
		return nil, err
	}
	if format == JSON {
		list = camel(list)
	}
	start, _, found := bytes.Cut(b.Bytes(), []byte(fmt.Sprintf("  %q: null", list)))
	if !found {
		return nil, fmt.Errorf("encode the result: it has no member %q that is empty", list)
	}
	_, err := fmt.Fprintf(w, "%s  %q: [", start, list)
	return &Stream{w: w, format: format}, err
}

// Add writes an element of the list.
func (s *Stream) Add(v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	if s.format == JSON {
		if data, err = camelCase(data); err != nil {
			return fmt.Errorf("encode the result: %w", err)
		}
	}
	comma := ","
	if s.n == 0 {
		comma = ""
	}
	s.n++
	_, err = fmt.Fprintf(s.w, "%s\n    %s", comma, escapeControls(string(data)))
	return err
}

// Close ends the list and the object.
func (s *Stream) Close() error {
	end := "]\n}\n"
	if s.n > 0 {
		end = "\n  ]\n}\n"
	}
	_, err := io.WriteString(s.w, end)
	return err
}
