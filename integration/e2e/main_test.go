// Package e2e_test drives the built program as its users do, against the real
// things that integration/testbed starts.
package e2e_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// program is the tidepole that was built for this run; demoDB is a small
// vulnerability database built from the records in integration/vulndbtest.
var program, demoDB string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := runTests(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e:", err)
		code = 1
	}
	os.Exit(code)
}

func runTests(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "tidepole-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	program, demoDB = filepath.Join(dir, "tidepole"), filepath.Join(dir, "demo-db.tar.gz")
	for _, command := range [][]string{
		{"go", "build", "-ldflags", "-s -w", "-o", program, "github.com/tidepole/tidepole/cmd/tidepole"},
		{"go", "run", "github.com/tidepole/tidepole/integration/vulndbtest/cmd/demodb", "-o", demoDB},
	} {
		if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
			return 1, fmt.Errorf("%v: %w\n%s", command, err, out)
		}
	}
	return m.Run(), nil
}

// part is the address of a real thing from the environment that
// integration/testbed sets; without it the test is skipped, and says so.
func part(t *testing.T, variable string) string {
	t.Helper()
	value := os.Getenv(variable)
	if value == "" {
		t.Skipf("%s is not set: run the tests with go run ./integration/testbed -- go test …", variable)
	}
	return value
}
