package e2e_test

import (
	"bytes"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/tidepole/tidepole/formats/wire"
)

// report is everything that can be read back of an image.
type report struct {
	Image           wire.Image
	Packages        []wire.Package
	Files           []wire.File
	Secrets         []wire.SearchResult
	Vulnerabilities wire.Vulnerabilities
	Check           wire.Check
}

func readReport(u *user, image string) report {
	u.t.Helper()
	var r report
	u.okJSON(&r.Image, "image", "get", image, "-o", "json-raw")
	for _, kind := range []string{"os", "npm", "python", "gem", "java", "go"} {
		var packages wire.Content[wire.Package]
		u.okJSON(&packages, "image", "content", image, "-t", kind, "-o", "json-raw")
		r.Packages = append(r.Packages, packages.Content...)
	}
	var files wire.Content[wire.File]
	u.okJSON(&files, "image", "content", image, "-t", "files", "-o", "json-raw")
	r.Files = files.Content
	u.okJSON(&r.Secrets, "image", "content", image, "-t", "secret_search", "-o", "json-raw")
	u.okJSON(&r.Vulnerabilities, "image", "vulnerabilities", image, "-o", "json-raw")
	u.okJSON(&r.Check, "image", "check", image, "--detail", "-o", "json-raw")
	return r
}

// withoutTimes clears what may differ between two ways to the same report.
func (r report) withoutTimes() report {
	data, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	data = regexp.MustCompile(`"\d{4}-\d\d-\d\dT[^"]*"`).ReplaceAll(data, []byte(`"0001-01-01T00:00:00Z"`))
	var same report
	if err := json.Unmarshal(data, &same); err != nil {
		panic(err)
	}
	same.Image.Origin, same.Image.StatusDetail, same.Image.Annotations = "", nil, nil
	same.Image.Attempts = 0
	return same
}

func TestCentralAndDistributedGiveTheSameReport(t *testing.T) {
	p := plantedImage(t)
	central := newUser(t).with(openRegistry(t)...)
	central.serve()
	central.ok("vulndb", "import", demoDB)
	out := central.ok("image", "add", p.name, "--wait")
	if !regexp.MustCompile(`(?m)^Digest: +sha256:[0-9a-f]{64}$`).MatchString(out) {
		t.Errorf("no Digest: line in\n%s", out)
	}
	distributed := newUser(t).with(openRegistry(t)...)
	distributed.serve()
	distributed.ok("vulndb", "import", demoDB)
	distributed.ok("image", "add", p.name, "--from", "registry", "--wait")
	a, b := readReport(central, p.name), readReport(distributed, p.name)
	if a.Image.Origin == b.Image.Origin {
		t.Errorf("both have the origin %q", a.Image.Origin)
	}
	if diff := cmp.Diff(a.withoutTimes(), b.withoutTimes()); diff != "" {
		t.Errorf("the reports differ: %.4000s", diff)
	}
	central.clean()
	distributed.clean()
}

func TestAcrossAnAirGapTheReportIsTheSame(t *testing.T) {
	p := plantedImage(t)
	outside := newUser(t).with(openRegistry(t)...)
	file := filepath.Join(t.TempDir(), "evidence")
	outside.ok("image", "analyze", p.name, "--from", "registry", "-o", file)
	inside := newUser(t)
	inside.serve()
	inside.ok("vulndb", "import", demoDB)
	inside.ok("import", file, "--wait")

	direct := newUser(t).with(openRegistry(t)...)
	direct.serve()
	direct.ok("vulndb", "import", demoDB)
	direct.ok("image", "add", p.name, "--from", "registry", "--wait")
	if diff := cmp.Diff(readReport(direct, p.name).withoutTimes(), readReport(inside, p.name).withoutTimes()); diff != "" {
		t.Errorf("the reports differ: %.4000s", diff)
	}
}

