package sbom

import (
	"encoding/json"
	"io/fs"
	"strconv"
	"unicode/utf8"

	stereofile "github.com/anchore/stereoscope/pkg/file"
	"github.com/anchore/syft/syft/file"
)

// Files are the paths of the final image that the document lists.
type Files interface {
	Len() int
	// At tells where a file is: the diff ID of its layer, and its path, which is
	// not changed and not kept.
	At(n int) (layer string, path []byte)
	Row(n int) Row
}

// Row is what the document says of a file.
type Row struct {
	Type     stereofile.Type
	Mode     fs.FileMode
	Link     string // of a hard or symbolic link
	UID, GID int
	MIME     string
	Size     int64  // bytes
	SHA256   string // hex; "" where there is none
	// Executable is what Executables found out of the content.
	Executable Finding
}

// Gap is something of a file that could not be found out, and why.
type Gap struct {
	Path, Layer, Reason string
}

// rowWriter makes the JSON of files, as encoding/json would make it of syft's
// model, without the model.
type rowWriter struct {
	encoder *encoder
	buf     []byte
}

// row is a file's JSON, valid until the next call. A nil Row is a file of which
// nothing is known.
func (w *rowWriter) row(at file.Coordinates, r *Row, executable []byte, unknowns []string) []byte {
	b := append(w.buf[:0], `{"id":"`...)
	b = appendHex(b, uint64(identity(at)))
	b = append(b, `","location":{"path":`...)
	b = w.text(b, at.RealPath)
	if at.FileSystemID != "" {
		b = w.text(append(b, `,"layerID":`...), at.FileSystemID)
	}
	if at.FullPath != "" {
		b = w.text(append(b, `,"fullPath":`...), at.FullPath)
	}
	b = append(b, '}')
	if r != nil {
		b = w.metadata(b, r)
	}
	if executable != nil {
		b = append(append(b, `,"executable":`...), executable...)
	}
	for i, u := range unknowns {
		if i == 0 {
			b = append(b, `,"unknowns":[`...)
		} else {
			b = append(b, ',')
		}
		b = w.text(b, u)
	}
	if len(unknowns) > 0 {
		b = append(b, ']')
	}
	w.buf = append(b, '}')
	return w.buf
}

func (w *rowWriter) metadata(b []byte, r *Row) []byte {
	b = append(b, `,"metadata":{"mode":`...)
	b = append(b, octal(r.Mode)...)
	b = w.text(append(b, `,"type":`...), typeName(r.Type))
	if r.Link != "" {
		b = w.text(append(b, `,"linkDestination":`...), r.Link)
	}
	b = strconv.AppendInt(append(b, `,"userID":`...), int64(r.UID), 10)
	b = strconv.AppendInt(append(b, `,"groupID":`...), int64(r.GID), 10)
	b = w.text(append(b, `,"mimeType":`...), r.MIME)
	b = strconv.AppendInt(append(b, `,"size":`...), r.Size, 10)
	b = append(b, '}')
	if r.SHA256 != "" {
		b = w.text(append(b, `,"digests":[{"algorithm":"sha256","value":`...), r.SHA256)
		b = append(b, `}]`...)
	}
	return b
}

// octal is a mode as syft writes it: its octal digits as if they were decimal.
func octal(m fs.FileMode) string { return strconv.FormatUint(uint64(m), 8) }

// typeName is syft's name of a type of file.
func typeName(t stereofile.Type) string {
	switch t {
	case stereofile.TypeSymLink:
		return "SymbolicLink"
	case stereofile.TypeHardLink:
		return "HardLink"
	case stereofile.TypeDirectory:
		return "Directory"
	case stereofile.TypeSocket:
		return "Socket"
	case stereofile.TypeBlockDevice:
		return "BlockDevice"
	case stereofile.TypeCharacterDevice:
		return "CharacterDevice"
	case stereofile.TypeFIFO:
		return "FIFONode"
	case stereofile.TypeRegular:
		return "RegularFile"
	case stereofile.TypeIrregular:
		return "IrregularFile"
	}
	return "Unknown"
}

// text appends a string; encoding/json does what is not plain.
func (w *rowWriter) text(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= utf8.RuneSelf || c == '"' || c == '\\' || c == 0x7f {
			quoted, err := w.encoder.encode(s)
			if err != nil {
				quoted, _ = json.Marshal(s)
			}
			return append(b, quoted...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}
