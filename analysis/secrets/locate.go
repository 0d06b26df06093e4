package secrets

import (
	"bytes"

	"github.com/tidepole/tidepole/formats/bundle"
)

// locate turns findings, ordered by place in the text, into matches in the file.
func locate(t text, found []finding) []bundle.Match {
	if len(found) == 0 {
		return nil
	}
	out := make([]bundle.Match, len(found))
	line, lineStart := int64(1), 0
	for i, f := range found {
		passed := t.bytes[lineStart:f.start]
		if n := bytes.Count(passed, []byte{'\n'}); n > 0 {
			line += int64(n)
			lineStart += bytes.LastIndexByte(passed, '\n') + 1
		}
		seek := t.offset(f.start)
		out[i] = bundle.Match{
			Classification: f.rule.Name,
			LineNumber:     line,
			LineOffset:     seek - t.offset(lineStart),
			SeekPosition:   seek,
			Length:         t.offset(f.end) - seek,
		}
	}
	return out
}
