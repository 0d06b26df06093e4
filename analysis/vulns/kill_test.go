package vulns_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/vulns"
)

// The test binary runs itself as another process that works in the folder.
const (
	jobVariable = "TIDEPOLE_VULNS_JOB" // half, loop
	dirVariable = "TIDEPOLE_VULNS_DIR"
)

// runJob imports until it is killed.
func runJob(job string) int {
	dir := os.Getenv(dirVariable)
	d, err := vulns.Open(vulns.Options{Dir: filepath.Join(dir, "vulndb")})
	if err != nil {
		return fail(err)
	}
	var data [2][]byte
	for i := range data {
		if data[i], err = os.ReadFile(filepath.Join(dir, fmt.Sprint(i))); err != nil {
			return fail(err)
		}
	}
	if job == "half" {
		half := bytes.NewReader(data[1][:len(data[1])/2])
		_, err := d.Import(context.Background(), readerFunc(func(p []byte) (int, error) {
			if half.Len() > 0 {
				return half.Read(p)
			}
			fmt.Println("half")
			select {}
		}), "half", "", nil)
		return fail(err)
	}
	fmt.Println("loop")
	for i := 0; ; i++ {
		if _, err := d.Import(context.Background(), bytes.NewReader(data[i%2]), "loop", "", nil); err != nil {
			return fail(err)
		}
	}
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// start runs a job in dir until it has said its first word.
func start(t *testing.T, job, dir string) *exec.Cmd {
	t.Helper()
	for i, name := range []string{"older.tar.gz", "newer.tar.gz"} {
		write(t, filepath.Join(dir, fmt.Sprint(i)), string(archive(name)))
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+job, dirVariable+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(cmd) })
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != job {
		t.Fatalf("the other process says %q: %v", line, err)
	}
	return cmd
}

// kill is kill -9: the process gets no chance to clear up.
func kill(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

func TestKilledInTheMiddleOfAnImport(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "vulndb")
	before := load(t, open(t, vulns.Options{Dir: root}), "older.tar.gz")
	other := start(t, "half", dir)
	if diff := cmp.Diff([]string{"current", "db", "lock", "staging"}, contents(t, root)); diff != "" {
		t.Fatalf("while the other process imports (-want +got):\n%s", diff)
	}
	kill(other)
	d := open(t, vulns.Options{Dir: root})
	if diff := cmp.Diff([]string{"current", "db", "lock"}, contents(t, root)); diff != "" {
		t.Errorf("opened again (-want +got):\n%s", diff)
	}
	got, err := d.Match(context.Background(), evidence(t, debianDocument(t)))
	if err != nil || len(got.Vulnerabilities) == 0 {
		t.Fatalf("match: %d vulnerabilities, %v", len(got.Vulnerabilities), err)
	}
	if diff := cmp.Diff(before, got.Database); diff != "" {
		t.Errorf("database (-before +after):\n%s", diff)
	}
	load(t, d, "newer.tar.gz")
}

// Wherever an import is killed, one of the two databases is in use, whole.
func TestKilledAnywhere(t *testing.T) {
	dir := t.TempDir()
	root := filepath.Join(dir, "vulndb")
	load(t, open(t, vulns.Options{Dir: root}), "older.tar.gz")
	document := debianDocument(t)
	for range 8 {
		other := start(t, "loop", dir)
		time.Sleep(time.Duration(rand.IntN(60_000)) * time.Microsecond) // where in its loop is left to chance
		kill(other)
		d, err := vulns.Open(vulns.Options{Dir: root})
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.Match(context.Background(), evidence(t, document))
		if err != nil || len(got.Vulnerabilities) != 9 || len(got.Notes) > 0 {
			t.Errorf("match: %d vulnerabilities, notes %q, %v", len(got.Vulnerabilities), got.Notes, err)
		}
		if diff := cmp.Diff([]string{"current", "db", "lock"}, contents(t, root)); diff != "" {
			t.Errorf("folder (-want +got):\n%s", diff)
		}
		d.Close()
	}
}

// What a kill between the last steps leaves behind.
func TestLeftoversAreSwept(t *testing.T) {
	root := filepath.Join(t.TempDir(), "vulndb")
	user := open(t, vulns.Options{Dir: root})
	load(t, user, "older.tar.gz")
	write(t, filepath.Join(root, "staging-current"), "db-x\n")
	for _, name := range []string{"staging-1", "db-never-pointed-to"} {
		if err := os.MkdirAll(filepath.Join(root, name), 0o700); err != nil {
			t.Fatal(err)
		}
		write(t, filepath.Join(root, name, "vulnerability.db"), "half")
	}
	open(t, vulns.Options{Dir: root})
	if diff := cmp.Diff([]string{"current", "db", "lock"}, contents(t, root)); diff != "" {
		t.Errorf("folder (-want +got):\n%s", diff)
	}
	if s := user.Status(context.Background()); !s.Present {
		t.Errorf("status: %+v", s)
	}
}
