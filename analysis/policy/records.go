package policy

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
)

// record is a file as the database of a package manager lists it.
type record struct {
	path      string
	algorithm string // of digest, as in "sha256"; empty where there is none
	digest    string
	mode      uint32 // permissions and special bits
	moded     bool   // whether mode is known
	config    bool   // a configuration file, which may change
	optional  bool   // one that may be missing
}

// packageMetadata reads what rules need of the metadata that syft keeps by
// package type: where in an archive the package lies, and the files it lists.
func packageMetadata(p bundle.Package) (inside string, records []record) {
	switch p.Type {
	case "deb", "rpm", "apk":
		return "", listedFiles(p)
	case "java-archive", "jenkins-plugin":
		var m struct {
			VirtualPath string `json:"virtualPath"`
		}
		if json.Unmarshal(p.Metadata, &m) == nil {
			return m.VirtualPath, nil
		}
	}
	return "", nil
}

// listedFile is a file record of any of the three package managers.
type listedFile struct {
	Path   string `json:"path"`
	Digest *struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"value"`
	} `json:"digest"`
	IsConfigFile bool    `json:"isConfigFile"` // dpkg
	Mode         *uint32 `json:"mode"`         // rpm, with type bits
	Flags        string  `json:"flags"`        // rpm
	Permissions  string  `json:"permissions"`  // apk, octal
}

func listedFiles(p bundle.Package) []record {
	var m struct {
		Files []listedFile `json:"files"`
	}
	if json.Unmarshal(p.Metadata, &m) != nil {
		return nil
	}
	var records []record
	for _, f := range m.Files {
		if strings.HasPrefix(f.Path, "/") {
			records = append(records, f.record())
		}
	}
	return records
}

func (f listedFile) record() record {
	r := record{
		path:     f.Path,
		config:   f.IsConfigFile || strings.Contains(f.Flags, "c"),
		optional: strings.ContainsAny(f.Flags, "gm"), // ghost, or missing is fine
	}
	if f.Digest != nil && f.Digest.Value != "" {
		r.algorithm, r.digest = strings.ToLower(f.Digest.Algorithm), f.Digest.Value
	}
	switch {
	case f.Mode != nil:
		r.mode, r.moded = *f.Mode&0o7777, *f.Mode != 0
	case f.Permissions != "":
		if n, err := strconv.ParseUint(f.Permissions, 8, 16); err == nil {
			r.mode, r.moded = uint32(n)&0o7777, true
		}
	}
	return r
}
