// Command demodb builds the vulnerability database of the demo and of the
// script tests: demodb -o vulnerability-db.tar.zst
package main

import (
	"flag"
	"fmt"
	"os"
	"time"

	"github.com/tidepole/tidepole/integration/vulndbtest"
)

func main() {
	out := flag.String("o", "vulnerability-db.tar.zst", "the archive to write: .tar.zst, .tar.gz or .tar.xz")
	age := flag.Duration("age", 0, "how long ago the database says it was built")
	flag.Parse()
	if err := vulndbtest.WriteArchive(*out, time.Now().Add(-*age)); err != nil {
		fmt.Fprintf(os.Stderr, "demodb: %v\n", err)
		os.Exit(1)
	}
}
