package importserver_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/openapi"
)

// hostile are bodies that no operation takes: what is sent, and whether it is even
// JSON of the right form.
func hostile(limit int64) map[string]string {
	return map[string]string{
		"nothing of JSON":    "\x00\xff{",
		"not UTF-8":          `{"name":"` + "\xff\xfe" + `"}`,
		"nested deep":        strings.Repeat("[", 20_000),
		"nested and closed":  strings.Repeat(`{"a":`, 1000) + "1" + strings.Repeat("}", 1000),
		"a key twice":        `{"name":"a","name":"b"}`,
		"more after its end": `{} {}`,
		"cut off":            `{"name":"a`,
		"longer than it may": strings.Repeat(" ", int(limit)) + " {}",
	}
}

// TestHostileBodies sends to every operation that reads JSON what none of them takes.
func TestHostileBodies(t *testing.T) {
	r := analysed(t, &engine{})
	d, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, o := range d.Operations() {
		if o.Body != openapi.JSON || o.Limit > 32<<20 {
			continue
		}
		path := parameter.ReplaceAllString(o.Path, digestOf(1))
		for name, body := range hostile(o.Limit) {
			tried++
			resp, text := r.request(o.Method, path, strings.NewReader(body), nil)
			var e wire.Error
			if err := json.Unmarshal([]byte(text), &e); err != nil || resp.StatusCode != 400 || e.Code != 400 || e.Message == "" || len(text) > 4096 {
				t.Errorf("%s: %s: %d %.300s", o.ID, name, resp.StatusCode, text)
			}
		}
	}
	if tried < 50 {
		t.Errorf("only %d requests were tried", tried)
	}
	var list wire.ImageList
	if r.call("GET", wire.RouteImages, "", &list); len(list.Items) != 1 {
		t.Errorf("images after all that: %d", len(list.Items))
	}
}

// TestWrongTypesAreRefused sends each property of the requests that this knows a
// value of each other type.
func TestWrongTypesAreRefused(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	values := map[string]string{"text": `"x"`, "number": `7`, "object": `{"x":1}`, "list": `[1]`, "truth": `true`}
	for _, test := range []struct{ path, body, right string }{
		{"/v2/accounts", `{"name":%s}`, "text"},
		{"/v2/accounts", `{"name":"abc","email":%s}`, "text"},
		{"/v2/accounts/admin/users", `{"username":%s,"password":"123456"}`, "text"},
		{"/v2/accounts/admin/users", `{"username":"somebody","password":%s}`, "text"},
		{"/v2/images", `{"source":%s}`, ""},
		{"/v2/images", `{"source":{"tag":%s}}`, ""},
		{"/v2/images", `{"source":{"tag":{"pull_string":%s}}}`, "text"},
		{"/v2/images", `{"annotations":%s,"source":{"tag":{"pull_string":"a b"}}}`, "object"},
		{"/v2/images", `{"source":{"import":{"operation_uuid":"x","digest":"x","tags":%s,"contents":{}}}}`, ""},
		{"/v2/subscriptions", `{"subscription_key":%s,"subscription_type":"tag_update"}`, "text"},
		{"/v2/registries?validate=false", `{"registry":%s}`, "text"},
		{"/v2/registries?validate=false", `{"registry":"r.io","registry_verify":%s}`, "truth"},
		{"/v2/policies", `{"id":%s}`, ""},
		{"/v2/user/api-keys", `{"name":%s,"expires_at":"2999-01-01T00:00:00Z"}`, "text"},
		{"/v2/user/api-keys", `{"name":"k","expires_at":%s}`, "text"},
	} {
		for kind, value := range values {
			if kind == test.right {
				continue
			}
			body := fmt.Sprintf(test.body, value)
			if e := r.refused("POST", test.path, body, nil); e.Code != 400 {
				t.Errorf("%s %s: %+v", test.path, body, e)
			}
		}
	}
}

