package output

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode"
)

// WriteJSON writes v, indented, as JSON or JSONRaw has it.
func WriteJSON(w io.Writer, format string, v any) error {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	data := b.Bytes()
	if format == JSON {
		var err error
		if data, err = camelCase(data); err != nil {
			return fmt.Errorf("encode the result: %w", err)
		}
	}
	var out bytes.Buffer
	if err := json.Indent(&out, bytes.TrimSpace(data), "", "  "); err != nil {
		return fmt.Errorf("encode the result: %w", err)
	}
	out.WriteByte('\n')
	_, err := io.WriteString(w, escapeControls(out.String()))
	return err
}

// Strangers' names are the keys of these objects; they stay as they are.
var free = map[string]bool{"annotations": true, "labels": true}

// camelCase renames the keys of all objects, and keeps their order.
func camelCase(data []byte) ([]byte, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	var b bytes.Buffer
	err := rename(dec, &b, true)
	return b.Bytes(), err
}

func rename(dec *json.Decoder, b *bytes.Buffer, on bool) error {
	t, err := dec.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return renameObject(dec, b, on)
	case json.Delim('['):
		return renameArray(dec, b, on)
	}
	return writeToken(b, t)
}

func renameObject(dec *json.Decoder, b *bytes.Buffer, on bool) error {
	b.WriteByte('{')
	for n := 0; dec.More(); n++ {
		t, err := dec.Token()
		if err != nil {
			return err
		}
		key, _ := t.(string)
		if n > 0 {
			b.WriteByte(',')
		}
		name := key
		if on {
			name = camel(key)
		}
		if err := writeToken(b, name); err != nil {
			return err
		}
		b.WriteByte(':')
		if err := rename(dec, b, on && !free[key]); err != nil {
			return err
		}
	}
	b.WriteByte('}')
	_, err := dec.Token()
	return err
}

func renameArray(dec *json.Decoder, b *bytes.Buffer, on bool) error {
	b.WriteByte('[')
	for n := 0; dec.More(); n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		if err := rename(dec, b, on); err != nil {
			return err
		}
	}
	b.WriteByte(']')
	_, err := dec.Token()
	return err
}

func writeToken(b *bytes.Buffer, t any) error {
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(t); err != nil {
		return err
	}
	b.Truncate(b.Len() - 1) // the encoder's line end
	return nil
}

// camel turns image_digest and implementation-version into imageDigest and
// implementationVersion.
func camel(key string) string {
	words := strings.FieldsFunc(key, func(r rune) bool { return r == '_' || r == '-' })
	for i := 1; i < len(words); i++ {
		words[i] = strings.ToUpper(words[i][:1]) + words[i][1:]
	}
	return strings.Join(words, "")
}

// escapeControls writes as \u what JSON allows in texts but a terminal acts on.
func escapeControls(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= 0x7f && r < 0xa0 || unicode.In(r, unicode.Cf) && r <= 0xffff {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}
