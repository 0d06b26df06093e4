package importserver

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/store"
)

// plainDockerfile replaces a Dockerfile that a client wrote as a JSON string by
// what the string says. The upload stays as it came.
func (s *Server) plainDockerfile(ctx context.Context, parts []store.Part) error {
	for i, p := range parts {
		if p.Kind != string(bundle.Dockerfile) {
			continue
		}
		r, err := s.blobs.Open(ctx, keyOf(p))
		if err != nil {
			return err
		}
		data, err := io.ReadAll(io.LimitReader(r, bundle.MaxDockerfile+1))
		r.Close()
		if err != nil {
			return err
		}
		text, ok, err := unquoted(data)
		if err != nil || !ok {
			return err
		}
		parts[i], err = s.keep(ctx, bundle.Dockerfile, "text/plain", strings.NewReader(text))
		return err
	}
	return nil
}

// unquoted is the text of a Dockerfile that is a JSON string; ok tells whether it
// is one. Any other kind of JSON is no Dockerfile.
func unquoted(data []byte) (text string, ok bool, err error) {
	data = bytes.TrimSpace(data)
	if len(data) == 0 || !strings.ContainsRune(`"{[`, rune(data[0])) || !json.Valid(data) {
		return "", false, nil
	}
	if json.Unmarshal(data, &text) != nil {
		return "", false, fault.New(fault.Invalid, "import image: its dockerfile is JSON, but no text").
			WithDetail("content_type", string(bundle.Dockerfile))
	}
	return text, true, nil
}
