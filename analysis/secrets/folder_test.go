package secrets_test

import (
	"bytes"
	"flag"
	"io/fs"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/secrets"
)

var (
	folder      = flag.String("folder", "", "the folder that BenchmarkFolder searches: its files have their paths in it")
	folderLimit = flag.Int64("folder-limit", secrets.DefaultMaxFileSize, "bytes of the largest file that BenchmarkFolder searches")
)

// batchSize is how many bytes of files are read ahead of each stretch that is timed.
const batchSize = 256 << 20

// BenchmarkFolder searches the files of -folder, on one processor, and says how
// many bytes were searched for each second of processor time: of all files, of
// those with a zero byte in their first 8 KiB (binary), of the others (text).
// Files that no rule looks at, or that are too large, count for nothing; nor
// does reading from the disk.
func BenchmarkFolder(b *testing.B) {
	if *folder == "" {
		b.Skip("no -folder is given")
	}
	m := matcher(b, secrets.Options{MaxFileSize: *folderLimit})
	all := map[string]*speed{"text": {}, "binary": {}, "all": {}}
	for b.Loop() {
		b.StopTimer()
		for batch := range batches(b, *folder, *folderLimit) {
			b.StartTimer()
			for _, f := range batch {
				start := processorTime()
				matches, skipped, err := m.Scan(f.path, int64(len(f.content)), bytes.NewReader(f.content))
				if err != nil {
					b.Fatal(err)
				}
				if took := processorTime() - start; !m.Excluded(skipped) {
					all["all"].add(f, took, len(matches))
					all[f.class()].add(f, took, len(matches))
				}
			}
			b.StopTimer()
		}
		b.StartTimer()
	}
	for name, s := range all {
		b.ReportMetric(float64(s.bytes)/1e6/s.took.Seconds(), name+"-MB/cpu-s")
		b.ReportMetric(float64(s.bytes)/1e6/float64(b.N), name+"-MB")
	}
	b.ReportMetric(float64(all["all"].files)/float64(b.N), "files")
	b.ReportMetric(float64(all["all"].found)/float64(b.N), "matches")
	b.ReportMetric(0, "ns/op")
}

// speed is what was searched of one class of files, and how long that took.
type speed struct {
	files, found int
	bytes        int64
	took         time.Duration
}

func (s *speed) add(f file, took time.Duration, found int) {
	s.files++
	s.found += found
	s.bytes += int64(len(f.content))
	s.took += took
}

type file struct {
	path    string
	content []byte
}

func (f file) class() string {
	if bytes.IndexByte(f.content[:min(len(f.content), 8<<10)], 0) >= 0 {
		return "binary"
	}
	return "text"
}

// batches reads the regular files of dir that are no larger than limit.
func batches(t testing.TB, dir string, limit int64) iter.Seq[[]file] {
	return func(yield func([]file) bool) {
		var batch []file
		size := 0
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			if info, err := d.Info(); err != nil || info.Size() > limit {
				return err
			}
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if size += len(content); size > batchSize {
				if !yield(batch) {
					return fs.SkipAll
				}
				batch, size = nil, len(content)
			}
			rel, err := filepath.Rel(dir, path)
			batch = append(batch, file{"/" + filepath.ToSlash(rel), content})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		yield(batch)
	}
}

// TestFolder lists what there is in -folder, and wants it to be what every rule's
// expression finds on the whole of each file: without limits, so that it takes
// minutes for a gigabyte. Where no folder is given, Go's own sources of
// cryptography are searched, whose tests have keys in them that are not called
// private: here they are.
func TestFolder(t *testing.T) {
	dir := *folder
	if dir == "" {
		root, err := exec.Command("go", "env", "GOROOT").Output()
		if err != nil {
			t.Fatal(err)
		}
		dir = filepath.Join(strings.TrimSpace(string(root)), "src", "crypto")
	}
	m := matcher(t, secrets.Options{MaxFileSize: *folderLimit})
	searched, listed := 0, 0
	for batch := range batches(t, dir, *folderLimit) {
		for _, f := range batch {
			if searched++; *folder == "" {
				f.content = bytes.ReplaceAll(f.content, []byte("TESTING KEY"), []byte("PRIVATE KEY"))
			}
			got, skipped, err := m.Scan(f.path, int64(len(f.content)), bytes.NewReader(f.content))
			if err != nil {
				t.Fatal(err)
			}
			listed += len(got)
			for _, found := range got {
				t.Logf("%s:%d: %s", f.path, found.LineNumber, found.Classification)
			}
			if skipped != "" {
				if !m.Excluded(skipped) {
					t.Logf("%s: %s", f.path, skipped)
				}
				continue
			}
			if diff := cmp.Diff(m.Plain(f.path, f.content), got); diff != "" && isPlain(f.content) {
				t.Errorf("%s: not what the expressions find: %s", f.path, diff)
			}
		}
	}
	if *folder == "" && (searched < 1000 || listed == 0) {
		t.Errorf("%d findings in the %d files of %s: too little to compare", listed, searched, dir)
	}
}

// isPlain says whether content is searched as it is.
func isPlain(content []byte) bool {
	for _, start := range []string{"\x1f\x8b\x08", "\xff\xfe", "\xfe\xff"} {
		if bytes.HasPrefix(content, []byte(start)) {
			return false
		}
	}
	return true
}