// TestBombsEndInALimit: what a body unpacks to counts, and the parts of an import
// are not in memory.
func TestBombsEndInALimit(t *testing.T) {
	o := options(t.TempDir())
	o.MaxPart = 8 << 20
	r := start(t, &engine{}, o)
	var op wire.Operation
	r.call("POST", wire.RouteOperations, "", &op)
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	for range 512 {
		if _, err := z.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for range 10 {
		e := r.refused("POST", wire.Path(wire.RoutePart, op.UUID, "packages"), bomb.String(), func(r *http.Request) { r.Header.Set("Content-Encoding", "gzip") })
		if e.Code != 400 || e.Type != "too_large" {
			t.Fatalf("%+v", e)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 64<<20 {
		t.Errorf("10 bombs of 512 MiB left %d MiB of memory", grown>>20)
	}
	for _, encoding := range []string{"br", "gzip, gzip", "\"", "zstd"} {
		if e := r.refused("POST", wire.Path(wire.RoutePart, op.UUID, "packages"), "not of it", func(r *http.Request) { r.Header.Set("Content-Encoding", encoding) }); e.Code != 415 && e.Code != 400 {
			t.Errorf("%s: %+v", encoding, e)
		}
	}
}

// TestOddRequestLines sends what no client library would.
func TestOddRequestLines(t *testing.T) {
	r := analysed(t, &engine{})
	address := strings.TrimPrefix(r.web.URL, "http://")
	const signed = "Authorization: Basic YWRtaW46dGhlLXBhc3N3b3JkLW9mLXRoZS10ZXN0cw==\r\n"
	for name, test := range map[string]struct {
		line, headers string
		codes         []int
	}{
		"two slashes":           {"GET //v2//images HTTP/1.1", signed, []int{301, 307, 404}},
		"up and out":            {"GET /v2/images/../../etc/passwd HTTP/1.1", signed, []int{301, 307, 404}},
		"up, escaped":           {"GET /v2/images/%2e%2e%2f%2e%2e%2fetc HTTP/1.1", signed, []int{400, 404}},
		"a zero byte":           {"GET /v2/images/%00 HTTP/1.1", signed, []int{400, 404}},
		"an address of its own": {"GET http://elsewhere.test/v2/images HTTP/1.1", signed, []int{200}},
		"an unfinished escape":  {"GET /v2/images/%2 HTTP/1.1", signed, []int{400}},
		"no host":               {"GET /v2/images HTTP/1.1\r\nX: y", signed, []int{400}},
		"a password twice":      {"GET /v2/images HTTP/1.1", "Authorization: Basic eDp5\r\n" + signed, []int{401}},
		"half a password":       {"GET /v2/images HTTP/1.1", "Authorization: Basic !!!\r\n", []int{401}},
		"a long header":         {"GET /v2/images HTTP/1.1", signed + "X: " + strings.Repeat("y", 2<<20) + "\r\n", []int{431}},
		"two lengths":           {"POST /v2/imports/images HTTP/1.1", signed + "Content-Length: 1\r\nContent-Length: 2\r\n", []int{400}},
		"a length and chunks":   {"POST /v2/imports/images HTTP/1.1", signed + "Content-Length: 1\r\nTransfer-Encoding: x\r\n", []int{400, 501}},
		"a method of its own":   {"STEAL /v2/images HTTP/1.1", signed, []int{405}},
		"a control character":   {"GET /v2/images HTTP/1.1", signed + "x-anchore-account: \x1b[31m\r\n", []int{400, 404}},
		"an odd request id":     {"GET /v2/images HTTP/1.1", signed + "Anchore-Request-Id: A B\x7f\r\n", []int{200, 400}},
	} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		host := "Host: " + address + "\r\n"
		if name == "no host" {
			host = ""
		}
		go func() { _, _ = io.WriteString(conn, test.line+"\r\n"+host+test.headers+"Connection: close\r\n\r\n") }()
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			conn.Close()
			continue
		}
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
		conn.Close()
		ok := false
		for _, c := range test.codes {
			ok = ok || resp.StatusCode == c
		}
		if !ok || bytes.Contains(text, []byte{0x1b}) {
			t.Errorf("%s: %d %.200q", name, resp.StatusCode, text)
		}
	}
	if code := r.status("GET", wire.RouteImages, "", nil); code != 200 {
		t.Errorf("after all that: %d", code)
	}
}

// A body of which nothing arrives any more is answered, and its connection ends;
// one that comes slowly, but comes, is taken.
func TestSlowBodies(t *testing.T) {
	o := options(t.TempDir())
	o.Standstill = 300 * time.Millisecond
	e := &engine{resolve: func(importserver.Target) (importserver.Resolved, error) {
		return importserver.Resolved{Digest: digestOf(5), ImageID: digestOf(6)}, nil
	}}
	r := start(t, e, o)
	var op wire.Operation
	r.call("POST", wire.RouteOperations, "{}", &op)
	address := strings.TrimPrefix(r.web.URL, "http://")
	once := func(t *testing.T, path, as, content string, length int) (*http.Response, string, error) {
		t.Helper()
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		_ = conn.SetDeadline(time.Now().Add(patience))
		signed := base64.StdEncoding.EncodeToString([]byte(importserver.Admin + ":" + as))
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n",
			path, address, signed, length)
		for _, piece := range strings.SplitAfter(content, ",") {
			if _, err := io.WriteString(conn, piece); err != nil {
				break // it was answered meanwhile
			}
			time.Sleep(o.Standstill / 3)
		}
		in := bufio.NewReader(conn)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return nil, "", err
		}
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			return nil, "", err
		}
		if resp.StatusCode >= 400 {
			if _, err := in.ReadByte(); err != io.EOF && !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the connection stays open: %v", err)
			}
		}
		return resp, string(text), nil
	}
	// The time to take an answer is as short: it may be over before the server comes to write it.
	send := func(t *testing.T, path, as, content string, length int) (resp *http.Response, text string) {
		t.Helper()
		err := errors.New("not tried")
		for tries := 0; err != nil && tries < 10; tries++ {
			resp, text, err = once(t, path, as, content, length)
		}
		if err != nil {
			t.Fatalf("no answer: %v", err)
		}
		return resp, text
	}
	// answers sends until it has the answer that it should: a body that is sent while the
	// machine stands still is slower than it says.
	answers := func(t *testing.T, path, content string, length, code int, says string) {
		t.Helper()
		var resp *http.Response
		var text string
		if !eventually(func() bool {
			resp, text = send(t, path, password, content, length)
			return resp.StatusCode == code && strings.Contains(text, says)
		}) {
			t.Errorf("%d %s", resp.StatusCode, text)
		}
	}
	part := "/v2/imports/images/" + op.UUID + "/packages"
	for name, path := range map[string]string{
		"a JSON body": wire.RouteImages, "a part": part, "a form": "/v2/system/feeds/vulnerability_db", "a scan": "/v2/scan",
		"a database": wire.RouteDatabase, "a version 1 body": "/v1/images",
	} {
		t.Run(name, func(t *testing.T) {
			resp, text := send(t, path, password, `{"a":`, 1000)
			if resp.StatusCode < 400 || resp.StatusCode >= 500 {
				t.Errorf("%d %s", resp.StatusCode, text)
			}
			if resp, text := send(t, path, "wrong", `{"a":`, 1000); resp.StatusCode != 401 {
				t.Errorf("of nobody: %d %s", resp.StatusCode, text)
			}
		})
	}
	t.Run("slow, but all of it", func(t *testing.T) {
		whole := `{"artifacts":[],"x":1,"y":2,"z":3,"source":{},"u":5,"distro":{}}`
		answers(t, part, whole, len(whole), 200, "")
	})
	t.Run("a little at a time, for ever", func(t *testing.T) {
		drip := strings.Repeat(`1,`, 30) // each is soon there, and all of them take ten standstills
		answers(t, wire.RouteImages, drip, 1<<20, 400, "more slowly")
	})
	var now wire.Operation
	r.call("GET", wire.Path(wire.RouteOperation, op.UUID), "", &now)
	if now.Status != wire.OperationPending {
		t.Errorf("the import is %s", now.Status)
	}
	images, err := r.Images(t.Context(), wire.ImageFilter{})
	if err != nil || len(images) > 0 {
		t.Errorf("half a body left images: %+v, %v", images, err)
	}
	t.Run("slow, but all of it, in version 1", func(t *testing.T) {
		whole := `{"tag":"a:1","annotations":{"a":"1","b":"2","c":"3","d":"4","e":"5","f":"6"}}`
		answers(t, "/v1/images", whole, len(whole), 200, "")
	})
}

