package main

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTable(t *testing.T) {
	each := func(images int, wall, cpu time.Duration) rate {
		return rate{images: images, wall: wall * time.Duration(images), cpu: cpu * time.Duration(images), peak: memory{resident: 150 << 20, own: 90 << 20}}
	}
	ms := time.Millisecond
	got := table(measures{
		machine: "2 cores", options: options{packages: 500, files: 2000, clients: 8},
		scan: each(10, 1000*ms, 800*ms),
		stores: []result{{
			store: "SQLite", inserts: each(1000, 10*ms, 0),
			fills: []fill{
				{workers: 2, there: 100, imported: each(100, 40*ms, 0), analyzed: each(100, 50*ms, 80*ms)},
				{workers: 1, there: 1000, imported: each(900, 50*ms, 0), analyzed: each(900, 100*ms, 60*ms)},
			},
			workers: []again{{1, each(1000, 40*ms, 30*ms)}, {2, each(1000, 20*ms, 32*ms)}},
			growth:  []again{{2, each(100, 100*ms, 64*ms)}, {2, each(1000, 20*ms, 32*ms)}},
		}, {
			store:  "nothing was measured on it",
			growth: []again{{2, rate{images: 100}}},
		}},
	})
	want := `
Measured on 2 cores. Images of 500 packages and 2000 files each; 8 clients, on the same machine. The grype command takes 1.00 s, and 0.80 s of CPU, for one document (mean of 10).

SQLite, images imported (plain inserts of their rows: 100 images a second):

| images there | workers | imports a second | against plain inserts | analysed a second | CPU an image | peak memory |
|---|---|---|---|---|---|---|
| 100 | 2 | 25.0 | 0.25 | 20.0 | 80.0 ms | 150 MiB (90) |
| 1000 | 1 | 20.0 | 0.20 | 10.0 | 60.0 ms | 150 MiB (90) |

SQLite, assessed again after the database changed, by number of workers:

| images | workers | images a second | times the grype command's | CPU an image | CPU against the grype command's | peak memory |
|---|---|---|---|---|---|---|
| 1000 | 1 | 25.0 | 25.0 | 30.0 ms | 0.037 | 150 MiB (90) |
| 1000 | 2 | 50.0 | 50.0 | 32.0 ms | 0.040 | 150 MiB (90) |

SQLite, the same by number of images (an image's CPU with 1000 against 100: ×0.50):

| images | workers | images a second | times the grype command's | CPU an image | CPU against the grype command's | peak memory |
|---|---|---|---|---|---|---|
| 100 | 2 | 10.0 | 10.0 | 64.0 ms | 0.080 | 150 MiB (90) |
| 1000 | 2 | 50.0 | 50.0 | 32.0 ms | 0.040 | 150 MiB (90) |

nothing was measured on it, images imported (plain inserts of their rows: 0 images a second):

| images there | workers | imports a second | against plain inserts | analysed a second | CPU an image | peak memory |
|---|---|---|---|---|---|---|

nothing was measured on it, assessed again after the database changed, by number of workers:

| images | workers | images a second | times the grype command's | CPU an image | CPU against the grype command's | peak memory |
|---|---|---|---|---|---|---|

nothing was measured on it, the same by number of images:

| images | workers | images a second | times the grype command's | CPU an image | CPU against the grype command's | peak memory |
|---|---|---|---|---|---|---|
| 100 | 2 | 0.0 | 0.0 | 0.0 ms | 0.000 | 0 MiB (0) |
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNumbers(t *testing.T) {
	if got, err := numbers("images", "100, 1000"); err != nil || !cmp.Equal(got, []int{100, 1000}) {
		t.Errorf("%v, %v", got, err)
	}
	for _, text := range []string{"", "x", "0", "2,1", "1,,2"} {
		if got, err := numbers("images", text); err == nil || !strings.Contains(err.Error(), "-images") {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if _, err := chosen("sqlite,mysql"); err == nil || !strings.Contains(err.Error(), "mysql") {
		t.Errorf("an unknown store: %v", err)
	}
}

// Images have packages in common, and their own.
func TestDocuments(t *testing.T) {
	o := options{packages: 350, files: 20, encoded: &encoded{}}
	names := func(n int) map[string]bool {
		var d struct {
			Artifacts []struct{ Name string }
			Files     []struct{ Location struct{ Path string } }
			Schema    struct{ Version string }
		}
		if err := json.Unmarshal(o.document(n), &d); err != nil || len(d.Files) != o.files || d.Schema.Version == "" {
			t.Fatalf("%d files, schema %q, %v", len(d.Files), d.Schema.Version, err)
		}
		all := map[string]bool{}
		for _, a := range d.Artifacts {
			all[a.Name] = true
		}
		if len(all) != o.packages {
			t.Errorf("image %d has %d packages", n, len(all))
		}
		return all
	}
	one, two, both := names(1), names(2), 0
	for name := range one {
		if two[name] {
			both++
		}
	}
	if both < shared || both == o.packages {
		t.Errorf("%d packages are of both images", both)
	}
}

func TestMemoryIsReadFromTheStatus(t *testing.T) {
	const status = "Name:\ttidepole\nVmHWM:\t  687104 kB\nRssAnon:\t  143360 kB\nRssFile:\t  542720 kB\nRssShmem:\t    1024 kB\n"
	if own, all := sumOf(status, "RssAnon", "RssShmem"), sumOf(status, "VmHWM"); own != 141<<20 || all != 671<<20 {
		t.Errorf("%d of %d bytes are its own", own>>20, all>>20)
	}
}
