package layers

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// Forge makes the checksums of a record right, as far as it can be understood.
func Forge(data []byte) {
	if len(data) < len(magic)+footerSize {
		return
	}
	foot := data[len(data)-footerSize:]
	copy(data, magic)
	at := binary.LittleEndian.Uint64(foot)
	end := uint64(len(data) - footerSize)
	if at > end {
		return
	}
	dir := data[at:end]
	_, _, parts, err := decodeDirectory(dir, int64(at))
	if err == nil {
		for _, s := range parts {
			body := data[s.at : s.at+s.stored]
			if s.name == "blocks" && !s.attached {
				forgeBlocks(data, body)
			}
			sum := sha256.Sum256(body)
			if i := bytes.Index(dir, s.sum[:]); i >= 0 {
				copy(dir[i:], sum[:])
			}
		}
	}
	copy(foot, appendFooter(nil, int64(at), dir))
}

// forgeBlocks makes the checksums right of blocks whose list is not packed.
func forgeBlocks(data, list []byte) {
	at := int64(len(magic))
	for i := 8; i+8 <= len(list); i += 8 {
		stored := int64(binary.LittleEndian.Uint32(list[i:]))
		if at+stored > int64(len(data)) {
			return
		}
		binary.LittleEndian.PutUint32(list[i+4:], crc32.Checksum(data[at:at+stored], castagnoli))
		at += stored
	}
}

// Pieces is how many pieces the rows and the digests of an index are in.
func Pieces(x *Index) (rows, digests int) { return len(x.rows), len(x.digests) }