// Ten thousand imports that are begun and left: an account has so many, the rest is
// refused, and other accounts may still begin theirs.
func TestTenThousandOperationsLeftOpen(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	r.population("other")
	h := r.server.Handler()
	ask := func(method, path string) (int, string) {
		r := httptest.NewRequest(method, path, strings.NewReader("{}"))
		r.SetBasicAuth(importserver.Admin, password)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code, w.Body.String()
	}
	var taken, refused, other atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1250 {
				switch code, text := ask("POST", wire.RouteOperations); {
				case code == 200:
					taken.Add(1)
				case code == 400 && strings.Contains(text, `"error_type":"invalid"`):
					refused.Add(1)
				default:
					other.Add(1)
				}
			}
		})
	}
	all.Wait()
	if taken.Load() != 1000 || refused.Load() != 9000 || other.Load() != 0 {
		t.Errorf("%d were begun, %d refused, %d something else", taken.Load(), refused.Load(), other.Load())
	}
	if code, text := ask("GET", wire.RouteOperations); code != 200 || strings.Count(text, `"uuid"`) != 1000 {
		t.Errorf("listed: %d with %d", code, strings.Count(text, `"uuid"`))
	}
	if code := r.status("POST", wire.RouteOperations, "{}", basic("user-other", userPassword)); code != 200 {
		t.Errorf("another account begins one: %d", code)
	}
}

