package v1_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	v1 "github.com/tidepole/tidepole/importserver/v1"
)

// weighed is a client that looks, from time to time, at how much memory is in use
// while it is answered.
type weighed struct {
	header http.Header
	code   int
	sent   int
	most   uint64
}

func (w *weighed) Header() http.Header { return w.header }

func (w *weighed) WriteHeader(code int) { w.code = code }

func (w *weighed) Write(p []byte) (int, error) {
	if before := w.sent >> 22; (w.sent+len(p))>>22 != before {
		w.most = max(w.most, inUse())
	}
	w.sent += len(p)
	return len(p), nil
}

func inUse() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestLongAnswersAreTranslatedAsTheyCome(t *testing.T) {
	item := `{"image_digest":"d","license":"x","filler":"` + strings.Repeat("x", 1<<10) + `"}`
	const count = 12 << 10
	for path, ends := range map[string][2]string{
		"/v1/images":                            {`{"items":[`, `]}`},
		"/v1/images/d/vuln/all":                 {`{"image_digest":"d","vulnerabilities":[`, `]}`},
		"/v1/images/d/content/npm":              {`{"image_digest":"d","content":[`, `]}`},
		"/v1/images/d/content/files":            {`{"image_digest":"d","content":[`, `]}`},
		"/v1/query/images/by_package?name=x":    {`{"images":[`, `],"page":"1"}`},
		"/v1/subscriptions":                     {`[`, `]`},
		"/v1/images/d/artifacts/secret_search":  {`[`, `]`},
		"/v1/query/vulnerabilities?id=CVE-1-1":  {`{"vulnerabilities":[`, `]}`},
		"/v1/summaries/imagetags?analysis=none": {`{"items":[`, `],"total_rows":1}`},
	} {
		h, err := v1.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			fmt.Fprint(w, ends[0], item)
			for range count - 1 {
				fmt.Fprint(w, ",", item)
			}
			fmt.Fprint(w, ends[1])
		}))
		if err != nil {
			t.Fatal(err)
		}
		r, err := http.NewRequest("GET", path, nil)
		if err != nil {
			t.Fatal(err)
		}
		before := inUse()
		w := &weighed{header: http.Header{}, code: 200}
		h.ServeHTTP(w, r)
		if w.code != 200 || w.sent < count<<10 || w.most > before+4<<20 {
			t.Errorf("%s: %d, %d bytes with %d in use, %d before", path, w.code, w.sent, w.most, before)
		}
	}
}

func TestLongAnswersSayTheSame(t *testing.T) {
	for name, test := range map[string]struct{ path, v2, want string }{
		"a list alone":      {"/v1/images", `{"total":[1],"items":[{"image_digest":"d","created_at":"2024-01-01T00:00:00.5Z"},{"account_name":"a"}],"more":{}}`, `[{"created_at":"2024-01-01T00:00:00Z","imageDigest":"d"},{"userId":"a"}]`},
		"no list":           {"/v1/images", `{}`, `[]`},
		"an empty list":     {"/v1/images", `{"items":[]}`, `[]`},
		"in an object":      {"/v1/images/d/vuln/all", `{"image_digest":"d","vulnerabilities":[{"package_cpe":"c"}],"vulnerability_type":"all"}`, `{"imageDigest":"d","vulnerabilities":[{"package_cpe":"c","package_cpe23":"c"}],"vulnerability_type":"all"}`},
		"elements as given": {"/v1/images/d/content/files", `{"image_digest":"d","content":[{"image_digest":"x","size":12345678901234567890}]}`, `{"imageDigest":"d","content":[{"image_digest":"x","size":12345678901234567890}]}`},
		"an empty object":   {"/v1/images/d/content/files", `{}`, `{}`},
	} {
		web := serve(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, test.v2) })
		code, text := ask(t, web, "GET", test.path, "")
		if diff := cmp.Diff(test.want, strings.ReplaceAll(strings.TrimSpace(text), ",\n", ",")); code != 200 || diff != "" {
			t.Errorf("%s: %d %s", name, code, diff)
		}
	}
}

// An answer that breaks off in version 2 breaks off in version 1.
func TestLongAnswersBreakOff(t *testing.T) {
	for name, v2 := range map[string]http.HandlerFunc{
		"by the server": func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"items":[{"a":1}`)
			panic(http.ErrAbortHandler)
		},
		"by what it is": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items":[{"a":1}`) },
	} {
		web := serve(t, v2)
		resp, err := http.Get(web.URL + "/v1/images")
		if err == nil {
			var v any
			if err := json.NewDecoder(resp.Body).Decode(&v); err == nil {
				t.Errorf("%s: answered %v", name, v)
			}
			resp.Body.Close()
		}
	}
}

func TestAnswersThatAreTooLongAreErrors(t *testing.T) {
	web := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := []byte(strings.Repeat(" ", 1<<20))
		for range 65 {
			if _, err := w.Write(chunk); err != nil {
				panic(http.ErrAbortHandler)
			}
		}
	})
	code, text := ask(t, web, "GET", "/v1/images/d/check?tag=x", "")
	var e struct{ Message string }
	if err := json.Unmarshal([]byte(text), &e); code != 500 || err != nil || !strings.Contains(e.Message, "too long") {
		t.Errorf("%d %s", code, text)
	}
}

// Long answers are translated one after the other, and one that waits for too long is
// refused; short ones do not wait.
func TestLongAnswersTakeTurns(t *testing.T) {
	begun, release := make(chan struct{}), make(chan struct{})
	web := serve(t, func(w http.ResponseWriter, r *http.Request) {
		n := 0
		if strings.Contains(r.URL.RawQuery, "long") {
			n = 2 << 20
		}
		if _, err := fmt.Fprintf(w, `{"policy_id":%q}`, strings.Repeat("x", n)); err != nil {
			panic(http.ErrAbortHandler)
		}
		if strings.Contains(r.URL.RawQuery, "first") {
			close(begun)
			<-release
		}
	})
	first := make(chan int)
	go func() {
		code, _ := ask(t, web, "GET", "/v1/images/d/check?tag=long&policyId=first", "")
		first <- code
	}()
	<-begun
	waitLonger := v1.WaitForLongAnswers(20 * time.Millisecond)
	if code, text := ask(t, web, "GET", "/v1/images/d/check?tag=long", ""); code != 503 || !strings.Contains(text, "ask again") {
		t.Errorf("beside another: %d %.200s", code, text)
	}
	waitLonger()
	if code, _ := ask(t, web, "GET", "/v1/images/d/check?tag=short", ""); code != 200 {
		t.Errorf("a short one: %d", code)
	}
	close(release)
	if code := <-first; code != 200 {
		t.Errorf("the first: %d", code)
	}
	if code, _ := ask(t, web, "GET", "/v1/images/d/check?tag=long", ""); code != 200 {
		t.Errorf("after the first: %d", code)
	}
}

// deadlines notes until when a client is read from.
type deadlines struct {
	*httptest.ResponseRecorder
	read []time.Time
}

func (d *deadlines) SetReadDeadline(t time.Time) error {
	d.read = append(d.read, t)
	return nil
}

func TestTheDeadlineOfAGetsBodyEndsWithIt(t *testing.T) {
	h, err := v1.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items":[]}`) }))
	if err != nil {
		t.Fatal(err)
	}
	d := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	h.ServeHTTP(d, httptest.NewRequest("GET", "/v1/images", strings.NewReader(`{"tag":"a:1"}`)))
	if len(d.read) != 2 || d.read[0].IsZero() || !d.read[1].IsZero() {
		t.Errorf("deadlines: %v", d.read)
	}
}
