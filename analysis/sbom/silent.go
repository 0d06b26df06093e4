package sbom

import (
	"debug/buildinfo"
	"debug/elf"
	"io"
	"slices"
	"strings"
	"sync"
	_ "unsafe" // go:linkname

	"github.com/anchore/syft/syft/file"

	"github.com/tidepole/tidepole/analysis/layers"
)

// Some of syft's catalogers look into every executable, and find something in few.
// What they find in one follows from its content, so each content is asked once,
// with its layer, whether it has what they look for. A cataloger is then shown the
// others only, and one more program is no reason for it to look into all again.

// silences are the catalogers that find nothing in an executable, and have nothing
// to complain of.
type silences uint8

const (
	silentCargo silences = 1 << iota
	silentNotes
	silentGo
	silentGraal
	silentDotnet
)

// silencesOf are the catalogers that look into every executable, by name.
var silencesOf = map[string]silences{
	"cargo-auditable-binary-cataloger": silentCargo,
	"elf-binary-package-cataloger":     silentNotes,
	"go-module-binary-cataloger":       silentGo,
	"graalvm-native-image-cataloger":   silentGraal,
	"dotnet-deps-binary-cataloger":     silentDotnet,
}

const (
	// bundleMark stands in programs that .NET's files may be appended to: syft's
	// dotNetBundleSignature, the SHA-256 of ".net core bundle".
	bundleMark = "\x8b\x12\x02\xb9\x6a\x61\x20\x38\x72\x7b\x93\x02\x14\xd7\xa0\x32" +
		"\x13\xf5\xb9\xe6\xef\xae\x33\x18\xee\x3b\x2d\xce\x24\xb3\x6a\xae"
	// maxBundleSearch is how many bytes syft looks for it in: of a longer file it
	// says that it did not look at the rest.
	maxBundleSearch = 512 << 20
	// imageSymbol is one of the three symbols that an image of GraalVM must have.
	imageSymbol = "__svm_version_info"
	// packMark stands in the beginning of programs that UPX packed.
	packMark   = "UPX!"
	packSearch = 8 << 10
)

// openELF is elf.NewFile for files that nobody vouches for.
//
//go:linkname openELF github.com/anchore/syft/syft/internal/elfutil.NewFile
func openELF(io.ReaderAt) (*elf.File, error)

// Marks are the executables of a layer of which it is known that they do not have
// the mark that .NET leaves: it can stand anywhere, and is looked for while the
// layer is read.
type Marks struct {
	mu   sync.Mutex
	none map[int]bool // by ordinal
}

// Observe looks into a file, as a layers.Observer.
func (m *Marks) Observe(e layers.Entry, ordinal int, r io.Reader) {
	if e.Size > maxBundleSearch || !slices.Contains(executableConfig().MIMETypes, e.MIME) {
		return
	}
	f := finder{needle: bundleMark}
	if n, err := io.Copy(&f, r); err != nil || n != e.Size || f.found {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.none == nil {
		m.none = map[int]bool{}
	}
	m.none[ordinal] = true
}

func (m *Marks) lacks(ordinal int) bool {
	if m == nil {
		return false
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.none[ordinal]
}

// silencesIn tells who finds nothing in a content. Of what is not an ELF file that
// can be read, and whose sections are as they lie there, nothing is known.
func silencesIn(r io.ReaderAt, unmarked bool) (found silences) {
	defer func() {
		if recover() != nil { // so it might in syft, which would complain of it
			found = 0
		}
	}()
	f, err := openELF(r)
	if err != nil || slices.ContainsFunc(f.Sections, func(s *elf.Section) bool {
		return s.Flags&elf.SHF_COMPRESSED != 0 || strings.HasPrefix(s.Name, ".zdebug")
	}) {
		return 0
	}
	if f.Section(".dep-v0") == nil && f.Section(".rust-deps-v0") == nil {
		found |= silentCargo
	}
	if f.Section(".note.package") == nil {
		found |= silentNotes
	}
	if !has(io.NewSectionReader(r, 0, packSearch), packMark) {
		if _, err := buildinfo.Read(r); err != nil {
			found |= silentGo
		}
	}
	if !hasSymbol(f, imageSymbol) {
		found |= silentGraal
	}
	if unmarked {
		found |= silentDotnet
	}
	return found
}

// hasSymbol tells whether a file may have a symbol of that name.
func hasSymbol(f *elf.File, name string) bool {
	for _, kind := range []elf.SectionType{elf.SHT_SYMTAB, elf.SHT_DYNSYM} {
		s := f.SectionByType(kind)
		if s == nil || int(s.Link) >= len(f.Sections) {
			continue
		}
		if has(f.Sections[s.Link].Open(), name) {
			return true
		}
	}
	return false
}

func has(r io.Reader, text string) bool {
	f := finder{needle: text}
	_, err := io.Copy(&f, r)
	return f.found || err != nil
}

// finder looks for some bytes in what is written to it.
type finder struct {
	needle string
	found  bool
	tail   []byte // the last bytes that were written: one less than the needle has
	skip   [256]uint8
}

// Write looks on.
func (f *finder) Write(p []byte) (int, error) {
	if f.found || len(p) == 0 {
		return len(p), nil
	}
	last := len(f.needle) - 1
	if f.tail == nil {
		f.tail = make([]byte, 0, 2*last)
		for i := range f.skip {
			f.skip[i] = uint8(len(f.needle))
		}
		for i := range last {
			f.skip[f.needle[i]] = uint8(last - i)
		}
	}
	edge := append(f.tail, p[:min(last, len(p))]...)
	f.found = f.in(edge) || f.in(p)
	if len(p) >= last {
		f.tail = append(f.tail[:0], p[len(p)-last:]...)
	} else {
		f.tail = append(f.tail[:0], edge[max(0, len(edge)-last):]...)
	}
	return len(p), nil
}

// in goes by what stands where the needle's last byte would have to: that is
// mostly none of the needle's bytes, and all of it is passed over.
func (f *finder) in(p []byte) bool {
	size := len(f.needle)
	for at := size - 1; at < len(p); at += int(f.skip[p[at]]) {
		if p[at] == f.needle[size-1] && string(p[at-size+1:at+1]) == f.needle {
			return true
		}
	}
	return false
}

// leftOut are kinds of content that no file has. One of them, in a question for
// files by kinds, leaves out those that some cataloger finds nothing in.
const leftOut = "application/x-tidepole-all-but-"

// findKinds finds files by kinds of content.
func findKinds(r file.Resolver, kinds ...string) ([]file.Location, error) {
	n := slices.IndexFunc(kinds, func(k string) bool { return strings.HasPrefix(k, leftOut) })
	if n < 0 {
		return r.FilesByMIMEType(kinds...)
	}
	silent := silencesOf[strings.TrimPrefix(kinds[n], leftOut)]
	all, err := r.FilesByMIMEType(slices.Delete(slices.Clone(kinds), n, n+1)...)
	known, ok := r.(lookedInto)
	if !ok || err != nil {
		return all, err
	}
	return slices.DeleteFunc(slices.Clone(all), func(l file.Location) bool {
		f, ok := known.Executable(l)
		return ok && f.silences&silent != 0
	}), nil
}
