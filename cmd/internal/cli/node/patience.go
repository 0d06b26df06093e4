package node

import (
	"time"

	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver"
)

// Patience is how long the queue waits for what. All processes on a store should have
// the same, and so the settings have one name for all.
type Patience struct {
	Lease      time.Duration
	Attempts   int
	RetryDelay time.Duration
}

func (p *Patience) register(fs *pflag.FlagSet) {
	config.Duration(fs, &p.Lease, "lease", time.Minute, "how long a worker may be silent before its work is given to another")
	fs.IntVar(&p.Attempts, "attempts", 5, "attempts at an image before it has failed")
	config.Duration(fs, &p.RetryDelay, "retry-delay", 5*time.Second, "how long to wait after the first failed attempt, doubled after each")
	for _, flag := range []string{"lease", "attempts", "retry-delay"} {
		config.Key(fs, flag, "serve."+flag)
	}
}

func (p Patience) check() error {
	// A heartbeat comes four times in a lease, and takes a transaction.
	if p.Lease < time.Second {
		return fault.New(fault.Invalid, "--lease %v: at least a second is needed to show that a worker lives", p.Lease)
	}
	if p.Attempts < 1 {
		return fault.New(fault.Invalid, "--attempts %d: at least one is needed", p.Attempts)
	}
	if p.RetryDelay <= 0 {
		return fault.New(fault.Invalid, "--retry-delay %v: it must be more than nothing", p.RetryDelay)
	}
	return nil
}

func (p Patience) apply(o *importserver.Options) {
	o.LeaseTime, o.MaxAttempts, o.RetryDelay = p.Lease, p.Attempts, p.RetryDelay
}
