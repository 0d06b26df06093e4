package image

import (
	"archive/tar"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/tidepole/tidepole/formats/fault"
)

// tarball is a tar file read in place: an fs.FS whose files are sections of it.
// Nothing is unpacked, so no name in it ever meets the file system.
type tarball struct {
	file    io.ReaderAt
	entries map[string]entry
}

// entry is where a file lies in a tarball, or what it is a link to.
type entry struct {
	offset, size int64
	link         string // path in the tarball; "" for a regular file
}

// maxLinks bounds how many links lead to a file.
const maxLinks = 8

// newTarball reads the headers of a tar file. Errors are faults: Unsupported for
// what is no sound tar file, TooLarge for more entries than limits allow.
func newTarball(file *os.File, limits Limits) (*tarball, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	t := &tarball{file: file, entries: map[string]entry{}}
	section := io.NewSectionReader(file, 0, info.Size())
	r := tar.NewReader(section)
	for n := 0; ; n++ {
		h, err := r.Next()
		if err == io.EOF {
			return t, nil
		}
		if err != nil {
			return nil, unsound(err, n)
		}
		if n >= limits.MaxArchived {
			return nil, tooManyArchived(limits.MaxArchived)
		}
		// The reader has read this entry's header and nothing beyond it.
		offset, err := section.Seek(0, io.SeekCurrent)
		if err != nil {
			return nil, err
		}
		if h.Typeflag == tar.TypeReg && h.Size > info.Size()-offset {
			return nil, unsound(io.ErrUnexpectedEOF, n)
		}
		if err := t.add(h, offset); err != nil {
			return nil, err
		}
	}
}

// tooManyArchived is about the archive itself, and not about the paths in layers,
// which --max-entries bounds.
func tooManyArchived(limit int) error {
	return fault.New(fault.TooLarge, "the archive holds more than %d files, folders and links beside what its layers hold, a bound that is fixed", limit).
		WithHint("an image of 1,000 layers has some 4,000 of them: save it again, and nothing else with it")
}

// unsound says that a file is no tar file, or ends before it should.
func unsound(err error, entries int) error {
	if entries == 0 {
		return fault.New(fault.Unsupported, "it is not a tar file: %w", err)
	}
	return fault.New(fault.Unsupported, "the archive is damaged or cut off after %d entries: %w", entries, err).
		WithHint("save or copy it again")
}

// add notes an entry. As in any tar file, a later one of the same name wins.
func (t *tarball) add(h *tar.Header, offset int64) error {
	name, e, err := entryOf(h)
	if err == nil && e != nil {
		e.offset = offset
		t.entries[name] = *e
	}
	return err
}

// entryOf is what a header tells; no entry for what holds nothing.
func entryOf(h *tar.Header) (name string, e *entry, err error) {
	if name, err = inside(h.Name, "."); err != nil {
		return "", nil, err
	}
	e = &entry{size: h.Size}
	switch h.Typeflag {
	case tar.TypeReg:
		for key := range h.PAXRecords {
			if strings.HasPrefix(key, "GNU.sparse.") {
				return "", nil, fault.New(fault.Unsupported, "the archive's entry %q is sparse", printable(h.Name))
			}
		}
	case tar.TypeSymlink:
		e.link, err = inside(h.Linkname, path.Dir(name))
	case tar.TypeLink:
		e.link, err = inside(h.Linkname, ".")
	case tar.TypeDir, tar.TypeXGlobalHeader:
		return "", nil, nil
	default:
		err = fault.New(fault.Unsupported, "the archive's entry %q is neither file, folder nor link", printable(h.Name))
	}
	return name, e, err
}

// maxName bounds the names in an archive that are kept in memory, in bytes.
const maxName = 1024

// inside is a name in the archive, read from dir, as fs.FS spells it.
func inside(name, dir string) (string, error) {
	if len(name) > maxName {
		return "", fault.New(fault.Unsupported, "the archive's entry %q has a name of more than %d bytes", printable(name), maxName)
	}
	clean := path.Join(dir, name)
	if path.IsAbs(name) || !fs.ValidPath(clean) {
		return "", fault.New(fault.Unsupported, "the archive's entry %q lies outside of it", printable(name))
	}
	return clean, nil
}

// Open gives a regular file, by way of links if need be.
func (t *tarball) Open(name string) (fs.File, error) {
	at := name
	for range maxLinks {
		e, ok := t.entries[at]
		if !ok {
			break
		}
		if e.link == "" {
			return &tarFile{io.NewSectionReader(t.file, e.offset, e.size), name, e.size}, nil
		}
		at = e.link
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// tarFile is a file in a tarball, and what is known of it.
type tarFile struct {
	*io.SectionReader
	name string
	size int64
}

func (f *tarFile) Stat() (fs.FileInfo, error) { return f, nil }
func (f *tarFile) Close() error               { return nil }
func (f *tarFile) Name() string               { return path.Base(f.name) }
func (f *tarFile) Size() int64                { return f.size }
func (f *tarFile) Mode() fs.FileMode          { return 0o444 }
func (f *tarFile) ModTime() time.Time         { return time.Time{} }
func (f *tarFile) IsDir() bool                { return false }
func (f *tarFile) Sys() any                   { return nil }