func TestEverythingPlantedIsReportedAndNoSecretLeaks(t *testing.T) {
	p := plantedImage(t)
	u := newUser(t).with(closedRegistry(t)...)
	s := u.serve()
	u.ok("vulndb", "import", demoDB)
	traffic := listen(t, "http://"+s.addr)
	u = u.with("TIDEPOLE_URL=" + traffic.url)
	u.ok("image", "add", p.tlsName, "--from", "registry", "--wait", "-vv")
	r := readReport(u, p.tlsName)

	for _, want := range plantedPackages {
		f := strings.Fields(want)
		if !slices.ContainsFunc(r.Packages, func(p wire.Package) bool {
			return p.Name == f[1] && (f[2] == "*" || p.Version == f[2])
		}) {
			t.Errorf("package %s is not reported", want)
		}
	}
	for _, want := range p.secrets {
		if !slices.ContainsFunc(r.Secrets, func(s wire.SearchResult) bool {
			return s.Path == want.path && slices.ContainsFunc(s.Matches, func(m wire.SearchMatch) bool { return strings.HasPrefix(m.Name, want.rule) })
		}) {
			t.Errorf("secret %s in %s is not reported", want.rule, want.path)
		}
	}
	if !slices.ContainsFunc(r.Files, func(f wire.File) bool { return f.Name == "/app/planted-setuid" && f.Mode == "04755" }) {
		t.Error("the setuid file is not reported")
	}
	for _, pkg := range []string{"lodash", "requests", "rack", "log4j-core", "apt", "github.com/spf13/cobra"} {
		if !slices.ContainsFunc(r.Vulnerabilities.Items, func(v wire.Vulnerability) bool { return v.PackageName == pkg }) {
			t.Errorf("no vulnerability of %s is reported", pkg)
		}
	}
	s.stop()
	for _, secret := range p.secrets {
		absent(t, secret.value, "the traffic", traffic.bytes())
		for _, dir := range []string{s.dir, u.home} {
			absentBelow(t, secret.value, dir)
		}
		absent(t, secret.value, "the server's log", []byte(s.said()))
	}
}

// absentBelow looks for a value in every file of a folder, unpacked where it is
// compressed.
func absentBelow(t *testing.T, value, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		absent(t, value, path, data)
		return nil
	})
	do(t, err)
}

func absent(t *testing.T, value, where string, data []byte) {
	t.Helper()
	for _, d := range [][]byte{data, unpacked(data)} {
		if bytes.Contains(d, []byte(value)) {
			t.Errorf("a secret's value is in %s", where)
		}
	}
}

// unpacked is what gzip or zstd data holds, or nothing.
func unpacked(data []byte) []byte {
	if z, err := gzip.NewReader(bytes.NewReader(data)); err == nil {
		plain, _ := io.ReadAll(z)
		return plain
	}
	if z, err := zstd.NewReader(bytes.NewReader(data)); err == nil {
		defer z.Close()
		plain, _ := io.ReadAll(z)
		return plain
	}
	return nil
}

// tap is a proxy that keeps what passes.
type tap struct {
	url string
	mu  sync.Mutex
	all bytes.Buffer
}

func listen(t *testing.T, to string) *tap {
	t.Helper()
	p := &tap{}
	p.url = proxyTo(t, to, func(r *http.Response) error {
		r.Body = p.keep(r.Body)
		return nil
	}, func(r *http.Request) { r.Body = p.keep(r.Body) })
	return p
}

// proxyTo is a proxy in front of a server, with a look at what passes.
func proxyTo(t *testing.T, to string, answer func(*http.Response) error, requests ...func(*http.Request)) string {
	t.Helper()
	target, err := url.Parse(to)
	do(t, err)
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.ModifyResponse = answer
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, look := range requests {
			look(r)
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// keep reads a body whole, keeps it both as sent and unpacked, and gives it on.
func (p *tap) keep(body io.ReadCloser) io.ReadCloser {
	if body == nil || body == http.NoBody {
		return body
	}
	data, _ := io.ReadAll(body)
	body.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all.Write(data)
	p.all.Write(unpacked(data))
	return io.NopCloser(bytes.NewReader(data))
}

func (p *tap) bytes() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.all.Bytes())
}
