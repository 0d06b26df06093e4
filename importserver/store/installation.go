package store

import (
	"context"
	"crypto/rand"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
)

const (
	installationSetting = "installation" // names this installation, all of its processes together
	leftSetting         = "moved"        // where the installation went whose rows these were
)

// Installation is a name that no other installation has; it is given at the first
// call, and stays.
func (t *Tx) Installation(ctx context.Context) (string, error) {
	return t.SettingOr(ctx, installationSetting, NewInstallation())
}

// Named is the installation's name; "" where none was given yet.
func (t *Tx) Named(ctx context.Context) (string, error) {
	return t.Setting(ctx, installationSetting)
}

// NewInstallation is a name that no installation has yet.
func NewInstallation() string { return strings.ToLower(rand.Text()) }

// Rename gives the installation a name of its own: what was copied from another while
// that may go on.
func (t *Tx) Rename(ctx context.Context, name string) error {
	return t.SetSetting(ctx, installationSetting, name)
}

// Leave writes where the installation has gone, for people. Its rows here are not to be
// used any more.
func (t *Tx) Leave(ctx context.Context, to string) error {
	return t.SetSetting(ctx, leftSetting, to)
}

// Stayed refuses rows whose installation has gone elsewhere, as fault.Conflict: two of
// one name would each take the other's evidence for rubbish.
func (t *Tx) Stayed(ctx context.Context) error {
	to, err := t.Setting(ctx, leftSetting)
	if err != nil || to == "" {
		return err
	}
	return fault.New(fault.Conflict, "use the store: its installation was moved to %.500q", to).
		WithHint("start the server on that, with --store; a second one is made of a backup, with tidepole system restore")
}
