package cli_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Command lines that cannot be meant are refused, with a word on what could be.
func TestRefusals(t *testing.T) {
	tar := filepath.Join(t.TempDir(), "web.tar")
	if err := os.WriteFile(tar, append(append(make([]byte, 257), "ustar"...), make([]byte, 250)...), 0o600); err != nil {
		t.Fatal(err)
	}
	there := write(t, "there")
	for name, c := range map[string]struct {
		args []string
		want []string
	}{
		"--from without --local":       {[]string{"image", "check", "a:1", "--from", "docker"}, []string{"--from", "--local"}},
		"--db without --local":         {[]string{"image", "check", "a:1", "--db", "x"}, []string{"--db", "--local"}},
		"--vulndb-url without --local": {[]string{"vulndb", "update", "--vulndb-url", "http://x"}, []string{"--vulndb-url", "--local"}},
		"negative timeout":             {[]string{"image", "add", "a:1", "--timeout", "-5s"}, []string{"--timeout", "not negative"}},
		"negative request timeout":     {[]string{"image", "list", "--request-timeout", "-5s"}, []string{"--request-timeout", "not negative"}},
		"negative age":                 {[]string{"image", "check", "a:1", "--max-db-age", "-5d"}, []string{"--max-db-age", "not negative"}},
		"bad boolean":                  {[]string{"image", "add", "a:1", "--wait=perhaps"}, []string{"--wait", "true or false"}},
		"an argument too many":         {[]string{"image", "list", "extra"}, []string{`takes no arguments, got "extra"`}},
		"two arguments":                {[]string{"image", "add", "a", "b"}, []string{`takes one IMAGE, got "a", "b"`}},
		"no argument":                  {[]string{"image", "add"}, []string{"no IMAGE is named"}},
		"a name no registry can have":  {[]string{"image", "add", "S/Up:9", "--from", "oci-dir:/no/where"}, []string{`"docker.io/S/Up:9"`, "capitals", "write it as docker.io/s/up:9"}},
		"an exit code too high":        {[]string{"image", "check", "a:1", "--exit-code", "300"}, []string{"between 1 and 255", "help exit-codes"}},
		"a policy's file":              {[]string{"policy", "add", "my.json"}, []string{"tidepole policy add -i my.json"}},
		"help about nothing":           {[]string{"help", "nonsense"}, []string{`unknown command "nonsense"`}},
		"an address without a scheme":  {[]string{"image", "list", "--url", "127.0.0.1:8228"}, []string{`"127.0.0.1:8228"`, "http://127.0.0.1:8228"}},
		"an archive as a document":     {[]string{"image", "analyze", "a:1", "-o", "x", "--from", tar}, []string{"docker-archive:" + tar}},
		"a folder as evidence":         {[]string{"import", t.TempDir()}, []string{"is a folder"}},
		"no temporary folder":          {[]string{"image", "analyze", "a:1", "-o", "x", "--temp-dir", "/nope"}, []string{"/nope", "--temp-dir"}},
		"a state that is none":         {[]string{"image", "list", "-s", "bogus"}, []string{"not-analyzed, analyzing, analyzed, analysis-failed"}},
		"a local policy that is none":  {[]string{"image", "check", "a:1", "--local", "-p", "nope"}, []string{"is a file"}},
		"evidence over a file":         {[]string{"image", "analyze", "a:1", "-o", there}, []string{there, "--overwrite"}},
		"evidence over a folder":       {[]string{"image", "analyze", "a:1", "--overwrite", "-o", filepath.Dir(there)}, []string{"write " + filepath.Dir(there) + ": it is a folder", "name a file in it"}},
		"evidence into no folder":      {[]string{"image", "analyze", "a:1", "-o", "/no/where"}, []string{"write /no/where: ", "there is no folder /no\n"}},
		"a format of serve":            {[]string{"serve", "-o", "json"}, []string{"-o"}},
		"an impossible data folder":    {[]string{"serve", "--listen", "127.0.0.1:0", "--data", there + "/data"}, []string{"prepare the data folder " + there + "/data", "--data DIR"}},
	} {
		t.Run(name, func(t *testing.T) {
			newShell(t).fails(1, append(c.want, "error: ", "hint: "), c.args...)
		})
	}
}

