package secrets

import (
	"bytes"

	"github.com/tidepole/tidepole/formats/bundle"
)

// place is one in a text, and where that is in the file.
type place struct {
	wide      bool  // the file is UTF-16
	line      int64 // from 1
	lineStart int64 // offset of the line in the file
	offset    int64 // in the file
}

// after is the place behind passed, which follows p.
func (p place) after(passed []byte) place {
	if n := bytes.Count(passed, []byte{'\n'}); n > 0 {
		p.line += int64(n)
		p.lineStart = p.offset + p.size(passed[:bytes.LastIndexByte(passed, '\n')+1])
	}
	p.offset += p.size(passed)
	return p
}

// size is how many bytes of the file text is.
func (p place) size(text []byte) int64 {
	if !p.wide {
		return int64(len(text))
	}
	units := 0
	for _, c := range text {
		if c&0xc0 != 0x80 { // a character begins
			units++
		}
		if c >= 0xf0 { // and needs a pair
			units++
		}
	}
	return int64(2 * units)
}

// locate says where findings, ordered by place, are in the file. Text is what
// they are of: it begins at p, which is base bytes from the start.
func (p place) locate(text []byte, base int, found []finding) {
	at := 0
	for i := range found {
		f := &found[i]
		begin, end := f.start-base, f.end-base
		p = p.after(text[at:begin])
		at = begin
		f.match = bundle.Match{
			Classification: f.rule.Name,
			LineNumber:     p.line,
			LineOffset:     p.offset - p.lineStart,
			SeekPosition:   p.offset,
			Length:         p.size(text[begin:end]),
		}
	}
}
