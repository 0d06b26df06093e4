package engine

import (
	"io"
	"os"

	"github.com/tidepole/tidepole/analysis/policy"
	"github.com/tidepole/tidepole/formats/fault"
	rules "github.com/tidepole/tidepole/formats/policy"
)

// maxPolicy bounds a policy file, in bytes.
const maxPolicy = 16 << 20

// ReadPolicy reads a policy from a file, or from in where path is "-". One with
// defects is refused, all of them listed.
func ReadPolicy(in io.Reader, path string) (rules.Policy, error) {
	var p rules.Policy
	name := path
	if path == "-" {
		name = "standard input"
	} else {
		f, err := os.Open(path)
		if err != nil {
			return p, fault.New(fault.Invalid, "read policy: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := readAll(in, name, maxPolicy)
	if err != nil {
		return p, fault.New(fault.Invalid, "read policy %s: %w", name, err)
	}
	if p, err = rules.Read(data); err != nil {
		return p, fault.New(fault.Invalid, "read policy %s: %w", name, err).
			WithHint("a policy is JSON; tidepole policy get ID -o json-raw shows one")
	}
	if err := policy.Check(p); err != nil {
		return p, named(err, name)
	}
	return p, nil
}

// Idle says what a policy leaves unjudged.
func Idle(p rules.Policy) []string { return policy.Idle(p) }

// DefaultPolicy is the policy where none is named.
func DefaultPolicy() rules.Policy { return policy.Default() }

// Gates are what rules may be about.
func Gates() []policy.Gate { return policy.Gates() }
