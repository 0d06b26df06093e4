package importserver

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/fault"
	v1 "github.com/tidepole/tidepole/importserver/v1"
)

const (
	// maxZstdFrame is the memory that a sender may ask for, in bytes: what bodies that
	// are encoded for the way may need at most, by RFC 9659.
	maxZstdFrame = 8 << 20
)

// readBody reads a request's body whole and puts it back. One that says that it is too
// long is not read.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	length := r.ContentLength
	if b, translated := r.Body.(*v1.Body); translated {
		length = b.Length
	}
	if length > limit {
		return nil, longBody(limit)
	}
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, longBody(limit)
	}
	if err != nil {
		return nil, notArrived(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	return data, nil
}

func longBody(limit int64) error {
	return fault.New(fault.TooLarge, "the request's body is longer than %d bytes", limit).
		WithHint("send less at once: no request of this kind needs that much")
}

// readJSON reads into v a request's body that readBody has read. An empty body
// leaves v as it is.
func readJSON(r *http.Request, v any) error {
	err := json.NewDecoder(r.Body).Decode(v)
	if err == nil || err == io.EOF {
		return nil
	}
	return fault.New(fault.Invalid, "the request's body is not the JSON it should be: %s", jsonError(err))
}

// jsonError says what is wrong without naming our types.
func jsonError(err error) string {
	var t *json.UnmarshalTypeError
	if errors.As(err, &t) {
		found := "found " + t.Value + " at " + strconv.Quote(t.Field)
		if wanted := jsonKinds[t.Type.Kind()]; wanted != "" {
			found += ", where " + wanted + " belongs"
		}
		return found
	}
	return err.Error()
}

// jsonKinds are the kinds of value that most fields are of, as JSON has them.
var jsonKinds = map[reflect.Kind]string{
	reflect.String: "text", reflect.Int: "a number", reflect.Int64: "a number", reflect.Bool: "true or false",
	reflect.Slice: "a list", reflect.Map: "an object", reflect.Struct: "an object",
}

// A client may take long in all, but not for ever: what it is waited for is bounded by
// how much it has sent.
const (
	slowest       = 1 << 10 // bytes a second, once the standstills below are used up
	maxStandstill = 4       // as many in all
)

// patient reads a body for as long as something arrives, and that fast enough.
type patient struct {
	io.ReadCloser
	answer *response
	n      int64         // bytes that arrived
	waited time.Duration // for the client, in all
}

// Read sets a deadline for what it waits for, and takes it away once all has
// arrived: the server goes on to listen for the client's hanging up. Where
// deadlines cannot be set, as in tests, there is none.
func (p *patient) Read(b []byte) (int, error) {
	control, begun := http.NewResponseController(p.answer.ResponseWriter), time.Now()
	left := maxStandstill*p.answer.standstill + time.Duration(p.n)*time.Second/slowest - p.waited
	_ = control.SetReadDeadline(begun.Add(min(left, p.answer.standstill)))
	n, err := p.ReadCloser.Read(b)
	p.n += int64(n)
	p.waited += time.Since(begun)
	if err != nil {
		_ = control.SetReadDeadline(time.Time{})
	}
	if err == io.EOF {
		p.answer.body = false
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.answer.Header().Set("Connection", "close") // net/http does not wait for the rest then
		why := fmt.Sprintf("nothing came for %v", p.answer.standstill)
		if left < p.answer.standstill {
			why = fmt.Sprintf("it came more slowly than %d bytes a second", slowest)
		}
		err = fault.New(fault.Invalid, "the body did not arrive whole: %s", why)
	}
	return n, err
}

// unpacked is a request's body as it was before it was compressed for the way.
// Its errors are faults.
func unpacked(r *http.Request, limit int64) (io.ReadCloser, error) {
	if r.ContentLength > limit {
		return nil, fault.New(fault.TooLarge, "too large: %d bytes are more than %d", r.ContentLength, limit)
	}
	body := io.Reader(&limitedReader{r: r.Body, left: limit})
	switch encoding := strings.ToLower(strings.TrimSpace(r.Header.Get("Content-Encoding"))); encoding {
	case "", "identity":
		return &arriving{r: body, close: func() {}}, nil
	case "gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, notArrived(err)
		}
		return &arriving{r: z, close: func() { z.Close() }}, nil
	case "zstd":
		z, err := zstd.NewReader(body, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true),
			zstd.WithDecoderMaxMemory(maxZstdFrame), zstd.WithDecoderMaxWindow(maxZstdFrame))
		if err != nil {
			return nil, notArrived(err)
		}
		return &arriving{r: z, close: z.Close}, nil
	default:
		return nil, fault.New(fault.Unsupported, "the body's encoding %.50q is not known", encoding).WithHint("use gzip, zstd or none")
	}
}

// arriving makes faults of what can go wrong on the way.
type arriving struct {
	r     io.Reader
	close func()
}

func (a *arriving) Read(b []byte) (int, error) {
	n, err := a.r.Read(b)
	if err != nil && err != io.EOF {
		err = notArrived(err)
	}
	return n, err
}

func (a *arriving) Close() error { a.close(); return nil }

func notArrived(err error) error {
	var f *fault.Fault
	if errors.As(err, &f) {
		return f
	}
	return fault.New(fault.Invalid, "the body did not arrive whole: %w", err)
}
