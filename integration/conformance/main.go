// Command conformance asks a server of the Anchore API, of any make, for every
// operation that tidepole serves, and checks the answers by their description.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/importserver/openapi"
)

func main() {
	base := flag.String("url", "http://127.0.0.1:8228", "base address of the server, without /v2")
	user := flag.String("user", "admin", "user; the password is read from TIDEPOLE_PASSWORD or ANCHORECTL_PASSWORD")
	database := flag.String("vulndb", "", "archive of a vulnerability database to upload: what needs one is seen only then")
	published := flag.String("published", os.Getenv("PUBLISHED_API"), "the published description, by which answers are checked as well")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	password := os.Getenv("TIDEPOLE_PASSWORD")
	if password == "" {
		password = os.Getenv("ANCHORECTL_PASSWORD")
	}
	failed, _, err := check(ctx, os.Stdout, strings.TrimSuffix(strings.TrimSuffix(*base, "/"), "/v2"), *user, password, *database, *published)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if failed > 0 {
		os.Exit(1)
	}
}

// cases are all that there are.
func cases() []Case {
	return slices.Concat(systemCases, accountsCases, imagesCases, importsCases, contentsCases, reportsCases,
		eventsCases, registriesCases, queryCases, queueCases, v1Cases, sweepCases)
}

// check runs all cases and tells how many failed, and which statuses nobody saw and
// nothing excuses.
func check(ctx context.Context, w io.Writer, base, user, password, database, published string) (failed int, left []string, err error) {
	d, err := openapi.Load()
	if err != nil {
		return 0, nil, err
	}
	var theirs *openapi.Document
	if published != "" {
		if theirs, err = openapi.Published(published); err != nil {
			return 0, nil, err
		}
	}
	seen := map[string]map[int]bool{}
	for _, c := range cases() {
		r := &Run{Context: ctx, base: base, user: user, password: password, database: database, document: d, published: theirs, client: http.DefaultClient, seen: seen}
		c.Do(r)
		verdict := "ok"
		switch {
		case len(r.failures) > 0:
			verdict = "FAILED"
			failed++
		case r.skipped != "":
			verdict = "skipped: " + r.skipped
		}
		fmt.Fprintf(w, "%-45s %s: %s\n", c.Op, c.Name, verdict)
		for _, f := range r.failures {
			fmt.Fprintln(w, "    "+f)
		}
		if ctx.Err() != nil {
			return failed, nil, ctx.Err()
		}
	}
	listed, excused := 0, []string{}
	for _, o := range d.Operations() {
		listed += len(o.Codes())
	}
	left = slices.DeleteFunc(unseen(d, seen), func(status string) bool {
		why, ok := excuses[status]
		if ok {
			excused = append(excused, status+": "+why)
		}
		return ok
	})
	fmt.Fprintf(w, "%d operations list %d statuses; these were not seen, %d of them for a reason:\n", len(d.Operations()), listed, len(excused))
	for _, l := range slices.Concat(left, excused) {
		fmt.Fprintln(w, "    "+l)
	}
	return failed, left, nil
}
