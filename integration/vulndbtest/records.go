package vulndbtest

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

//go:embed records/*.json
var files embed.FS

// read decodes one file of records; an unknown field is a slip of the pen.
func read[T any](name string) ([]T, error) {
	data, err := files.ReadFile("records/" + name)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var records []T
	if err := dec.Decode(&records); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return records, nil
}

// object is a part of an item, in the words of its schema.
type object = map[string]any

// feeds are all records, by provider. NVD comes first: the builder takes
// severities from it that others lack.
func feeds() ([]feed, error) {
	nvd, err := read[program]("nvd.json")
	if err != nil {
		return nil, err
	}
	all := []feed{{"nvd", schemaNVD, items(nvd, program.key, program.item)}}
	distributed, err := read[distributed]("distributions.json")
	if err != nil {
		return nil, err
	}
	all = append(all, byProvider(distributed)...)
	for _, source := range []struct{ provider, file string }{{"github", "advisories.json"}, {"demo", "demo.json"}} {
		advisories, err := read[advisory](source.file)
		if err != nil {
			return nil, err
		}
		all = append(all, feed{source.provider, schemaGitHub, items(advisories, advisory.key, advisory.item)})
	}
	for _, plain := range []struct{ provider, schema, file, key string }{
		{"epss", schemaEPSS, "epss.json", "cve"},
		{"kev", schemaExploited, "exploited.json", "cveID"},
	} {
		records, err := read[object](plain.file)
		if err != nil {
			return nil, err
		}
		key := func(o object) string { return strings.ToLower(fmt.Sprint(o[plain.key])) }
		all = append(all, feed{plain.provider, plain.schema, items(records, key, func(o object) object { return o })})
	}
	return all, nil
}

func items[T any](records []T, key func(T) string, item func(T) object) map[string]any {
	out := map[string]any{}
	for _, r := range records {
		out[key(r)] = item(r)
	}
	return out
}

// byProvider splits by distribution, each of which has a feed of its own.
func byProvider(records []distributed) []feed {
	split := map[string][]distributed{}
	for _, r := range records {
		name, _, _ := strings.Cut(r.Distro, ":")
		split[name] = append(split[name], r)
	}
	var out []feed
	for _, name := range slices.Sorted(maps.Keys(split)) {
		out = append(out, feed{name, schemaOS, items(split[name], distributed.key, distributed.item)})
	}
	return out
}
