package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
)

// sections are what must be equal in two syft documents, as sets of lines.
type sections map[string]map[string]bool

// The sections.
const (
	packages      = "packages"
	relationships = "relationships"
	fileMetadata  = "files"
	executables   = "executables"
)

// readSections reads a syft document, element by element.
func readSections(r io.Reader) (sections, error) {
	s := sections{packages: {}, relationships: {}, fileMetadata: {}, executables: {}}
	var links [][3]string
	source := ""
	d := json.NewDecoder(r)
	if _, err := d.Token(); err != nil {
		return nil, err
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch name {
		case "artifacts":
			err = each(d, func(p artifact) { s[packages][p.line()] = true })
		case "artifactRelationships":
			err = each(d, func(r relation) { links = append(links, [3]string{r.Parent, r.Child, r.Type}) })
		case "files":
			err = each(d, s.addFile)
		case "source":
			var v struct{ ID string }
			err = d.Decode(&v)
			source = v.ID
		default:
			var v json.RawMessage
			err = d.Decode(&v)
		}
		if err != nil {
			return nil, err
		}
	}
	// What the image is called depends on where it was read.
	for _, l := range links {
		s[relationships][strings.ReplaceAll(strings.Join(l[:], " "), source, "SOURCE")] = true
	}
	return s, nil
}

func each[T any](d *json.Decoder, visit func(T)) error {
	if t, err := d.Token(); err != nil || t != json.Delim('[') {
		return err
	}
	for d.More() {
		var v T
		if err := d.Decode(&v); err != nil {
			return err
		}
		visit(v)
	}
	_, err := d.Token()
	return err
}

type location struct {
	Path       string `json:"path"`
	LayerID    string `json:"layerID"`
	AccessPath string `json:"accessPath"`
}

type artifact struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Version   string     `json:"version"`
	Type      string     `json:"type"`
	PURL      string     `json:"purl"`
	Locations []location `json:"locations"`
}

func (p artifact) line() string {
	var where []string
	for _, l := range p.Locations {
		where = append(where, l.AccessPath+"="+l.Path+"@"+l.LayerID)
	}
	slices.Sort(where)
	return fmt.Sprintf("%s %s %s %s %s %s", p.Type, p.Name, p.Version, p.ID, p.PURL, strings.Join(where, " "))
}

type relation struct {
	Parent string `json:"parent"`
	Child  string `json:"child"`
	Type   string `json:"type"`
}

type fileEntry struct {
	ID         string          `json:"id"`
	Location   location        `json:"location"`
	Metadata   json.RawMessage `json:"metadata"`
	Digests    json.RawMessage `json:"digests"`
	Executable json.RawMessage `json:"executable"`
}

func (s sections) addFile(f fileEntry) {
	name := f.Location.Path + "@" + f.Location.LayerID
	s[fileMetadata][name+" "+f.ID+" "+canonical(f.Metadata)+" "+canonical(f.Digests)] = true
	if len(f.Executable) > 0 {
		s[executables][name+" "+canonical(f.Executable)] = true
	}
}

// canonical is JSON with its keys in order.
func canonical(data json.RawMessage) string {
	if len(data) == 0 {
		return ""
	}
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return string(data)
	}
	out, _ := json.Marshal(v)
	return string(out)
}

// difference is how one section of an image differs.
type difference struct {
	Section        string
	Syft, Tidepole int // elements
	Missing, More  []string
	Unsteady       []string `json:",omitempty"` // in some of syft's own answers, and not in others
}

// settle takes from what differs all that differs between syft's own answers,
// too: peer is what it said of the same image at another time.
func (d *difference) settle(peer sections) {
	unsteady := func(lines []string, there bool) (left []string) {
		for _, line := range lines {
			if peer[d.Section][line] == there {
				d.Unsteady = append(d.Unsteady, line)
			} else {
				left = append(left, line)
			}
		}
		return left
	}
	d.Missing, d.More = unsteady(d.Missing, false), unsteady(d.More, true)
}

func unequal(list []difference) bool {
	return slices.ContainsFunc(list, func(d difference) bool { return len(d.Missing)+len(d.More) > 0 })
}

func compare(peer, own sections) []difference {
	var list []difference
	for _, name := range []string{packages, relationships, fileMetadata, executables} {
		d := difference{Section: name, Syft: len(peer[name]), Tidepole: len(own[name])}
		for _, line := range slices.Sorted(maps.Keys(peer[name])) {
			if !own[name][line] {
				d.Missing = append(d.Missing, line)
			}
		}
		for _, line := range slices.Sorted(maps.Keys(own[name])) {
			if !peer[name][line] {
				d.More = append(d.More, line)
			}
		}
		list = append(list, d)
	}
	return list
}

// evidence opens a file that tidepole wrote.
func evidence(name, temp string) (*bundle.Bundle, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return bundle.ReadFile(f, temp, bundle.Limits{})
}

func evidenceSections(b *bundle.Bundle) (sections, error) {
	p, ok := b.Part(bundle.Packages)
	if !ok {
		return nil, fmt.Errorf("the evidence has no %s", bundle.Packages)
	}
	r, err := p.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return readSections(r)
}

// found gives the findings of the secret search, as rule and path.
func found(b *bundle.Bundle) (map[secret]int, error) {
	p, ok := b.Part(bundle.SecretSearches)
	if !ok {
		return nil, fmt.Errorf("the evidence has no %s", bundle.SecretSearches)
	}
	r, err := p.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	all := map[secret]int{}
	return all, bundle.EachSearch(r, func(s bundle.Search) error {
		for _, m := range s.Matches {
			all[secret{m.Classification, s.Location.Path}]++
		}
		return nil
	})
}

func filePeer(name string) (sections, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readSections(f)
}