// A client that sends all of a body before it looks for an answer gets that of one
// which is refused before it was read, too.
func TestRefusedBodiesHaveAnAnswer(t *testing.T) {
	r := start(t, &engine{}, options(t.TempDir()))
	const size = 40 << 20
	send := func(path, length string) error {
		conn, err := net.Dial("tcp", strings.TrimPrefix(r.web.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		req, _ := http.NewRequest("POST", path, nil)
		req.SetBasicAuth("admin", password)
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\n%s\r\n\r\n", path, req.Header.Get("Authorization"), length)
		some, sent := bytes.Repeat([]byte(" "), 1<<20), 0
		for sent < size {
			if strings.HasPrefix(length, "Transfer") {
				fmt.Fprintf(conn, "%x\r\n", len(some))
			}
			if _, err = conn.Write(some); err != nil {
				break
			}
			if strings.HasPrefix(length, "Transfer") {
				fmt.Fprint(conn, "\r\n")
			}
			sent += len(some)
		}
		resp, readErr := http.ReadResponse(bufio.NewReader(conn), req)
		if readErr == nil { // the client need not wait for the end of the connection
			_, readErr = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		if err != nil || readErr != nil || resp.StatusCode != 400 && resp.StatusCode != 404 {
			return fmt.Errorf("%s, %s: sent %d (%v), answer %v %v", path, length, sent, err, resp, readErr)
		}
		return nil
	}
	for _, path := range []string{"/v2/accounts", "/v2/oauth/token", "/v1/images", "/v1/policies", "/v2/nowhere"} {
		for _, length := range []string{"Content-Length: 41943040", "Transfer-Encoding: chunked"} {
			for tries := 1; ; tries++ {
				begun := time.Now()
				err := send(path, length)
				if err == nil {
					break
				}
				// No server listens for ever: who takes seconds, as on a machine that stands
				// still, may be too late.
				if took := time.Since(begun); took < 4*time.Second || tries == 10 {
					t.Errorf("after %v: %v", took, err)
					break
				}
			}
		}
	}
}
