package output_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
)

func TestWriteJSON(t *testing.T) {
	v := struct {
		Digest string            `json:"image_digest"`
		Impl   string            `json:"implementation-version"`
		Notes  map[string]string `json:"annotations"`
		List   []map[string]int  `json:"some_list"`
		Size   int64             `json:"image_size"`
	}{"sha256:<a>", "1", map[string]string{"my_key": "my_value"}, []map[string]int{{"a_b": 1}}, 1 << 60}
	tests := map[string]string{
		output.JSON: `{
  "imageDigest": "sha256:<a>",
  "implementationVersion": "1",
  "annotations": {
    "my_key": "my_value"
  },
  "someList": [
    {
      "aB": 1
    }
  ],
  "imageSize": 1152921504606846976
}
`,
		output.JSONRaw: `{
  "image_digest": "sha256:<a>",
  "implementation-version": "1",
  "annotations": {
    "my_key": "my_value"
  },
  "some_list": [
    {
      "a_b": 1
    }
  ],
  "image_size": 1152921504606846976
}
`,
	}
	for format, want := range tests {
		t.Run(format, func(t *testing.T) {
			var b strings.Builder
			if err := output.WriteJSON(&b, format, v); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, b.String()); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
		})
	}
}

func TestJSONCannotSteerATerminal(t *testing.T) {
	const name = "a\x1b[31m\u009b2J\x7f\u202e\u200bz\u2028ö"
	for _, format := range []string{output.JSON, output.JSONRaw} {
		var b strings.Builder
		if err := output.WriteJSON(&b, format, map[string]string{name: name}); err != nil {
			t.Fatal(err)
		}
		if strings.ContainsAny(b.String(), "\x1b\u009b\x7f\u202e\u200b\u2028") {
			t.Errorf("%s: %q", format, b.String())
		}
		var back map[string]string
		if err := json.Unmarshal([]byte(b.String()), &back); err != nil {
			t.Fatal(err)
		}
		if back[name] != name {
			t.Errorf("%s: reads back as %q", format, back)
		}
	}
}

func TestStreamIsWhatWriteJSONWrites(t *testing.T) {
	files := []wire.File{{Name: "/a", MIMEType: "text/plain"}, {Name: "/b\u009b"}}
	for _, n := range []int{0, 1, 2} {
		for _, format := range []string{output.JSON, output.JSONRaw} {
			var b strings.Builder
			head := wire.Content[wire.File]{Digest: "sha256:x", ContentType: "files"}
			s, err := output.NewStream(&b, format, head, "content")
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range files[:n] {
				if err := s.Add(f); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			head.Content = append([]wire.File{}, files[:n]...)
			var want strings.Builder
			if err := output.WriteJSON(&want, format, head); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(parse(t, want.String()), parse(t, b.String())); diff != "" {
				t.Errorf("%s of %d (-want +got):\n%s", format, n, diff)
			}
		}
	}
}

func parse(t *testing.T, text string) (v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return v
}

func TestLines(t *testing.T) {
	var b strings.Builder
	l := output.NewLines(&b)
	l.Add("Tag", "%s", "a:1\nEvaluation: pass")
	l.Add("Digest", "%s", "")
	l.Blank()
	if l.Err() != nil {
		t.Fatal(l.Err())
	}
	if want := "Tag: a:1\\nEvaluation: pass\nDigest: none\n\n"; b.String() != want {
		t.Errorf("lines %q, want %q", b.String(), want)
	}
}

func TestChoose(t *testing.T) {
	if got, err := output.Choose("", "text", "json"); got != "text" || err != nil {
		t.Errorf("the default is %q, %v", got, err)
	}
	_, err := output.Choose("yaml", "text", "json")
	if fault.Of(err) != fault.Invalid || !strings.Contains(fault.Hint(err), "text, json") {
		t.Errorf("an unknown format: %v, %s", err, fault.Hint(err))
	}
}

func TestAge(t *testing.T) {
	tests := map[string]struct {
		want time.Duration
		text string
		ok   bool
	}{
		"5d":   {120 * time.Hour, "5d", true},
		"0.5d": {12 * time.Hour, "12h0m0s", true},
		"36h":  {36 * time.Hour, "36h0m0s", true},
		"5":    {}, "d": {}, "-1d": {}, "-3h": {}, "NaNd": {}, "1e9d": {},
	}
	for in, test := range tests {
		var a output.Age
		err := a.Set(in)
		if (err == nil) != test.ok || time.Duration(a) != test.want || a.String() != test.text {
			t.Errorf("%q: %s, %v", in, a, err)
		}
	}
}

func TestBytesAndAgo(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 999: "999 B", 1000: "1.0 kB", 65_600_000: "65.6 MB", 999_990_000: "1.0 GB", 1 << 62: "4611.7 PB"} {
		if got := output.Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 10 << 30: "10.0 GiB", 1<<30 - 1: "1.0 GiB", 1e9: "953.7 MiB", 1 << 62: "4096.0 PiB"} {
		if got := output.BinaryBytes(n); got != want {
			t.Errorf("BinaryBytes(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{-time.Second: "0 s", 90 * time.Second: "1 min", 47 * time.Hour: "47 h", 100 * time.Hour: "4 days"} {
		if got := output.Span(d); got != want {
			t.Errorf("Ago(%s) = %q, want %q", d, got, want)
		}
	}
}

// What is no file must not be replaced by one.
func TestFileThatIsNone(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Skip(err)
	}
	defer r.Close()
	path := fmt.Sprintf("/dev/fd/%d", w.Fd())
	if _, err := os.Stat(path); err != nil {
		t.Skip(err)
	}
	if err := output.Atomically(path, func(w io.Writer) error { _, err := io.WriteString(w, "evidence"); return err }); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got, err := io.ReadAll(r); string(got) != "evidence" || err != nil {
		t.Errorf("the pipe has %q, %v", got, err)
	}
	dir := t.TempDir()
	err = output.Atomically(dir, func(io.Writer) error { return nil })
	if fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), dir) {
		t.Errorf("into a folder: %v", err)
	}
}

