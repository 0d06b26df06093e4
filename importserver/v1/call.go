package v1

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/openapi"
)

// call is one request of version 1 on its way.
type call struct {
	*handler
	operation *operation
	w         http.ResponseWriter
	r         *http.Request
	path      []string // values of the path's parameters, in order
	query     url.Values
	before    any   // what words.before asked for
	body      *Body // nil where it is not translated
}

// queryNames are the query's parameters whose names changed.
var queryNames = map[string]string{
	"fulltag": "full_tag", "autosubscribe": "auto_subscribe", "imageDigests": "image_digests", "policyId": "policy_id",
	"dryrun": "dry_run", "source_servicename": "source_service_name", "source_hostid": "source_host_id", "flush": "force_sync",
}

// serve asks version 2 for what an operation of version 1 is.
func (h *handler) serve(o *operation, w http.ResponseWriter, r *http.Request) {
	c := &call{handler: h, operation: o, w: w, r: r, query: url.Values{}}
	for name, values := range r.URL.Query() {
		if renamed, ok := queryNames[name]; ok {
			name = renamed
		}
		c.query[name] = append(c.query[name], values...)
	}
	for _, part := range strings.Split(o.path, "/") {
		if strings.HasPrefix(part, "{") {
			c.path = append(c.path, r.PathValue(strings.Trim(part, "{}")))
		}
	}
	if o.words.ask != nil {
		o.words.ask(c)
	}
	if strings.HasPrefix(o.path, byID) && !c.resolve() {
		return
	}
	if o.words.before != nil {
		var ok bool
		if c.before, ok = o.words.before(c); !ok {
			return
		}
	}
	kept := h.newRecorder(w, r)
	defer kept.leave()
	kept.pass = o.words.passing()
	if !kept.serve(h.next, c.request(o.next, c.path, c.query)) {
		return
	}
	switch {
	case kept.out != nil:
		if end, ok := kept.out.(io.Closer); ok && end.Close() != nil {
			panic(http.ErrAbortHandler) // the answer is on its way
		}
	case kept.code >= 300:
		kept.said = c.said
		kept.refuse()
	default:
		c.answer(kept)
	}
}

// said is an error's text with the client's names of what is in its body.
func (c *call) said(message string) string {
	if c.body == nil || c.body.older == nil {
		return message
	}
	return c.body.older.Replace(message)
}

// resolve puts the digest of the newest image of an id in the place of the id, and
// tells whether there is one. Otherwise it has answered.
func (c *call) resolve() bool {
	var list struct {
		Items []struct {
			Digest string `json:"image_digest"`
		} `json:"items"`
	}
	if !c.get("list_images", nil, url.Values{"image_id": {c.path[0]}, "limit": {"1"}}, &list) {
		return false
	}
	if len(list.Items) == 0 {
		refuse(c.w, http.StatusNotFound, "image not found in DB", nil)
		return false
	}
	c.path[0] = list.Items[0].Digest
	return true
}

// get asks version 2 for something else that the answer needs. Where that is
// refused it has answered with the refusal.
func (c *call) get(id string, path []string, query url.Values, into any) bool {
	o, err := openapi.Load()
	if err != nil {
		panic(err) // it was loaded before
	}
	r := c.request(o.Operation(id), path, query)
	r.Method, r.Body, r.ContentLength = http.MethodGet, http.NoBody, 0
	kept := c.newRecorder(c.w, r)
	kept.place = nil // what it is for may have it
	if !kept.serve(c.next, r) {
		return false
	}
	if kept.code != http.StatusOK {
		kept.refuse()
		return false
	}
	if err := json.Unmarshal(kept.body.Bytes(), into); err != nil {
		refuse(c.w, http.StatusInternalServerError, "the answer could not be translated", nil)
		return false
	}
	return true
}

// request is the client's request as version 2 has it.
func (c *call) request(o *openapi.Operation, path []string, query url.Values) *http.Request {
	r := c.r.Clone(c.r.Context())
	u := url.URL{RawQuery: query.Encode()}
	u.RawPath = wire.Path(o.Path, path...)
	u.Path, _ = url.PathUnescape(u.RawPath)
	r.URL, r.RequestURI = &u, u.RequestURI()
	if change := c.operation.words.body; change != nil && o == c.operation.next {
		c.body = &Body{From: r.Body, Length: r.ContentLength, limit: o.Limit, change: change}
		r.Body, r.ContentLength = c.body, -1
	}
	return r
}

// Body is a body in version 2's words. It is read once version 2 asks for it: not
// before it has let the client in.
type Body struct {
	From   io.ReadCloser // the client's, for which version 2 waits as for its own
	Length int64         // of From; -1 where it is not known

	limit  int64
	change func(map[string]any) error // its errors are faults
	older  *strings.Replacer          // makes the client's names of version 2's, once they are known
	r      io.Reader
}

func (t *Body) Read(b []byte) (int, error) {
	if t.r == nil {
		data, err := io.ReadAll(io.LimitReader(t.From, t.limit+1))
		if err != nil {
			return 0, err
		}
		if data, err = t.translate(data); err != nil {
			return 0, err
		}
		t.r = io.MultiReader(bytes.NewReader(data), t.From)
	}
	return t.r.Read(b)
}

// translate leaves what is no object in JSON for version 2 to refuse.
func (t *Body) translate(data []byte) ([]byte, error) {
	if int64(len(data)) > t.limit {
		return data, nil
	}
	v, err := openapi.Strict(data)
	if err != nil {
		return data, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return data, nil
	}
	_, sourced := m["source"]
	if err := t.change(m); err != nil {
		return nil, err
	}
	if _, made := m["source"]; made {
		t.older = sourceNames(sourced)
	}
	return json.Marshal(m)
}

func (t *Body) Close() error { return t.From.Close() }

// answer says a success of version 2 in version 1's words.
func (c *call) answer(kept *recorder) {
	words := c.operation.words
	var v any
	if kept.body.Len() > 0 {
		dec := json.NewDecoder(&kept.body)
		dec.UseNumber()
		if err := dec.Decode(&v); err != nil {
			refuse(c.w, http.StatusInternalServerError, "the answer could not be translated", nil)
			return
		}
	}
	code := kept.code
	if code == http.StatusNoContent && !words.empty {
		code, v = http.StatusOK, true
	}
	if words.answer != nil {
		var ok bool
		if v, ok = words.answer(c, v); !ok {
			return
		}
	}
	if words.names != nil {
		rename(v, words.names)
	}
	kept.headers()
	if v == nil {
		c.w.WriteHeader(code)
		return
	}
	data := marshalled(v)
	kept.body = bytes.Buffer{}
	kept.leave() // who reads slowly holds up nobody
	if size := int64(len(data)); size > longAnswer {
		if !c.handler.unsent.TryAcquire(size) {
			c.w.Header().Set("Retry-After", "5")
			refuse(c.w, http.StatusServiceUnavailable, "many long answers wait for their clients; ask again, or ask version 2", nil)
			return
		}
		defer c.handler.unsent.Release(size)
	}
	send(c.w, "application/json", code, data)
}
