package engine

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
)

// needed are the variables that an analysis finds its way with: programs, folders,
// proxies, certificates, and what Go's runtime and Windows read. It reads strangers'
// images: credentials of the server's store, buckets and collectors are none of its
// business.
var needed = []string{
	"PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TZ",
	"TMPDIR", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR",
	memoryVariable, "GOGC", "GODEBUG", "GOMAXPROCS", "GOTRACEBACK", "GOCOVERDIR",
	"SYSTEMROOT", "COMSPEC", "PATHEXT", "TEMP", "TMP", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "PROGRAMDATA",
}

// memoryVariable is near which size Go's runtime collects harder.
const memoryVariable = "GOMEMLIMIT"

// childEnv is the environment of an analysis that may take so much memory: of this
// process's the variables that it needs, and those that are asked for, by name or,
// with a * at its end, by how the name begins. The program's own settings, some of
// which are secrets, it never has.
func childEnv(inherited, asked []string, memory int64) []string {
	var all []string
	limited := false
	for _, v := range inherited {
		name, _, _ := strings.Cut(v, "=")
		name = strings.ToUpper(name) // proxies are written in both ways, and Windows knows no difference
		if strings.HasPrefix(name, config.Prefix) || !slices.Contains(needed, name) && !slices.ContainsFunc(asked, func(a string) bool { return covers(a, name) }) {
			continue
		}
		all = append(all, v)
		limited = limited || name == memoryVariable
	}
	if !limited && memory < math.MaxInt64/9 {
		all = append(all, fmt.Sprintf("%s=%d", memoryVariable, memory*9/10))
	}
	return all
}

func covers(asked, name string) bool {
	asked = strings.ToUpper(asked)
	if start, ok := strings.CutSuffix(asked, "*"); ok {
		return strings.HasPrefix(name, start)
	}
	return asked == name
}
