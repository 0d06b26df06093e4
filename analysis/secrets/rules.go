package secrets

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"go.yaml.in/yaml/v3"
)

//go:embed rules/*.yaml filters.yaml
var files embed.FS

// embedded is what the files say, read once.
type embedded struct {
	rules   []Rule
	filters *filters
	text    []byte // all files, for the fingerprint
}

var load = sync.OnceValues(func() (*embedded, error) {
	e := &embedded{}
	if err := e.read("filters.yaml", &e.filters); err != nil {
		return nil, err
	}
	entries, err := files.ReadDir("rules")
	if err != nil {
		return nil, fmt.Errorf("list secret rules: %w", err)
	}
	for _, entry := range entries {
		var rows []Rule
		if err := e.read("rules/"+entry.Name(), &rows); err != nil {
			return nil, err
		}
		e.rules = append(e.rules, rows...)
	}
	if err := e.filters.compile(); err != nil {
		return nil, err
	}
	for _, r := range e.rules { // so that rules made ready later only read the filters
		if _, err := e.filters.pathFilter(r.Paths, r.Skip); err != nil {
			return nil, fmt.Errorf("rule %s: %w", r.Name, err)
		}
	}
	return e, nil
})

func (e *embedded) read(name string, into any) error {
	text, err := files.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	e.text = append(e.text, text...)
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	if err := dec.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// Rules are the embedded rules, in the order of their files. It panics when
// these cannot be read, which the tests rule out.
func Rules() []Rule {
	e, err := load()
	if err != nil {
		panic(err)
	}
	return slices.Clone(e.rules)
}
