package sbom

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"sync"

	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/file/cataloger/executable"

	"github.com/tidepole/tidepole/analysis/layers"
)

// executableConfig is what syft looks into as executables.
var executableConfig = sync.OnceValue(executable.DefaultConfig)

// executableCataloger is what syft calls the finder of what it could not find
// out of executables.
const executableCataloger = "file-executable-cataloger"

// Finding is what was found out of an executable.
type Finding struct {
	JSON    []byte // as the document has it; nil if it is none after all
	Unknown string // what could not be found out, and why

	silences silences
}

// Executables looks into the executables of a layer, and gives what it found for
// an attachment to the layer's record. It depends on the contents alone. m is what
// was observed of them, and may be nil. open opens the content with that ordinal;
// one that cannot be read is unknown, but for the end of ctx.
func Executables(ctx context.Context, x *layers.Index, m *Marks, open func(ordinal int) (io.ReadCloser, error)) ([]byte, error) {
	cataloger := executable.NewCataloger(executableConfig())
	p, err := newPacker()
	if err != nil {
		return nil, err
	}
	enc := newEncoder()
	for n := range x.Len() {
		if !slices.Contains(executableConfig().MIMETypes, x.MIME(n)) || !x.Entry(n).Regular {
			continue
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("look into executables: %w", context.Cause(ctx))
		}
		found, err := lookInto(ctx, cataloger, enc, func() (io.ReadCloser, error) { return open(n) })
		if err != nil {
			return nil, fmt.Errorf("look into executables: %w", err)
		}
		if found.JSON == nil && found.Unknown == "" {
			continue
		}
		text := binary.AppendUvarint(nil, uint64(n))
		text = appendText(text, found.JSON)
		text = appendText(text, found.Unknown)
		text = append(text, byte(silent(func() (io.ReadCloser, error) { return open(n) }, m.lacks(n))))
		if err := p.add(text); err != nil {
			return nil, err
		}
	}
	packed, err := p.finish()
	if err != nil {
		return nil, err
	}
	return binary.BigEndian.AppendUint32(packed, crc32.ChecksumIEEE(packed)), nil
}

// silent tells who finds nothing in a content: nobody is known to, where it cannot
// be read.
func silent(open func() (io.ReadCloser, error), unmarked bool) silences {
	rc, err := open()
	if err != nil {
		return 0
	}
	defer rc.Close()
	at, ok := rc.(io.ReaderAt)
	if !ok {
		return 0
	}
	return silencesIn(at, unmarked)
}

// theOne is where syft takes an executable to be: it asks for none other.
var theOne = file.NewLocation("/x")

func lookInto(ctx context.Context, c *executable.Cataloger, enc *encoder, open func() (io.ReadCloser, error)) (Finding, error) {
	r := &single{ctx: ctx, open: open}
	all, err := c.CatalogCtx(context.WithoutCancel(ctx), r)
	if ctx.Err() != nil {
		return Finding{}, context.Cause(ctx)
	}
	var found Finding
	if err != nil {
		reason := strings.TrimPrefix(err.Error(), theOne.RealPath+": ")
		found.Unknown = executableCataloger + ": " + reason
	}
	if one, ok := all[theOne.Coordinates]; ok {
		text, err := enc.encode(one)
		if err != nil {
			return Finding{}, err
		}
		found.JSON = bytes.Clone(text)
	}
	return found, nil
}

// single is an image of one executable.
type single struct {
	file.Resolver
	ctx  context.Context
	open func() (io.ReadCloser, error)
}

// FilesByMIMEType gives the executable.
func (s *single) FilesByMIMEType(...string) ([]file.Location, error) {
	return []file.Location{theOne}, nil
}

// FileContentsByLocation opens the executable.
func (s *single) FileContentsByLocation(file.Location) (io.ReadCloser, error) {
	rc, err := s.open()
	if err != nil {
		return nil, err
	}
	if at, ok := rc.(readerAt); ok {
		return endingReaderAt{at, s.ctx}, nil
	}
	return endingReader{rc, s.ctx}, nil
}

// Findings is what Executables found in a layer, by ordinal.
type Findings struct {
	ordinals []int
	found    []Finding
}

// ReadExecutables reads what Executables gave.
func ReadExecutables(attachment []byte) (*Findings, error) {
	n := len(attachment) - crc32.Size
	if n < 0 || crc32.ChecksumIEEE(attachment[:n]) != binary.BigEndian.Uint32(attachment[n:]) {
		return nil, errors.New("what was found out of the layer's executables is damaged")
	}
	f := &Findings{}
	err := unpack(attachment[:n], func(text []byte) error {
		ordinal, size := binary.Uvarint(text)
		if size <= 0 || ordinal > 1<<40 || len(f.ordinals) > 0 && int(ordinal) <= f.ordinals[len(f.ordinals)-1] {
			return errDamaged
		}
		data, rest, ok := cutText(text[size:])
		if !ok {
			return errDamaged
		}
		unknown, rest, ok := cutText(rest)
		if !ok || len(rest) != 1 {
			return errDamaged
		}
		one := Finding{Unknown: string(unknown), silences: silences(rest[0])}
		if len(data) > 0 {
			one.JSON = bytes.Clone(data)
		}
		f.ordinals = append(f.ordinals, int(ordinal))
		f.found = append(f.found, one)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what was found out of the layer's executables: %w", err)
	}
	return f, nil
}

// At is what was found in the content with that ordinal.
func (f *Findings) At(ordinal int) Finding {
	if n, ok := slices.BinarySearch(f.ordinals, ordinal); ok {
		return f.found[n]
	}
	return Finding{}
}
