package serve

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/formats/fault"
)

// keeping is how the server keeps house.
type keeping struct {
	every   time.Duration
	blobAge time.Duration
	scrub   time.Duration
}

func (k *keeping) register(fs *pflag.FlagSet) {
	config.Duration(fs, &k.every, "housekeeping", time.Minute, "how often to remove what is not needed any more")
	config.Duration(fs, &k.blobAge, "blob-age", time.Hour, "how long evidence is kept that nothing refers to; longer than an upload stands still")
	config.Duration(fs, &k.scrub, "scrub", 24*time.Hour, "how often to look through all evidence for what a process left that was killed, or stopped for long")
	for _, flag := range []string{"housekeeping", "blob-age", "scrub"} {
		config.Key(fs, flag, "serve."+flag)
	}
}

func (k keeping) check() error {
	if k.every <= 0 || k.blobAge <= 0 || k.scrub <= 0 {
		return fault.New(fault.Invalid, "--housekeeping %v --blob-age %v --scrub %v: each must be more than nothing", k.every, k.blobAge, k.scrub)
	}
	return nil
}
