package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/tidepole/tidepole/formats/fault"
)

const (
	maxAnswer  = 512 << 20 // bytes of an answer that is kept whole
	maxElement = 4 << 20   // bytes of one element of an answer that is not
)

// get is an answer's JSON.
func get[T any](ctx context.Context, c *Client, k call) (T, error) {
	var v T
	k.take = into(k.doing, &v)
	err := c.do(ctx, k)
	return v, err
}

// into reads an answer's JSON into v.
func into[T any](doing string, v *T) func(*answer) error {
	return func(a *answer) error {
		var fresh T
		err := json.NewDecoder(&meter{a.body, maxAnswer}).Decode(&fresh)
		if err != nil {
			return strange(doing, err)
		}
		*v = fresh
		return nil
	}
}

// ignore takes any answer.
func ignore(*answer) error { return nil }

// strange says that an answer is not what the API gives; errors of the
// connection, faults and what the caller itself said stay what they are.
func strange(doing string, err error) error {
	var f *fault.Fault
	var broken *cut
	if errors.As(err, &broken) || errors.As(err, &f) {
		return err
	}
	return fault.New(fault.Unavailable, "%s: the answer is not the API's: %w", doing, err).
		WithHint("TIDEPOLE_URL may name something that is not an import server, or a proxy answers in its place")
}

// each hands over, one by one, the elements of the list that an answer's object
// has under key.
func each[T any](a *answer, key, doing string, visit func(T) error) error {
	limit := &meter{a.body, maxElement}
	dec := json.NewDecoder(limit)
	if err := delim(dec, '{'); err != nil {
		return strange(doing, err)
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return strange(doing, err)
		}
		if name != key {
			var other json.RawMessage
			if err := dec.Decode(&other); err != nil {
				return strange(doing, err)
			}
			continue
		}
		if err := list(a, dec, limit, doing, visit); err != nil {
			return err
		}
	}
	return strangeIf(doing, delim(dec, '}'))
}

func list[T any](a *answer, dec *json.Decoder, limit *meter, doing string, visit func(T) error) error {
	t, err := dec.Token()
	if err != nil || t == nil { // null is an empty list
		return strangeIf(doing, err)
	}
	if t != json.Delim('[') {
		return strange(doing, fmt.Errorf("found %v where a list belongs", t))
	}
	for dec.More() {
		limit.left = maxElement
		var v T
		if err := dec.Decode(&v); err != nil {
			return strange(doing, err)
		}
		a.handed = true
		if err := visit(v); err != nil {
			return err
		}
	}
	limit.left = maxElement
	return strangeIf(doing, delim(dec, ']'))
}

func strangeIf(doing string, err error) error {
	if err == nil {
		return nil
	}
	return strange(doing, err)
}

func delim(dec *json.Decoder, want json.Delim) error {
	t, err := dec.Token()
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	if err == nil && t != want {
		return fmt.Errorf("found %v where %v belongs", t, want)
	}
	return err
}

// meter fails once more is read than was left.
type meter struct {
	io.Reader
	left int64
}

func (m *meter) Read(b []byte) (int, error) {
	if m.left <= 0 {
		return 0, fault.New(fault.TooLarge, "the answer is larger than any that is expected")
	}
	n, err := m.Reader.Read(b[:min(int64(len(b)), m.left)])
	m.left -= int64(n)
	return n, err
}

// jsonBody is a request's body of v.
func jsonBody(v any) *body {
	data, err := json.Marshal(v)
	return &body{
		mediaType: "application/json",
		length:    int64(len(data)),
		open:      func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(data)), err },
	}
}

const (
	post = http.MethodPost
	put  = http.MethodPut
	del  = http.MethodDelete
)
