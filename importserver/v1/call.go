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
	kept := newRecorder(w)
	kept.pass = o.words.pass
	h.next.ServeHTTP(kept, c.request(o.next, c.path, c.query))
	kept.WriteHeader(http.StatusOK) // where nothing was written
	switch {
	case kept.out != nil:
		if end, ok := kept.out.(io.Closer); ok {
			end.Close()
		}
	case kept.code >= 300:
		kept.refuse()
	default:
		c.answer(kept)
	}
}

// resolve puts the digest of the newest image of an id in the place of the id, and
// tells whether there is one. Otherwise it has answered.
func (c *call) resolve() bool {
	var list struct {
		Items []struct {
			Digest string `json:"image_digest"`
		} `json:"items"`
	}
	if !c.get("list_images", nil, url.Values{"image_id": {c.path[0]}}, &list) {
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
	kept := newRecorder(c.w)
	c.next.ServeHTTP(kept, r)
	kept.WriteHeader(http.StatusOK)
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
		r.Body, r.ContentLength = &translated{from: r.Body, limit: o.Limit, change: change}, -1
	}
	return r
}

// translated is a body in version 2's words. It is read once version 2 asks for
// it: not before it has let the client in.
type translated struct {
	from   io.ReadCloser
	limit  int64
	change func(map[string]any) error // its errors are faults
	r      io.Reader
}

func (t *translated) Read(b []byte) (int, error) {
	if t.r == nil {
		data, err := io.ReadAll(io.LimitReader(t.from, t.limit+1))
		if err != nil {
			return 0, err
		}
		if data, err = t.translate(data); err != nil {
			return 0, err
		}
		t.r = io.MultiReader(bytes.NewReader(data), t.from)
	}
	return t.r.Read(b)
}

// translate leaves what is no object in JSON for version 2 to refuse.
func (t *translated) translate(data []byte) ([]byte, error) {
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
	if err := t.change(m); err != nil {
		return nil, err
	}
	return json.Marshal(m)
}

func (t *translated) Close() error { return t.from.Close() }

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
	write(c.w, code, v)
}
