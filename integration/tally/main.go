// Command tally runs go test with the arguments given, prints what failed and
// what was skipped with its reason, and ends with one line that counts:
//
//	412 passed, 0 failed, 3 skipped
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sort"
	"strings"
)

// event is one line of go test -json.
type event struct {
	Action     string
	Package    string
	ImportPath string
	Test       string
	Output     string
	Elapsed    float64
}

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tally:", err)
		os.Exit(1)
	}
	t := tally{output: map[string][]string{}}
	t.read(out, os.Stdout)
	err = cmd.Wait()
	if err != nil && t.failed == 0 {
		t.failed++ // a failure that is no test's, as one to build
	}
	t.summary(os.Stdout)
	var exit *exec.ExitError
	if t.failed > 0 || err != nil && !errors.As(err, &exit) {
		os.Exit(1)
	}
}

type tally struct {
	passed, failed int
	skipped        []string
	output         map[string][]string // of the tests and packages that still run
}

func (t *tally) read(r io.Reader, w io.Writer) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(w, lines.Text())
			continue
		}
		t.take(e, w)
	}
}

func (t *tally) take(e event, w io.Writer) {
	key := e.Package + e.ImportPath + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		t.output[key] = append(t.output[key], e.Output)
		return
	case "pass", "fail", "skip", "build-fail":
	default:
		return
	}
	said := strings.Join(t.output[key], "")
	delete(t.output, key)
	switch {
	case e.Action == "build-fail":
		fmt.Fprintf(w, "FAIL %s\n%s", e.ImportPath, said)
		t.failed++
	case e.Test == "":
		t.takePackage(e, said, w)
	case e.Action == "pass":
		t.passed++
	case e.Action == "fail":
		t.failed++
		fmt.Fprintf(w, "FAIL %s %s\n%s", e.Package, e.Test, said)
	case e.Action == "skip":
		t.skipped = append(t.skipped, fmt.Sprintf("%s %s: %s", e.Package, e.Test, reason(said)))
	}
}

// takePackage prints a line a package; a package that fails although none of
// its tests did (a crash, a time-out) has said why.
func (t *tally) takePackage(e event, said string, w io.Writer) {
	switch e.Action {
	case "pass":
		fmt.Fprintf(w, "ok   %s %.1fs\n", e.Package, e.Elapsed)
	case "fail":
		fmt.Fprintf(w, "FAIL %s %.1fs\n%s", e.Package, e.Elapsed, said)
		if t.failed == 0 {
			t.failed++
		}
	}
}

func (t *tally) summary(w io.Writer) {
	if len(t.skipped) > 0 {
		sort.Strings(t.skipped)
		fmt.Fprintf(w, "\nSKIPPED, for something is missing on this machine:\n  %s\n", strings.Join(t.skipped, "\n  "))
	}
	fmt.Fprintf(w, "\n%d passed, %d failed, %d skipped\n", t.passed, t.failed, len(t.skipped))
}

// reason is what a skipped test said, on one line.
func reason(said string) string {
	var words []string
	for _, line := range strings.Split(said, "\n") {
		line = strings.TrimSpace(line)
		if line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			words = append(words, line)
		}
	}
	return strings.Join(words, " ")
}
