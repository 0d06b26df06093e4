package blobs_test

import (
	"cmp"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/blobs"
	"github.com/tidepole/tidepole/importserver/blobs/blobstest"
)

// realS3 names an object store that runs as a process of its own; with _KEY and
// _SECRET, what lets one in.
const realS3 = "TIDEPOLE_TEST_S3"

func TestMain(m *testing.M) {
	os.Setenv("AWS_ACCESS_KEY_ID", cmp.Or(os.Getenv(realS3+"_KEY"), "any")) // the one in this process takes all
	os.Setenv("AWS_SECRET_ACCESS_KEY", cmp.Or(os.Getenv(realS3+"_SECRET"), "any"))
	os.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	os.Exit(m.Run())
}

func fakeS3(t *testing.T) string {
	server := httptest.NewServer(gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
	t.Cleanup(server.Close)
	return server.URL
}

// stores runs a test in a folder and in every object store there is.
func stores(t *testing.T, test func(*testing.T, func(*testing.T) blobstest.Place)) {
	t.Run("folder", func(t *testing.T) { test(t, blobstest.Folder) })
	objectStores(t, func(t *testing.T, endpoint string) { test(t, blobstest.S3(endpoint)) })
}

func objectStores(t *testing.T, test func(t *testing.T, endpoint string)) {
	t.Run("S3 in this process", func(t *testing.T) { test(t, fakeS3(t)) })
	t.Run("S3 in a process of its own", func(t *testing.T) {
		endpoint := os.Getenv(realS3)
		if endpoint == "" {
			t.Skipf("SKIPPED: no object store is running: %s is not set", realS3)
		}
		test(t, endpoint)
	})
}

func TestStores(t *testing.T) { stores(t, blobstest.Run) }

func TestStoresThatCannotBe(t *testing.T) {
	file := t.TempDir() + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		url, says string
		kind      fault.Kind
	}{
		"an unknown scheme":   {"gopher://x", "have file, s3", fault.Invalid},
		"no URL":              {"s3://x y%zz", "not a URL", fault.Invalid},
		"credentials in it":   {"s3://me:secret-word@bucket", "credentials do not belong", fault.Invalid},
		"no bucket":           {"s3://", "names no bucket", fault.Invalid},
		"no region":           {"s3://bucket", "no region", fault.Invalid},
		"an unknown setting":  {"s3://bucket?region=x&colour=red", "colour", fault.Invalid},
		"a setting half read": {"s3://bucket?region=x&use_path_style=maybe", "use_path_style", fault.Invalid},
		"no time":             {"s3://bucket?region=x&timeout=0s", "timeout", fault.Invalid},
		"a folder's host":     {"file://host/path", "names no folder", fault.Invalid},
		"a folder in a file":  {file + "/blobs", "not a directory", fault.Unavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := blobs.Open(t.Context(), test.url, t.TempDir())
			if s != nil || fault.Of(err) != test.kind || !strings.Contains(err.Error(), test.says) || fault.Hint(err) == "" && test.kind != fault.Invalid {
				t.Errorf("%v (%v), want %q (%v); hint %q", err, fault.Of(err), test.says, test.kind, fault.Hint(err))
			}
			if strings.Contains(err.Error()+fault.Hint(err), "secret-word") {
				t.Errorf("a password is shown: %v", err)
			}
		})
	}
}

func TestFoldersByAnyPath(t *testing.T) {
	t.Chdir(t.TempDir())
	whole := t.TempDir() + "/a: % ? # b"
	for _, path := range []string{"blobs", "a folder/blobs", "./x:y", whole, "file:relative", "file:" + t.TempDir()} {
		s := blobstest.Open(t, path)
		if _, err := blobstest.Read(t.Context(), s, blobstest.Keep(t, s, "", "x")); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	for _, path := range []string{"blobs/sha256", "a folder/blobs/sha256", "x:y/sha256", whole + "/sha256", "relative/sha256"} {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
}
