// Package openapi holds the description of the API, one file an area, from which
// the server's routes, the checks of requests and the reference page are made: a
// route cannot be without its schema.
package openapi

import (
	"bytes"
	"context"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"go.yaml.in/yaml/v3"
)

//go:embed *.yaml
var files embed.FS

// V1 is the description of the API's first version as it is served: Swagger 2.0
// in JSON.
var V1 = sync.OnceValues(func() ([]byte, error) {
	tree, err := readYAML(files, "v1.yaml")
	if err != nil {
		return nil, err
	}
	return json.Marshal(tree)
})

// Document is a description of an API in OpenAPI 3.0.
type Document struct {
	doc        *openapi3.T
	json       []byte
	operations []*Operation
	byID       map[string]*Operation
}

// Body is how an operation takes its request's body.
type Body string

// The bodies that there are.
const (
	None   Body = "none"   // it is not read
	JSON   Body = "json"   // read whole and checked before the operation begins
	Form   Body = "form"   // as a JSON one, but a form
	Stream Body = "stream" // read by the operation as it arrives, and checked by it
)

// The permissions of operations. Those between Self and System are roles in the
// account that is acted for, each of which has all before it.
const (
	Open   = "open"   // asks for no password
	Self   = "self"   // for whoever is signed in
	Read   = "read"   // sees what the account has
	Write  = "write"  // changes it
	Admin  = "admin"  // changes who may
	System = "system" // for users of the admin account
)

// Operation is one method of one path.
type Operation struct {
	ID         string // operationId
	Method     string // in capitals
	Path       string // as http.ServeMux reads it: "/v2/images/{image_digest}"
	Area       string // the file that describes it, without ".yaml"
	Permission string // x-permission: open, self, read, write, admin or system
	Password   bool   // x-password: neither an API key nor a token will do
	Body       Body   // x-body
	Limit      int64  // x-limit: the bytes that a JSON body or a form may have
	Own        bool   // x-own: it is none of the published document
	Difference string // x-difference: where it departs from the published document, and why

	op *openapi3.Operation
}

// defaultLimit is that of an operation without an x-limit.
const defaultLimit = 64 << 10

// Load reads the server's own description, once a process.
var Load = sync.OnceValues(func() (*Document, error) {
	tree, area, err := merged()
	if err != nil {
		return nil, fmt.Errorf("load the description of the API: %w", err)
	}
	d, err := newDocument(tree, area)
	if err == nil {
		err = d.doc.Validate(context.Background(), openapi3.DisableExamplesValidation())
	}
	if err != nil {
		return nil, fmt.Errorf("load the description of the API: %w", err)
	}
	return d, nil
})

// Published reads the description of another server, to compare answers with it.
func Published(path string) (*Document, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return newDocument(stringKeys(tree).(map[string]any), nil)
}

// stringKeys makes texts of keys that YAML reads as numbers, such as statuses.
func stringKeys(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, x := range v {
			v[k] = stringKeys(x)
		}
	case map[any]any:
		m := map[string]any{}
		for k, x := range v {
			m[fmt.Sprint(k)] = stringKeys(x)
		}
		return m
	case []any:
		for n, x := range v {
			v[n] = stringKeys(x)
		}
	}
	return v
}

