package policy

import (
	"cmp"
	"context"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
)

// pkg is a package as rules see it.
type pkg struct {
	id, name, version, kind string
	path                    string   // where it was found first
	inside                  string   // where in an archive it lies, as in "/app.jar:lib.jar"; may be empty
	licenses                []string // as declared: a name or an expression
	records                 []record
}

// file is one path of the image.
type file struct {
	path   string
	layer  int    // the highest that has it, from 1; 0 where unknown
	mode   uint32 // as stat gives it: type, special bits and permissions
	size   int64
	digest [32]byte // sha256
	hashed bool
	known  bool // whether mode and size are
}

// Bits of file.mode, as in POSIX.
const (
	typeBits  = 0o170000
	regular   = 0o100000
	directory = 0o040000
	symlink   = 0o120000
	setuid    = 0o4000
	setgid    = 0o2000
)

// typeBitsOf are the type bits of what syft calls a file's type.
var typeBitsOf = map[string]uint32{
	bundle.TypeRegular: regular, bundle.TypeHardlink: regular, bundle.TypeDirectory: directory, bundle.TypeSymlink: symlink,
	"CharacterDevice": 0o020000, "BlockDevice": 0o060000, "FIFONode": 0o010000, "Socket": 0o140000,
}

func (f file) sha256() string {
	if !f.hashed {
		return ""
	}
	return hex.EncodeToString(f.digest[:])
}

// collectDocument reads the syft document: packages, files and distribution.
func (e *Evidence) collectDocument(ctx context.Context, b *bundle.Bundle) error {
	part, _ := b.Part(bundle.Packages)
	r, err := part.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	delete(e.absent, Files)
	d := &documentReader{Evidence: e, ctx: ctx, layers: e.layerOrder()}
	visitor := bundle.Visitor{Package: d.addPackage, File: d.addFile}
	if e.passFiles {
		visitor.File = nil
		e.lacks(Files, "they were passed over, for no rule looks at them")
	}
	doc, err := bundle.ReadDocument(r, visitor)
	if err != nil {
		return err
	}
	e.Facts.Document = doc
	e.Facts.Distro, e.Facts.DistroVersion, e.Facts.DistroLike = doc.Distro.Release()
	if !listsEveryFile(doc) {
		e.lacks(Files, "the evidence is an SBOM that does not list every file of the image")
	}
	e.settleFiles()
	return nil
}

// listsEveryFile tells a document made with all files from one that lists
// packages and, at most, the files they own.
func listsEveryFile(d bundle.Document) bool {
	var c struct {
		Files struct {
			Selection string `json:"selection"`
		} `json:"files"`
	}
	if json.Unmarshal(d.Descriptor.Configuration, &c) == nil && c.Files.Selection != "" {
		return c.Files.Selection == "all"
	}
	switch strings.ToLower(d.Descriptor.Name) {
	case "tidepole", "anchorectl":
		return true
	}
	return false
}

// settleFiles sorts files by path and keeps of each path what the highest layer
// says.
func (e *Evidence) settleFiles() {
	slices.SortStableFunc(e.files, func(a, b file) int {
		return cmp.Or(compareText(a.path, b.path), cmp.Compare(b.layer, a.layer))
	})
	e.files = slices.CompactFunc(e.files, func(a, b file) bool { return a.path == b.path })
}

func compareText(a, b string) int { return strings.Compare(a, b) }

// documentReader adds a syft document's elements to the evidence.
type documentReader struct {
	*Evidence
	ctx       context.Context
	layers    map[string]int
	records   int
	linkLayer map[string]int
}

func (d *documentReader) addPackage(p bundle.Package) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	d.Facts.Counts = count(d.Facts.Counts, p.Type)
	if len(d.packages) == MaxPackages {
		d.lacks(Packages, "the evidence has more than %d packages", MaxPackages)
		return nil
	}
	found := pkg{id: p.ID, name: p.Name, version: p.Version, kind: p.Type}
	if len(p.Locations) > 0 {
		found.path = p.Locations[0].Path
	}
	for _, l := range p.Licenses {
		if text := cmp.Or(l.SPDXExpression, l.Value); text != "" {
			found.licenses = append(found.licenses, text)
		}
		if l.SPDXExpression != "" && l.Value != "" && l.Value != l.SPDXExpression {
			found.licenses = append(found.licenses, l.Value)
		}
	}
	found.inside, found.records = packageMetadata(p)
	d.records += len(found.records)
	if d.records > MaxRecords {
		found.records = nil
		d.lacks(Packages, "the package databases list more than %d files", MaxRecords)
	}
	d.packageIDs[p.ID] = len(d.packages)
	d.packages = append(d.packages, found)
	return nil
}

func count(counts map[string]int, kind string) map[string]int {
	if counts == nil {
		counts = map[string]int{}
	}
	counts[kind]++
	return counts
}

func (d *documentReader) addFile(f bundle.File) error {
	if err := d.ctx.Err(); err != nil {
		return err
	}
	d.Facts.Files++
	if len(f.Unknowns) > 0 {
		d.Facts.Gaps++
		if f.Metadata == nil && f.SHA256() == "" {
			return nil // only a gap: the file may be one that a later layer deletes
		}
	}
	if len(d.files) == MaxFiles {
		d.lacks(Files, "the evidence has more than %d files", MaxFiles)
		return nil
	}
	found := file{path: f.Location.Path, layer: d.layers[f.Location.LayerID]}
	if m := f.Metadata; m != nil {
		found.known, found.size = true, m.Size
		found.mode = typeBitsOf[m.Type] | f.UnixMode()
		if m.Type == bundle.TypeSymlink {
			d.addLink(found, m.LinkDestination)
		}
	}
	if n, err := hex.Decode(found.digest[:], []byte(fit(f.SHA256()))); err == nil && n == len(found.digest) {
		found.hashed = true
	}
	d.files = append(d.files, found)
	return nil
}

// addLink keeps where the link leads, as the highest layer has it.
func (d *documentReader) addLink(f file, to string) {
	if d.linkLayer == nil {
		d.linkLayer = map[string]int{}
	}
	if f.layer >= d.linkLayer[f.path] {
		d.linkLayer[f.path], d.links[f.path] = f.layer, to
	}
}

// fit keeps text that is no sha256 from being decoded as one.
func fit(digest string) string {
	if len(digest) != 64 {
		return ""
	}
	return digest
}
