package sbom

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/gob"
	"fmt"
)

// entry is a catalogue as it is remembered.
type entry struct {
	layers []string // of the image it was made of
	trace  trace
	*sections
}

// entryMagic begins an entry; its number changes with the format or with what is
// found for the same questions.
const entryMagic = "tidepole catalogue 2\n"

// encode gives the entry as bytes: the magic, each part after its length, and
// the SHA-256 of all that.
func (e entry) encode() ([]byte, error) {
	var small bytes.Buffer // not as JSON: paths need not be UTF-8
	if err := gob.NewEncoder(&small).Encode(e.facts); err != nil {
		return nil, err
	}
	packed, err := newPacker()
	if err != nil {
		return nil, err
	}
	for _, text := range [][]byte{appendTexts(nil, e.layers), e.trace.append(nil), small.Bytes()} {
		if err := packed.add(text); err != nil {
			return nil, err
		}
	}
	head, err := packed.finish()
	if err != nil {
		return nil, err
	}
	b := []byte(entryMagic)
	for _, part := range [][]byte{head, e.packages, e.relations, e.contained} {
		b = binary.BigEndian.AppendUint64(b, uint64(len(part)))
		b = append(b, part...)
	}
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// parseEntry is the reverse of encode. The entry keeps data.
func parseEntry(data []byte) (entry, error) {
	rest, ok := bytes.CutPrefix(data, []byte(entryMagic))
	if !ok || len(rest) < sha256.Size {
		return entry{}, fmt.Errorf("%w: it is something else", errDamaged)
	}
	end := len(data) - sha256.Size
	if sha256.Sum256(data[:end]) != [sha256.Size]byte(data[end:]) {
		return entry{}, fmt.Errorf("%w: its digest is another", errDamaged)
	}
	rest = rest[:len(rest)-sha256.Size]
	var parts [4][]byte
	for i := range parts {
		if len(rest) < 8 || binary.BigEndian.Uint64(rest) > uint64(len(rest)-8) {
			return entry{}, fmt.Errorf("%w: a part is too short", errDamaged)
		}
		n := binary.BigEndian.Uint64(rest)
		parts[i], rest = rest[8:8+n:8+n], rest[8+n:]
	}
	e := entry{sections: &sections{packages: parts[1], relations: parts[2], contained: parts[3]}}
	if len(rest) > 0 {
		return entry{}, fmt.Errorf("%w: it goes on after its end", errDamaged)
	}
	if err := e.parseHead(parts[0]); err != nil {
		return entry{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	return e, nil
}

func (e *entry) parseHead(packed []byte) error {
	n := 0
	err := unpack(packed, func(text []byte) error {
		n++
		switch n {
		case 1:
			ids, rest, ok := cutTexts(text)
			if e.layers = ids; !ok || len(rest) > 0 {
				return errDamaged
			}
		case 2:
			t, ok := cutTrace(text)
			if e.trace = t; !ok {
				return errDamaged
			}
		case 3:
			return gob.NewDecoder(bytes.NewReader(text)).Decode(&e.facts)
		}
		return nil
	})
	if err == nil && n != 3 {
		return errDamaged
	}
	return err
}
