package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"syscall"
	"time"

	"github.com/tidepole/tidepole/importserver"
)

const (
	password = "the-password-of-the-benchmark"
	least    = 9               // answers to each question
	most     = 101             // as long as patience lasts
	patience = 3 * time.Second // for one question
)

// question is something that a client asks for.
type question struct{ what, path string }

// questions are those of a server that has so many images.
func questions(images int) []question {
	middle := images / 2
	tag := fmt.Sprintf("registry.example/team/service-%d:v%d", middle/20, middle%20)
	return []question{
		{"list all images", "/v2/images"},
		{"find an image by its full tag", "/v2/images?full_tag=" + tag},
		{"show one image", "/v2/images/" + digest(1, middle)},
		{"list 100 tags", "/v2/summaries/image-tags?limit=100"},
		{"list all tags", "/v2/summaries/image-tags"},
		{"count images", "/v2/summaries/image-counts"},
		{"images with a rare package", "/v2/query/images/by-package?name=" + rareName},
		{"images with a common package, 100", "/v2/query/images/by-package?limit=100&name=" + commonName},
		{"images with a common package, all", "/v2/query/images/by-package?name=" + commonName},
		{"images with a rare vulnerability", "/v2/query/images/by-vulnerability?vulnerability_id=" + rareCVE},
		{"images with a common vulnerability, 100", "/v2/query/images/by-vulnerability?limit=100&vulnerability_id=" + commonCVE},
		{"images with a common vulnerability, all", "/v2/query/images/by-vulnerability?vulnerability_id=" + commonCVE},
		{"what a vulnerability is", "/v2/query/vulnerabilities?id=" + commonCVE},
		{"ancestors of an image", "/v2/images/" + digest(1, middle) + "/ancestors"},
	}
}

// result is how long an answer took, how much of both cores' time, and how long it is.
type result struct {
	what   string
	median time.Duration
	cpu    time.Duration // the median, too: of the server and of the client, which are one process
	bytes  int64
}

// measure asks a server on the maker's rows, over HTTP, one question at a time.
func measure(ctx context.Context, dir string, m maker) (all []result, err error) {
	s, err := importserver.Open(ctx, importserver.Options{
		Dir: dir, Version: "bench", AdminPassword: password, Log: slog.New(slog.DiscardHandler),
	}, importserver.Functions{})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	web := httptest.NewServer(s.Handler())
	defer web.Close()
	for _, q := range questions(m.images) {
		r, err := ask(ctx, web.URL, q)
		if err != nil {
			return nil, err
		}
		all = append(all, r)
	}
	return all, nil
}

// ask asks one question again and again, after once that does not count.
func ask(ctx context.Context, base string, q question) (result, error) {
	r := result{what: q.what}
	var took, worked []time.Duration
	for began := time.Now(); len(took) <= least || len(took) <= most && time.Since(began) < patience; {
		once, before := time.Now(), cpuTime()
		n, err := get(ctx, base+q.path)
		if err != nil {
			return r, fmt.Errorf("%s: %w", q.what, err)
		}
		took, worked, r.bytes = append(took, time.Since(once)), append(worked, cpuTime()-before), n
	}
	r.median, r.cpu = median(took[1:]), median(worked[1:])
	return r, nil
}

func median(all []time.Duration) time.Duration {
	slices.Sort(all)
	return all[len(all)/2]
}

// cpuTime is what this process has used of all cores.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // it has no other reasons than wrong arguments
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// get reads an answer to its end, and gives its length.
func get(ctx context.Context, url string) (int64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	req.SetBasicAuth(importserver.Admin, password)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	return n, err
}