// A limit that lets nothing pass is refused, wherever it is set.
func TestLimitsThatLetNothingPass(t *testing.T) {
	const number, size = "a whole number, 1 or more", "a number of bytes like 10GiB or 500MB, and at least 1"
	for _, c := range []struct{ flag, key, variable, value, must string }{
		{"--max-layers", "layers", "TIDEPOLE_LIMITS_LAYERS", "0", number},
		{"--max-layers", "layers", "TIDEPOLE_LIMITS_LAYERS", "-1", number},
		{"--max-layers", "layers", "TIDEPOLE_LIMITS_LAYERS", "1.5", number},
		{"--max-entries", "entries", "TIDEPOLE_LIMITS_ENTRIES", "0", number},
		{"--max-entries", "entries", "TIDEPOLE_LIMITS_ENTRIES", "-1", number},
		{"--max-image-bytes", "image-bytes", "TIDEPOLE_LIMITS_IMAGE_BYTES", "0", size},
		{"--max-image-bytes", "image-bytes", "TIDEPOLE_LIMITS_IMAGE_BYTES", "-1", size},
		{"--max-image-bytes", "image-bytes", "TIDEPOLE_LIMITS_IMAGE_BYTES", "1.5", size},
		{"--max-image-bytes", "image-bytes", "TIDEPOLE_LIMITS_IMAGE_BYTES", "0GiB", size},
	} {
		t.Run(c.flag+" "+c.value, func(t *testing.T) {
			s := newShell(t)
			says := func(name string) []string { return []string{name, `"` + c.value + `"`, c.must} }
			analyze := []string{"image", "analyze", "a:1", "-o", filepath.Join(t.TempDir(), "x")}
			s.fails(1, append(says(c.flag), "hint: "), append(analyze, c.flag, c.value)...)
			s.fails(1, says(c.flag), "serve", "--data", t.TempDir(), c.flag, c.value)
			s.with(c.variable+"="+c.value).fails(1, says(c.variable), analyze...)
			file := write(t, "limits: {"+c.key+": "+c.value+"}\n")
			s.fails(1, append(says("limits."+c.key), file), append(analyze, "-c", file)...)
		})
	}
}

// What no analysis keeps to is refused before a server starts.
func TestBoundsThatNothingKeepsTo(t *testing.T) {
	for flag, c := range map[string]struct{ value, must string }{
		"--max-memory":                   {"1", "16MiB is the least"},
		"--max-compressed-image-size-mb": {"0", "1 or more, or -1"},
	} {
		s := newShell(t)
		s.fails(1, []string{flag + " " + c.value, c.must}, "serve", "--data", t.TempDir(), "--listen", "127.0.0.1:0", flag, c.value)
	}
}

func TestVersionFlag(t *testing.T) {
	if got := newShell(t).ok("--version"); got != "tidepole 1.2.3\n" {
		t.Errorf("got %q", got)
	}
}

// A server that cannot listen leaves nothing behind.
func TestServeBindsFirst(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	dir := filepath.Join(t.TempDir(), "data")
	newShell(t).fails(1, []string{"listen on"}, "serve", "--data", dir, "--listen", taken.Addr().String())
	if _, err := os.Stat(dir); err == nil {
		t.Errorf("%s was made", dir)
	}
}

// The environment's format is for the commands that have it; a flag's is an order.
func TestFormatOfTheEnvironment(t *testing.T) {
	s := newShell(t).with("TIDEPOLE_FORMAT=id")
	if got := s.ok("policy", "gates"); !strings.HasPrefix(got, "always: ") {
		t.Errorf("got %.40q", got)
	}
	s.fails(1, []string{`"id"`}, "policy", "gates", "-o", "id")
	newShell(t).with("TIDEPOLE_FORMAT=jsn").fails(1, []string{`"jsn"`}, "policy", "gates")
}

func TestRetiredTriggers(t *testing.T) {
	s := newShell(t)
	short, long := s.ok("policy", "gates", "-o", "csv"), s.ok("policy", "gates", "--retired", "-o", "csv")
	if strings.Contains(short, "Retired: never fires") || !strings.Contains(long, "Retired: never fires") {
		t.Errorf("retired triggers: %t without --retired, %t with it", strings.Contains(short, "Retired: never"), strings.Contains(long, "Retired: never"))
	}
}

// With -vv the log has the requests, and nothing secret.
func TestVerbose(t *testing.T) {
	s := newShell(t).serve()
	r := s.run("image", "list", "-vv")
	if r.code != 0 || !strings.Contains(r.err, "path=/v2/images") || !strings.Contains(r.err, "status=200") || !strings.Contains(r.err, "url=http://127.0.0.1") {
		t.Errorf("%+v", r)
	}
	if strings.Contains(r.err, password) || strings.Contains(r.err, "?") {
		t.Errorf("the log has a secret or a query:\n%s", r.err)
	}
	s.with("TIDEPOLE_PASSWORD=").fails(1, []string{"none was given", "TIDEPOLE_PASSWORD"}, "image", "list")
}

// A list of packages is no complete evidence.
func TestPackagesOnlyAreIncomplete(t *testing.T) {
	s := newShell(t).serve()
	file := write(t, `{"artifacts":[],"artifactRelationships":[],"source":{"id":"x","name":"a","version":"1","type":"image","metadata":{"userInput":"a:1","imageID":"sha256:`+strings.Repeat("a", 64)+`","manifestDigest":"sha256:`+strings.Repeat("b", 64)+`","mediaType":"application/vnd.docker.distribution.manifest.v2+json","tags":[],"imageSize":0,"layers":[],"manifest":"","config":"","repoDigests":[],"architecture":"amd64","os":"linux"}},"distro":{"id":"debian","versionID":"12"},"descriptor":{"name":"syft","version":"1.0.0"},"schema":{"version":"16.0.0","url":"https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.0.0.json"}}`)
	s.ok("vulndb", "import", database(t, 0))
	s.ok("image", "add", "a:1", "--from", file, "--wait")
	r := s.run("image", "check", "a:1", "--require-complete")
	if r.code != 3 || !strings.Contains(r.err, "secrets were never searched for") {
		t.Errorf("%+v", r)
	}
	if r := s.run("__complete", "image", "check", ""); !strings.HasPrefix(r.out, "docker.io/a:1\n") {
		t.Errorf("completion is %+v", r)
	}
}