// merged is the union of all areas' files, and which area each path and method
// is of.
func merged() (tree map[string]any, area map[string]string, err error) {
	names, err := fs.Glob(files, "*.yaml")
	if err != nil {
		return nil, nil, err
	}
	tree, area = map[string]any{}, map[string]string{}
	for _, name := range names {
		if name == "v1.yaml" {
			continue
		}
		more, err := readYAML(files, name)
		if err != nil {
			return nil, nil, err
		}
		paths, _ := more["paths"].(map[string]any)
		for path, item := range paths {
			methods, _ := item.(map[string]any)
			for method := range methods {
				area[strings.ToUpper(method)+" "+path] = strings.TrimSuffix(name, ".yaml")
			}
		}
		if err := unite(tree, more, ""); err != nil {
			return nil, nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return tree, area, nil
}

func readYAML(from fs.FS, name string) (map[string]any, error) {
	data, err := fs.ReadFile(from, name)
	if err != nil {
		return nil, err
	}
	var tree map[string]any
	if err := yaml.Unmarshal(data, &tree); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return tree, nil
}

// unite adds what more has; what both have must be maps.
func unite(into, more map[string]any, at string) error {
	for key, value := range more {
		old, ok := into[key]
		if !ok {
			into[key] = value
			continue
		}
		a, isMap := old.(map[string]any)
		b, too := value.(map[string]any)
		if !isMap || !too {
			return fmt.Errorf("%s/%s is described in another file, too", at, key)
		}
		if strings.HasPrefix(at, "/components/") {
			return fmt.Errorf("%s/%s is described in another file, too", at, key)
		}
		if err := unite(a, b, at+"/"+key); err != nil {
			return err
		}
	}
	return nil
}

func newDocument(tree map[string]any, area map[string]string) (*Document, error) {
	data, err := json.Marshal(tree)
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(data)
	if err != nil {
		return nil, err
	}
	d := &Document{doc: doc, json: data, byID: map[string]*Operation{}}
	prefix := ""
	if len(doc.Servers) > 0 {
		prefix = strings.TrimSuffix(doc.Servers[0].URL, "/")
	}
	for _, path := range slices.Sorted(maps.Keys(doc.Paths.Map())) {
		item := doc.Paths.Value(path)
		for method, op := range item.Operations() {
			op.Parameters = append(op.Parameters, item.Parameters...)
			o, err := newOperation(op, method, prefix+path)
			if err != nil {
				return nil, fmt.Errorf("%s %s: %w", method, path, err)
			}
			o.Area = area[method+" "+path]
			if d.byID[o.ID] != nil {
				return nil, fmt.Errorf("%s %s: operation %s is there twice", method, path, o.ID)
			}
			d.byID[o.ID] = o
			d.operations = append(d.operations, o)
		}
	}
	slices.SortFunc(d.operations, func(a, b *Operation) int {
		if c := strings.Compare(a.Path, b.Path); c != 0 {
			return c
		}
		return strings.Compare(a.Method, b.Method)
	})
	return d, nil
}

func newOperation(op *openapi3.Operation, method, path string) (*Operation, error) {
	o := &Operation{Method: method, Path: path, Body: None, Limit: defaultLimit, op: op}
	o.ID = op.OperationID[strings.LastIndexByte(op.OperationID, '.')+1:]
	o.Permission, _ = op.Extensions["x-permission"].(string)
	o.Password, _ = op.Extensions["x-password"].(bool)
	o.Own, _ = op.Extensions["x-own"].(bool)
	o.Difference, _ = op.Extensions["x-difference"].(string)
	if op.RequestBody != nil {
		o.Body = JSON
	}
	if body, ok := op.Extensions["x-body"].(string); ok {
		o.Body = Body(body)
	}
	if limit, ok := op.Extensions["x-limit"].(float64); ok {
		o.Limit = int64(limit)
	}
	if !slices.Contains([]Body{None, JSON, Form, Stream}, o.Body) {
		return nil, fmt.Errorf("there is no x-body %q", o.Body)
	}
	return o, nil
}

// Operations are all operations, by path and method.
func (d *Document) Operations() []*Operation { return d.operations }

// Operation is the operation of that operationId, or nil.
func (d *Document) Operation(id string) *Operation { return d.byID[id] }

// JSON is the whole description.
func (d *Document) JSON() []byte { return bytes.Clone(d.json) }

// Pattern is the operation as http.ServeMux reads it.
func (o *Operation) Pattern() string {
	if strings.HasSuffix(o.Path, "/") {
		return o.Method + " " + o.Path + "{$}" // this path, and none below it
	}
	return o.Method + " " + o.Path
}

// PathParameters are the names in the path's braces, in order.
func (o *Operation) PathParameters() []string {
	var names []string
	for _, part := range strings.Split(o.Path, "/") {
		if strings.HasPrefix(part, "{") && strings.HasSuffix(part, "}") {
			names = append(names, part[1:len(part)-1])
		}
	}
	return names
}

// Codes are the statuses that the description lists.
func (o *Operation) Codes() []string {
	return slices.Sorted(maps.Keys(o.op.Responses.Map()))
}

// Fallible tells whether a request can be other than the operation is described:
// where it has nothing but a name in its path, nothing can be wrong with it.
func (o *Operation) Fallible() bool {
	if o.Body != None {
		return true
	}
	for _, p := range o.op.Parameters {
		s := p.Value.Schema.Value
		if p.Value.In != "header" && (p.Value.Required && p.Value.In == "query" || !s.Type.Is("string") || s.Pattern != "" || len(s.Enum) > 0) {
			return true
		}
	}
	return false
}
