//go:build !unix

package importserver

import (
	"os"

	"github.com/tidepole/tidepole/formats/fault"
)

// lock refuses: without a lock that the system takes back from a dead process,
// two servers could share a directory, or none could use it after a crash.
func lock(dir string) (*os.File, error) {
	return nil, fault.New(fault.Unsupported, "open data directory %s: a server needs a Unix system", dir)
}
