package transfer

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/fault"
)

// A backup is a tar archive, compressed with zstd. It has, in this order, a head,
// the rows as a SQLite file, the key, the password of the user admin where the
// server made one, the blobs, and an index with the digests of all of that. What
// has no index at its end is not whole.
const (
	headName   = "backup.json"
	rowsName   = "rows.db"
	blobFolder = "blobs/"
	indexName  = "index.json"
)

// format is the version of that.
const format = 1

// maxSmall bounds what is read into memory of an archive, in bytes; maxIndex bounds
// its index.
const (
	maxSmall = 1 << 20
	maxIndex = 1 << 30
)

type head struct {
	Format       int       `json:"format"`
	Version      string    `json:"version"` // of the program
	CreatedAt    time.Time `json:"created_at"`
	Installation string    `json:"installation"`
}

type index struct {
	Entries []entry  `json:"entries"`
	Damaged []Damage `json:"damaged"` // what the backup lacks
}

type entry struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// writer writes a backup.
type writer struct {
	packed *zstd.Encoder
	tar    *tar.Writer
	now    time.Time
	index  index
}

func newWriter(w io.Writer, now time.Time) (*writer, error) {
	packed, err := zstd.NewWriter(w, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	return &writer{packed: packed, tar: tar.NewWriter(packed), now: now}, nil
}

func (w *writer) add(name string, size int64, r io.Reader) error {
	err := w.tar.WriteHeader(&tar.Header{Name: name, Size: size, Mode: 0o600, ModTime: w.now, Format: tar.FormatPAX})
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	sum := sha256.New()
	if n, err := io.Copy(io.MultiWriter(w.tar, sum), r); err != nil || n != size {
		return fmt.Errorf("write %s: %d of %d bytes: %w", name, n, size, errors.Join(err))
	}
	w.index.Entries = append(w.index.Entries, entry{name, size, hex.EncodeToString(sum.Sum(nil))})
	return nil
}

func (w *writer) addJSON(name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return w.add(name, int64(len(data)), bytes.NewReader(data))
}

func (w *writer) addFile(name, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	return w.add(name, info.Size(), f)
}

// end writes the index and whatever is held back.
func (w *writer) end() error {
	if err := w.addJSON(indexName, w.index); err != nil {
		return err
	}
	return errors.Join(w.tar.Close(), w.packed.Close())
}

// reader reads a backup, entry by entry.
type reader struct {
	packed *zstd.Decoder
	tar    *tar.Reader
	seen   []entry
}

func newReader(r io.Reader) (*reader, error) {
	packed, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(64<<20))
	if err != nil {
		return nil, err
	}
	return &reader{packed: packed, tar: tar.NewReader(packed)}, nil
}

// next hands the next entry to read, which must read it to its end. io.EOF says
// that there is none.
func (r *reader) next(read func(name string, size int64, from io.Reader) error) error {
	h, err := r.tar.Next()
	if err == io.EOF {
		return io.EOF
	}
	if err != nil {
		return broken(err)
	}
	if h.Typeflag != tar.TypeReg {
		return fault.New(fault.Unsupported, "read the backup: %.100q is no file, as no backup has it", h.Name)
	}
	sum := sha256.New()
	from := &tracked{r: io.TeeReader(r.tar, sum)}
	if err := read(h.Name, h.Size, from); err != nil {
		if from.err != nil {
			return broken(from.err)
		}
		return err
	}
	r.seen = append(r.seen, entry{h.Name, h.Size, hex.EncodeToString(sum.Sum(nil))})
	return nil
}

// end makes sure that nothing comes any more, and that what came adds up.
func (r *reader) end() error {
	if _, err := r.tar.Next(); err != io.EOF {
		return broken(errors.Join(err, errors.New("something comes after its index")))
	}
	if _, err := io.Copy(io.Discard, r.packed); err != nil {
		return broken(err)
	}
	return nil
}

// tracked remembers why no more could be read.
type tracked struct {
	r   io.Reader
	err error
}

func (t *tracked) Read(p []byte) (int, error) {
	n, err := t.r.Read(p)
	if err != nil && err != io.EOF {
		t.err = err
	}
	return n, err
}

func broken(err error) error {
	return fault.New(fault.Unsupported, "read the backup: it is damaged, cut off or no backup: %w", err).WithHint("use another backup, or copy this one again")
}
