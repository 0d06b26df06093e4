package secrets

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
)

// text is what a file says, read as it is asked for: inflated, and UTF-8 where
// it was UTF-16. What cannot be inflated is read as it is.
type text struct {
	r       io.Reader
	raw     *counted
	heads   [2][headSize]byte // of the file, and of what it inflates to
	inflate *inflater
	start   place // of the first character
}

// headSize is how many bytes tell what a file is.
const headSize = 16

// maxHead is how much of a gzip file may say nothing before it counts as damaged.
const maxHead = 64 << 10

var errTooLarge = errors.New("larger than the limit")

// open finds out what r holds; s has the memory for it.
func (s *scratch) open(r io.Reader, limit int64) *text {
	s.raw = counted{r: r, left: limit}
	s.text = text{raw: &s.raw, start: place{line: 1}}
	t := &s.text
	head := t.peek(&s.raw, &t.heads[0])
	if bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}) {
		t.inflate = &inflater{raw: &rewinder{r: t.r}, limit: limit}
		t.inflate.begin(&s.gzip)
		head = t.peek(t.inflate, &t.heads[1])
	}
	if order, mark := utf16Order(head); order != nil {
		t.narrow(order, mark)
	}
	return t
}

// utf16Order is the order of bytes in text that is UTF-16, and how long the mark
// before it is; nil: it is none. Text without a mark is known by what it begins
// with: eight characters of ASCII, each beside a zero.
func utf16Order(head []byte) (order binary.ByteOrder, mark int) {
	switch {
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}):
		return binary.LittleEndian, 2
	case bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return binary.BigEndian, 2
	case len(head) < headSize:
		return nil, 0
	case head[0] != 0 && isWideASCII(head, binary.LittleEndian):
		return binary.LittleEndian, 0
	case head[0] == 0 && isWideASCII(head, binary.BigEndian):
		return binary.BigEndian, 0
	}
	return nil, 0
}

func isWideASCII(p []byte, order binary.ByteOrder) bool {
	for ; len(p) > 1; p = p[2:] {
		switch u := order.Uint16(p); {
		case ' ' <= u && u <= '~', u == '\t', u == '\n', u == '\r':
		default:
			return false
		}
	}
	return true
}

// peek reads the first bytes of r into head; t reads them again.
func (t *text) peek(r io.Reader, head *[headSize]byte) []byte {
	n, _ := io.ReadFull(r, head[:])
	t.r = io.MultiReader(bytes.NewReader(head[:n]), r)
	return head[:n]
}

func (t *text) narrow(order binary.ByteOrder, mark int) {
	io.CopyN(io.Discard, t.r, int64(mark))
	t.r = &narrower{r: t.r, order: order}
	t.start = place{wide: true, line: 1, offset: int64(mark), lineStart: int64(mark)}
}

// fill reads into buf until it has no room for more. more is false at the end.
func (t *text) fill(buf []byte) (n int, more bool) {
	least := 1
	if t.start.wide {
		least = utf8.UTFMax
	}
	for len(buf)-n >= least {
		m, err := t.r.Read(buf[n:])
		if n += m; err != nil {
			return n, false
		}
	}
	return n, true
}

// left is what was left out of the text, and err why the file could not be read.
func (t *text) left() (reason string, err error) {
	if t.raw.err != nil {
		return "", t.raw.err
	}
	if t.inflate != nil {
		return t.inflate.reason, nil
	}
	return "", nil
}

// counted reads at most left bytes, and keeps why it could not read on.
type counted struct {
	r    io.Reader
	left int64
	err  error
}

func (c *counted) Read(p []byte) (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	n, err := c.r.Read(p[:min(int64(len(p)), c.left+1)])
	if c.left -= int64(n); c.left < 0 {
		n, err = 0, errTooLarge
	}
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// rewinder keeps what is read of the file until it is told not to. It reads
// full buffers, so that what is kept does not depend on how the file arrives.
type rewinder struct {
	r    io.Reader
	kept []byte
	done bool
}

func (w *rewinder) Read(p []byte) (int, error) {
	if !w.done && len(w.kept) > maxHead {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := io.ReadFull(w.r, p)
	if !w.done {
		w.kept = append(w.kept, p[:n]...)
	}
	if n > 0 || err == io.ErrUnexpectedEOF {
		return n, nil
	}
	return n, err
}

// rewind reads from the start again.
func (w *rewinder) rewind() io.Reader {
	w.done = true
	return io.MultiReader(bytes.NewReader(w.kept), w.r)
}

// unzipper is the memory of an inflater.
type unzipper struct {
	gzip.Reader
	buf *bufio.Reader
}

// inflater reads what a gzip file holds: of a damaged one that is what comes
// before the damage, or the file itself where nothing does.
type inflater struct {
	raw    *rewinder
	limit  int64
	r      io.Reader
	zipped bool // r is the gzip
	count  int64
	reason string
}

func (f *inflater) begin(z *unzipper) {
	if z.buf == nil {
		z.buf = bufio.NewReaderSize(nil, 4<<10)
	}
	z.buf.Reset(f.raw)
	f.r, f.zipped = &z.Reader, true
	if z.Reset(z.buf) != nil {
		f.give()
	}
}

// give turns to the file itself.
func (f *inflater) give() {
	f.r, f.zipped, f.reason = f.raw.rewind(), false, "gzip is damaged: searched as it is"
}

func (f *inflater) Read(p []byte) (int, error) {
	if !f.zipped {
		return f.r.Read(p)
	}
	n, err := f.r.Read(p)
	if over := f.count + int64(n) - f.limit; over > 0 {
		n, err, f.reason = n-int(over), io.EOF, inflatesTooFar(f.limit)
	}
	if f.count += int64(n); f.count > 0 {
		f.raw.done, f.raw.kept = true, nil
	}
	if err == nil || err == io.EOF {
		return n, err
	}
	if f.count > 0 {
		f.reason = "gzip is damaged: what comes after the damage is left out"
		return n, io.EOF
	}
	f.give()
	return 0, nil
}

// narrower turns UTF-16 into UTF-8. A unit that is no character becomes U+FFFD,
// which counts as one unit again.
type narrower struct {
	r     io.Reader
	order binary.ByteOrder
	buf   [4 << 10]byte
	raw   []byte // of buf, not turned yet
	err   error  // what comes after raw
}

// Read wants room for a character of any length.
func (w *narrower) Read(p []byte) (n int, err error) {
	for n+utf8.UTFMax <= len(p) {
		if len(w.raw) < 4 && w.err == nil {
			w.read()
		}
		if len(w.raw) < 2 {
			return n, w.err
		}
		n += utf8.EncodeRune(p[n:], w.next())
	}
	return n, nil
}

func (w *narrower) read() {
	held := copy(w.buf[:], w.raw)
	n, err := io.ReadFull(w.r, w.buf[held:])
	w.raw = w.buf[:held+n]
	if w.err = err; err == io.ErrUnexpectedEOF {
		w.err = io.EOF
	}
}

// next takes one character, of one unit or a pair.
func (w *narrower) next() rune {
	r := rune(w.order.Uint16(w.raw))
	w.raw = w.raw[2:]
	if !utf16.IsSurrogate(r) || len(w.raw) < 2 {
		return r // a surrogate alone is written as U+FFFD
	}
	r = utf16.DecodeRune(r, rune(w.order.Uint16(w.raw)))
	if r != utf8.RuneError {
		w.raw = w.raw[2:]
	}
	return r
}

func inflatesTooFar(limit int64) string {
	return fmt.Sprintf("inflates to more than %d bytes: the rest is left out", limit)
}
