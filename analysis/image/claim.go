package image

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

// isClaimed tells whether a reference that could be an image's name means what
// lies at that path: an archive, or a folder with an OCI image layout. A file or
// folder that is neither may have an image's name by chance.
func isClaimed(ref string) bool {
	path, _ := splitPath(ref)
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return false
	case info.IsDir():
		_, err := os.Lstat(filepath.Join(path, "oci-layout"))
		return err == nil
	case !info.Mode().IsRegular():
		return false
	}
	return namedArchive(path) || beginsArchive(path)
}

// namedArchive tells the names of archives, packed ones too.
func namedArchive(path string) bool {
	name := strings.ToLower(filepath.Base(path))
	for _, end := range []string{".tar", ".tgz", ".tzst"} {
		if strings.HasSuffix(name, end) {
			return true
		}
	}
	return strings.Contains(name, ".tar.")
}

// beginsArchive tells how archives begin, those too that cannot be unpacked.
func beginsArchive(path string) bool {
	file, err := os.Open(path)
	if err != nil {
		return false
	}
	defer file.Close()
	head := make([]byte, 512)
	n, err := io.ReadFull(file, head)
	if err != nil && err != io.ErrUnexpectedEOF {
		return false
	}
	form, err := formOf(bufio.NewReader(bytes.NewReader(head[:n])))
	return err != nil || form != plain || bytes.Equal(head[257:262], []byte("ustar"))
}

// What an archive may turn out not to be.
var (
	errNotSaved = errors.New(`it was not written by "docker save", or not to its end`)
	errNoLayout = errors.New("it is not an OCI image layout")
)

// here is why what lies at the path of a reference cannot be opened. The source
// that knows the kind of archive tells it; where none does, both tell theirs.
func (f failures) here(ref string) error {
	best := f[0].err
	for i, one := range f {
		if !errors.Is(one.err, errNotSaved) && !errors.Is(one.err, errNoLayout) {
			best = one.err
			break
		}
		if i > 0 {
			best = fault.New(fault.Unsupported, "%w; and %w", best, one.err)
		}
	}
	err := within("open "+printable(ref), best)
	if _, bad := reference.Parse(ref); bad != nil || fault.Hint(err) != "" {
		return err
	}
	return fault.New(fault.Of(err), "%w", err).WithHint("if not what lies there is meant but an image of that name, say where it is: --from registry, or another of %s", sourceNames())
}
