package importserver

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/fault"
)

const (
	maxZstdFrame = 32 << 20 // memory that a sender may ask for
)

// readBody reads a request's body whole and puts it back.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	data, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return nil, fault.New(fault.TooLarge, "the request's body is longer than %d bytes", limit)
	}
	if err != nil {
		return nil, notArrived(err)
	}
	r.Body = io.NopCloser(bytes.NewReader(data))
	return data, nil
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
		return "found " + t.Value + " at " + strconv.Quote(t.Field)
	}
	return err.Error()
}

// patient reads a body for as long as something arrives.
type patient struct {
	io.ReadCloser
	answer *response
}

// Read sets a deadline for what it waits for, and takes it away once all has
// arrived: the server goes on to listen for the client's hanging up. Where
// deadlines cannot be set, as in tests, there is none.
func (p *patient) Read(b []byte) (int, error) {
	control := http.NewResponseController(p.answer.ResponseWriter)
	_ = control.SetReadDeadline(time.Now().Add(p.answer.standstill))
	n, err := p.ReadCloser.Read(b)
	if err != nil {
		_ = control.SetReadDeadline(time.Time{})
	}
	if err == io.EOF {
		p.answer.body = false
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		p.answer.Header().Set("Connection", "close") // net/http does not wait for the rest then
		err = fault.New(fault.Invalid, "the body did not arrive whole: nothing came for %v", p.answer.standstill)
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

// yes reads a boolean of a request's query.
func yes(r *http.Request, name string, otherwise bool) (bool, error) {
	v := r.URL.Query().Get(name)
	if v == "" {
		return otherwise, nil
	}
	b, err := strconv.ParseBool(v)
	if err != nil {
		return false, fault.New(fault.Invalid, "%s=%.50q is neither true nor false", name, v)
	}
	return b, nil
}

// flags reads several booleans of a request's query; all are false where absent.
func flags(r *http.Request, names ...string) (map[string]bool, error) {
	all := map[string]bool{}
	for _, name := range names {
		b, err := yes(r, name, false)
		if err != nil {
			return nil, err
		}
		all[name] = b
	}
	return all, nil
}
