package importserver_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/openapi"
	"github.com/tidepole/tidepole/importserver/store/storetest"
)

// Without its database, a server asks to be asked again: no request is answered as
// though the server had a defect.
func TestADatabaseThatIsAway(t *testing.T) {
	at, err := url.Parse(storetest.Schema(t, os.Getenv(storetest.PostgresVariable)))
	if err != nil {
		t.Fatal(err)
	}
	line := newLine(t, at.Host)
	at.Host = line.Addr().String()
	o := options(t.TempDir())
	o.Store = at.String()
	r := start(t, &engine{}, o)
	d, err := openapi.Load()
	if err != nil {
		t.Fatal(err)
	}
	routes := []string{"GET " + wire.RouteVersion}
	for _, o := range d.Operations() {
		if len(o.PathParameters()) == 0 && strings.HasPrefix(o.Pattern(), "GET ") && o.Permission != openapi.Open {
			routes = append(routes, o.Pattern())
		}
	}
	line.cut()
	for _, route := range routes {
		method, path, _ := strings.Cut(strings.TrimSuffix(route, "{$}"), " ")
		resp, text := r.request(method, path, nil, nil)
		var e wire.Error
		json.Unmarshal([]byte(text), &e)
		hint, _ := e.Detail["hint"].(string)
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" || hint == "" {
			t.Errorf("%s: %s, Retry-After %q: %s", route, resp.Status, resp.Header.Get("Retry-After"), text)
		}
	}
}

// line passes connections on until it is cut.
type line struct {
	net.Listener
	lock  sync.Mutex
	conns []net.Conn
	gone  bool
}

func newLine(t *testing.T, to string) *line {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	passing := &line{Listener: l}
	t.Cleanup(passing.cut)
	go func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil || !passing.keep(in, out) {
				in.Close()
				continue
			}
			go io.Copy(in, out)
			go io.Copy(out, in)
		}
	}()
	return passing
}

func (l *line) keep(conns ...net.Conn) bool {
	l.lock.Lock()
	defer l.lock.Unlock()
	l.conns = append(l.conns, conns...)
	return !l.gone
}

func (l *line) cut() {
	l.Close()
	l.lock.Lock()
	defer l.lock.Unlock()
	l.gone = true
	for _, c := range l.conns {
		c.Close()
	}
}
