package layers

import (
	"fmt"
	"io"
	"slices"
)

// Written is a record's file while it is written.
type Written interface {
	io.ReaderAt
	io.WriterAt
}

// Withhold takes contents back out of what w has written to f, so that a record
// that outlives the analysis does not hold them: those of the entries with these
// ordinals, and of the entries that share a block with them. Each is shown to
// save before. It is used after Read.
func (w *Writer) Withhold(x *Index, f Written, ordinals []int, save func(ordinal int, content io.Reader) error) error {
	if err := w.withhold(x, f, ordinals, save); err != nil {
		w.fail(err)
		return fmt.Errorf("take contents out of the record of a layer: %w", err)
	}
	return nil
}

func (w *Writer) withhold(x *Index, f Written, ordinals []int, save func(int, io.Reader) error) error {
	slices.Sort(ordinals)
	hit := map[int64]bool{} // blocks
	x.eachKept(func(n int, from, size int64) error {
		if _, ok := slices.BinarySearch(ordinals, n); ok && size > 0 {
			for b := from / blockSize; b <= (from+size-1)/blockSize; b++ {
				hit[b] = true
			}
		}
		return nil
	})
	if len(hit) == 0 {
		return nil
	}
	record, err := w.Contents(x, f)
	if err != nil {
		return err
	}
	var out []int
	err = x.eachKept(func(n int, from, size int64) error {
		for b := from / blockSize; size > 0 && b <= (from+size-1)/blockSize; b++ {
			if !hit[b] {
				continue
			}
			out = append(out, n)
			content, _ := record.Content(n)
			return save(n, content)
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, n := range out {
		x.brief(n).facts |= withheld
	}
	return w.erase(f, hit)
}

// erase overwrites blocks.
func (w *Writer) erase(f io.WriterAt, blocks map[int64]bool) error {
	nothing := make([]byte, blockSize)
	at := int64(len(magic))
	for n, b := range w.blocks {
		if blocks[int64(n)] {
			if _, err := f.WriteAt(nothing[:b.stored], at); err != nil {
				return err
			}
		}
		at += int64(b.stored)
	}
	return nil
}

// eachKept visits the entries whose content is kept: where in all that is kept it
// begins, and how many bytes it has.
func (x *Index) eachKept(visit func(ordinal int, from, size int64) error) error {
	var at int64
	for n, i := range x.all {
		if i.facts&kept == 0 {
			continue
		}
		if err := visit(n, at, i.size); err != nil {
			return err
		}
		at += i.size
	}
	return nil
}
