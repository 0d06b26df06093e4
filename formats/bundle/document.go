package bundle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"strconv"
)

// Document is the head of a syft document: what it says besides its packages,
// files and relationships. Versions of syft since 0.20 are understood.
type Document struct {
	Distro     Distro     `json:"distro"`
	Descriptor Descriptor `json:"descriptor"`
	Schema     Schema     `json:"schema"`
	Source     Source     `json:"source"`
}

// Distro is the operating system's release, as its os-release file gives it.
type Distro struct {
	Name       string `json:"name"`
	ID         string `json:"id"`
	Version    string `json:"version"`
	VersionID  string `json:"versionID"`
	PrettyName string `json:"prettyName"`
	IDLike     like   `json:"idLike"`
}

// Release is what the distribution is called, its version, and what it is like.
// Older tools call Red Hat Enterprise Linux redhat.
func (d Distro) Release() (id, version string, like []string) {
	id = cmp.Or(d.ID, d.Name)
	if id == "redhat" {
		id = "rhel"
	}
	return id, cmp.Or(d.VersionID, d.Version), d.IDLike
}

// Descriptor is the tool that made the document.
type Descriptor struct {
	Name          string          `json:"name"`
	Version       string          `json:"version"`
	Configuration json.RawMessage `json:"configuration,omitempty"`
}

// Schema is the version of the document's shape.
type Schema struct {
	Version string `json:"version"`
	URL     string `json:"url"`
}

// Source is what was catalogued.
type Source struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	Version  string          `json:"version"`
	Type     string          `json:"type"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

// Package is one package that was found.
type Package struct {
	ID           string          `json:"id"`
	Name         string          `json:"name"`
	Version      string          `json:"version"`
	Type         string          `json:"type"`
	FoundBy      string          `json:"foundBy"`
	Locations    []Location      `json:"locations"`
	Licenses     []License       `json:"licenses"`
	Language     string          `json:"language"`
	CPEs         []CPE           `json:"cpes"`
	PURL         string          `json:"purl"`
	MetadataType string          `json:"metadataType"`
	Metadata     json.RawMessage `json:"metadata"`
}

// License is a licence that a package declares. Older documents give it as a
// bare string.
type License struct {
	Value          string   `json:"value"`
	SPDXExpression string   `json:"spdxExpression"`
	Type           string   `json:"type"`
	URLs           []string `json:"urls"`
}

// UnmarshalJSON accepts a string in place of the object.
func (l *License) UnmarshalJSON(data []byte) error {
	type plain License
	return stringOr(data, &l.Value, (*plain)(l))
}

// CPE is a name in NVD's platform enumeration. Older documents give it as a
// bare string.
type CPE struct {
	Value  string `json:"cpe"`
	Source string `json:"source"`
}

// UnmarshalJSON accepts a string in place of the object.
func (c *CPE) UnmarshalJSON(data []byte) error {
	type plain CPE
	return stringOr(data, &c.Value, (*plain)(c))
}

// File is what is known of one path in one layer.
type File struct {
	Location Location `json:"location"`
	Metadata *struct {
		Mode            octalMode `json:"mode"`
		Type            string    `json:"type"`
		LinkDestination string    `json:"linkDestination"`
		UserID          int       `json:"userID"`
		GroupID         int       `json:"groupID"`
		MIMEType        string    `json:"mimeType"`
		Size            int64     `json:"size"`
	} `json:"metadata"`
	Digests []struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"value"`
	} `json:"digests"`
	Unknowns []string `json:"unknowns"` // why something of it could not be read
}

// The types of a file, as syft names them.
const (
	TypeRegular   = "RegularFile"
	TypeDirectory = "Directory"
	TypeSymlink   = "SymbolicLink"
	TypeHardlink  = "HardLink"
)

// SHA256 is the file's digest in hex, or "" where it has none.
func (f File) SHA256() string {
	for _, d := range f.Digests {
		if d.Algorithm == "sha256" {
			return d.Value
		}
	}
	return ""
}

// Mode is the file's mode bits; 0 where they are unknown.
func (f File) Mode() fs.FileMode {
	if f.Metadata == nil {
		return 0
	}
	return fs.FileMode(f.Metadata.Mode)
}

// UnixMode is the mode as Unix writes it: permissions with the setuid (04000),
// setgid (02000) and sticky (01000) bits, and no type.
func (f File) UnixMode() uint32 {
	m := f.Mode()
	u := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		u |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		u |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		u |= 0o1000
	}
	return u
}

// octalMode is a Go file mode whose octal digits syft writes as a decimal number.
type octalMode uint32

func (m *octalMode) UnmarshalJSON(data []byte) error {
	n, err := strconv.ParseUint(string(data), 8, 32)
	if err != nil {
		*m = 0 // a mode we cannot read is unknown, not a reason to refuse the document
		return nil
	}
	*m = octalMode(n)
	return nil
}

// Relationship links two packages, or a package and a file, by their ids.
type Relationship struct {
	Parent string `json:"parent"`
	Child  string `json:"child"`
	Type   string `json:"type"`
}

// Visitor is handed a document's elements as they are read. A nil function
// skips its kind; an error ends the reading and is returned as it is.
type Visitor struct {
	Package      func(Package) error
	File         func(File) error
	Relationship func(Relationship) error
}

// maxElement bounds one package, file or relationship, and every other value at
// the top of a document, in bytes.
const maxElement = 64 << 20

// ReadDocument reads a syft document as a stream: only one element is in memory
// at a time, whatever the document's length, and none of more than 64 MiB.
func ReadDocument(r io.Reader, v Visitor) (Document, error) {
	var d Document
	e := newElements(r)
	seen, err := e.members(func(name string) error {
		switch name {
		case "artifacts":
			return each(e, v.Package)
		case "files":
			return each(e, v.File)
		case "artifactRelationships":
			return each(e, v.Relationship)
		case "distro":
			return e.decode(&d.Distro)
		case "descriptor":
			return e.decode(&d.Descriptor)
		case "schema":
			return e.decode(&d.Schema)
		case "source":
			return e.decode(&d.Source)
		}
		return e.skip()
	})
	if err != nil {
		return d, fmt.Errorf("read syft document: %w", err)
	}
	if !seen["artifacts"] {
		return d, fmt.Errorf("read syft document: it has no artifacts, so it is not syft's JSON")
	}
	return d, nil
}

// like is a list of names, which older documents give as one text. What is neither
// is nothing: an image does not fail for it.
type like []string

func (l *like) UnmarshalJSON(data []byte) error {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		return err
	}
	all, ok := v.([]any)
	if !ok {
		all = []any{v}
	}
	*l = nil
	for _, v := range all {
		if name, ok := v.(string); ok && name != "" {
			*l = append(*l, name)
		}
	}
	return nil
}

// stringOr decodes data into s if it is a string, else into v.
func stringOr(data []byte, s *string, v any) error {
	if len(data) > 0 && data[0] == '"' {
		return json.Unmarshal(data, s)
	}
	return json.Unmarshal(data, v)
}