func TestFileIsWholeOrNotThere(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "out")
	broken := errors.New("the source broke")
	f := output.File{Path: path}
	err := f.Write(io.Discard, func(w io.Writer) error {
		if _, err := io.WriteString(w, strings.Repeat("half", 1<<16)); err != nil {
			return err
		}
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
	whole := func(text string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, text); return err }
	}
	if err := f.Write(io.Discard, whole("one")); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(io.Discard, whole("two")); fault.Of(err) != fault.Conflict {
		t.Errorf("a file that is there: %v", err)
	}
	f.Overwrite = true
	if err := f.Write(io.Discard, whole("three")); err != nil {
		t.Fatal(err)
	}
	if data, _ := os.ReadFile(path); string(data) != "three" {
		t.Errorf("the file has %q", data)
	}
}

// A place that will not do is found before the work, and nothing is left there.
func TestCheckOfAFile(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	if err := os.WriteFile(there, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]string{"link": there, "hanging": "/nowhere/at/all", "folder": dir, "null": os.DevNull} {
		if err := os.Symlink(at, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	type answer struct {
		kind fault.Kind
		hint string
	}
	const replaces = "--overwrite replaces it"
	fine := answer{}
	for name, want := range map[string]struct{ plain, overwriting answer }{
		"new":                      {fine, fine},
		"there":                    {answer{fault.Conflict, replaces}, fine},
		"link":                     {answer{fault.Conflict, replaces}, fine},
		"hanging":                  {answer{fault.Conflict, replaces}, fine},
		"null":                     {fine, fine},
		"folder":                   {answer{fault.Invalid, "name a file in it"}, answer{fault.Invalid, "name a file in it"}},
		"none/new":                 {answer{fault.Invalid, "there is no folder"}, answer{fault.Invalid, "there is no folder"}},
		"there/new":                {answer{fault.Invalid, "is not a folder"}, answer{fault.Invalid, "is not a folder"}},
		"../" + filepath.Base(dir): {answer{fault.Invalid, "name a file in it"}, answer{fault.Invalid, "name a file in it"}},
	} {
		for overwrite, want := range map[bool]answer{false: want.plain, true: want.overwriting} {
			path := dir + "/" + name
			err := output.File{Path: path, Overwrite: overwrite}.Check()
			if want == fine {
				if err != nil {
					t.Errorf("%s, overwriting %t: %v", name, overwrite, err)
				}
				continue
			}
			if fault.Of(err) != want.kind || !strings.Contains(fault.Hint(err), want.hint) || !strings.HasPrefix(err.Error(), "write "+path+": ") {
				t.Errorf("%s, overwriting %t: %v (%v, hint %q)", name, overwrite, err, fault.Of(err), fault.Hint(err))
			}
		}
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 5 {
		t.Errorf("left behind: %v", entries)
	}
}
