package importserver

import (
	"cmp"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/wire"
)

// packageNames are the API's names of package types in content answers, where
// they are neither syft's nor wire.PackageType's.
var packageNames = map[string]string{
	"npm": "NPM", "gem": "GEM", "python": "PYTHON", "java-archive": "JAVA-JAR", "jenkins-plugin": "JAVA-HPI",
}

// packageOf is a package as content answers show it.
func packageOf(p bundle.Package) wire.Package {
	kind, os := wire.PackageType(p.Type)
	out := wire.Package{
		Name: p.Name, Version: cmp.Or(p.Version, "Unknown"), Type: cmp.Or(packageNames[p.Type], kind, "Unknown"),
		Size: "N/A", Origin: "Unknown", Licenses: licenses(p), Location: "N/A",
		CPEs: []string{}, PURL: p.PURL, MetadataType: p.MetadataType, Metadata: p.Metadata,
	}
	if len(p.Locations) > 0 {
		out.Location = p.Locations[0].Path
	}
	for _, c := range p.CPEs {
		out.CPEs = append(out.CPEs, c.Value)
	}
	var m details
	if json.Unmarshal(p.Metadata, &m) == nil {
		m.fill(&out, os)
	}
	return out
}

func licenses(p bundle.Package) []string {
	list := []string{}
	for _, l := range p.Licenses {
		if v := cmp.Or(l.Value, l.SPDXExpression); v != "" {
			list = append(list, v)
		}
	}
	if len(list) == 0 {
		list = append(list, "Unknown")
	}
	return list
}

// details are what content answers show of syft's metadata; each kind of
// package has some of them.
type details struct {
	Source        text `json:"source"`        // deb
	OriginPackage text `json:"originPackage"` // apk
	SourceRPM     text `json:"sourceRpm"`     // rpm
	Maintainer    text `json:"maintainer"`    // deb, apk
	Vendor        text `json:"vendor"`        // rpm
	Author        text `json:"author"`        // npm, python
	Authors       list `json:"authors"`       // gem
	InstalledSize size `json:"installedSize"` // deb: KiB; apk: bytes
	Size          size `json:"size"`          // rpm, apk: bytes
	Architecture  text `json:"architecture"`
	Manifest      *struct {
		Main entries `json:"main"`
	} `json:"manifest"` // java
	POM *struct {
		Version text `json:"version"`
	} `json:"pomProperties"` // java
}

func (m details) fill(out *wire.Package, os bool) {
	origin := cmp.Or(string(m.Maintainer), string(m.Vendor), string(m.Author), strings.Join(m.Authors, ", "))
	if origin != "" {
		out.Origin = origin
	}
	if os {
		out.SourcePackage = cmp.Or(string(m.Source), string(m.OriginPackage), string(m.SourceRPM), out.Name)
	}
	switch bytes := int64(m.Size); {
	case out.Type == "dpkg" && m.InstalledSize > 0:
		out.Size = strconv.FormatInt(int64(m.InstalledSize)*1024, 10)
	case m.InstalledSize > 0:
		out.Size = strconv.FormatInt(int64(m.InstalledSize), 10)
	case bytes > 0:
		out.Size = strconv.FormatInt(bytes, 10)
	}
	if m.Manifest != nil {
		out.Implementation = m.Manifest.Main["Implementation-Version"]
		out.Specification = m.Manifest.Main["Specification-Version"]
	}
	if m.POM != nil {
		out.Maven = string(m.POM.Version)
	}
}

// The values below come from strangers' package databases by way of syft, whose
// shapes have changed: what is not as expected is left out.

// text is a string, or "".
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) == nil {
		*t = text(s)
	}
	return nil
}

// list is a list of strings, or nothing.
type list []string

func (l *list) UnmarshalJSON(data []byte) error {
	var s []string
	if json.Unmarshal(data, &s) == nil {
		*l = s
	}
	return nil
}

// size is a number, or 0.
type size int64

func (s *size) UnmarshalJSON(data []byte) error {
	n, err := strconv.ParseInt(strings.Trim(string(data), `"`), 10, 64)
	if err == nil {
		*s = size(n)
	}
	return nil
}

// entries are the entries of a JAR's manifest: an object in old documents, a list
// of keys and values in new ones.
type entries map[string]string

func (e *entries) UnmarshalJSON(data []byte) error {
	var object map[string]string
	if json.Unmarshal(data, &object) == nil {
		*e = object
		return nil
	}
	var pairs []struct{ Key, Value string }
	if json.Unmarshal(data, &pairs) == nil {
		*e = entries{}
		for _, p := range pairs {
			(*e)[p.Key] = p.Value
		}
	}
	return nil
}
