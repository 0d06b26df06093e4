// Package otlptest is a receiver of traces that speaks OTLP over HTTP, as a
// collector does, and keeps what it is sent.
package otlptest

import (
	"compress/gzip"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	trace "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// Span is one that arrived. IDs are in hexadecimal.
type Span struct {
	Trace, ID, Parent string
	Name, Service     string
	Kind              string            // as in SPAN_KIND_SERVER
	Failed            bool              // its status is an error
	Attributes        map[string]string // of the span; values as text
}

// Receiver is a collector.
type Receiver struct {
	*httptest.Server
	mu    sync.Mutex
	spans []Span
	raw   []byte
}

// New starts one that ends with the test.
func New(t *testing.T) *Receiver {
	r := &Receiver{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if err := r.take(w, q); err != nil {
			t.Errorf("OTLP: %v", err)
			http.Error(w, err.Error(), http.StatusBadRequest)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

// Spans are those that arrived until now.
func (r *Receiver) Spans() []Span {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Span(nil), r.spans...)
}

// Raw is all that was sent until now, unpacked: to look for what must not be in it.
func (r *Receiver) Raw() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]byte(nil), r.raw...)
}

func (r *Receiver) take(w http.ResponseWriter, q *http.Request) error {
	if q.Method != http.MethodPost || q.URL.Path != "/v1/traces" || q.Header.Get("Content-Type") != "application/x-protobuf" {
		w.WriteHeader(http.StatusNotFound)
		return nil
	}
	body := io.Reader(q.Body)
	if q.Header.Get("Content-Encoding") == "gzip" {
		unpacked, err := gzip.NewReader(q.Body)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil
		}
		if err != nil {
			return err
		}
		body = unpacked
	}
	data, err := io.ReadAll(io.LimitReader(body, 64<<20))
	if errors.Is(err, io.ErrUnexpectedEOF) { // the sender waited no longer
		return nil
	}
	if err != nil {
		return err
	}
	var sent collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(data, &sent); err != nil {
		return err
	}
	r.mu.Lock()
	r.raw = append(r.raw, data...)
	for _, resource := range sent.ResourceSpans {
		service := texts(resource.GetResource().GetAttributes())["service.name"]
		for _, scope := range resource.ScopeSpans {
			for _, s := range scope.Spans {
				r.spans = append(r.spans, read(s, service))
			}
		}
	}
	r.mu.Unlock()
	answer, err := proto.Marshal(&collector.ExportTraceServiceResponse{})
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	_, err = w.Write(answer)
	return err
}

func read(s *trace.Span, service string) Span {
	return Span{
		Trace: hex.EncodeToString(s.TraceId), ID: hex.EncodeToString(s.SpanId), Parent: hex.EncodeToString(s.ParentSpanId),
		Name: s.Name, Service: service, Kind: s.Kind.String(),
		Failed: s.GetStatus().GetCode() == trace.Status_STATUS_CODE_ERROR, Attributes: texts(s.Attributes),
	}
}

func texts(all []*common.KeyValue) map[string]string {
	m := map[string]string{}
	for _, a := range all {
		switch v := a.GetValue().GetValue().(type) {
		case *common.AnyValue_StringValue:
			m[a.Key] = v.StringValue
		default:
			m[a.Key] = a.GetValue().String()
		}
	}
	return m
}

// Forget drops what arrived until now.
func (r *Receiver) Forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans, r.raw = nil, nil
}
