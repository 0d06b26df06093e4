package importserver

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/secretbox"
	"github.com/tidepole/tidepole/importserver/store"
)

// KeyFile is where a server keeps the key that the passwords of registries are
// encrypted with, below its data directory, unless Options.KeyFile names another.
const KeyFile = "registry-key"

// keySetting is what the key of a store is recognised by.
const keySetting = "key"

// openSecrets opens the key, which all processes on a store have in common. It is
// made where nothing needs it yet.
func (s *Server) openSecrets(ctx context.Context) error {
	name := s.options.KeyFile
	box, err := secretbox.Open(name)
	if errors.Is(err, secretbox.ErrNoKey) {
		box, err = s.makeKey(ctx, name)
	}
	if err != nil {
		return err
	}
	if err := s.store.InTx(ctx, func(tx *store.Tx) error { return s.checkKey(ctx, tx, box, name) }); err != nil {
		return err
	}
	s.secrets = box
	return nil
}

// makeKey makes a key for a store that has none.
func (s *Server) makeKey(ctx context.Context, name string) (*secretbox.Box, error) {
	needed, err := keyNeeded(ctx, s.store.View())
	if err != nil {
		return nil, err
	}
	known, err := s.store.View().Setting(ctx, keySetting)
	if err != nil {
		return nil, err
	}
	if needed || s.shared && known != "" {
		f := fault.New(fault.Unavailable, "open the store's key: %s is missing, which the passwords of registries are encrypted with", name)
		if s.shared {
			return nil, f.WithHint("%s", sameKey)
		}
		return nil, f.WithHint("put the file of a backup in its place")
	}
	box, err := secretbox.Create(name)
	if errors.Is(err, fs.ErrExist) { // another process on the same file was faster
		return secretbox.Open(name)
	}
	return box, err
}

// sameKey says what processes on one store need.
const sameKey = "all servers and workers on a store need one key: copy the file registry-key from the data folder of the first, and name it with --key-file FILE"

// checkKey refuses a key that is not the store's. The first one becomes it.
func (s *Server) checkKey(ctx context.Context, tx *store.Tx, box *secretbox.Box, name string) error {
	tag := box.Tag("", keySetting)
	known, err := tx.Setting(ctx, keySetting)
	if err != nil || known == tag {
		return err
	}
	needed, err := keyNeeded(ctx, tx)
	if err != nil {
		return err
	}
	if known == "" && needed { // the rows are of a version that kept no tag
		some, err := tx.SomeRegistry(ctx)
		if err != nil {
			return err
		}
		if _, err := box.Open(some.Secret, secretOf(some)); err == nil {
			needed = false
		}
	}
	if needed || s.shared && known != "" {
		return anotherKey(name, s.shared)
	}
	if !s.shared {
		return tx.SetSetting(ctx, keySetting, tag)
	}
	if known, err = tx.SettingOr(ctx, keySetting, tag); err == nil && known != tag {
		err = anotherKey(name, true)
	}
	return err
}

func anotherKey(name string, shared bool) error {
	hint := "put the file of a backup in its place"
	if shared {
		hint = sameKey
	}
	return fault.New(fault.Conflict, "open the store's key: %s is another key than the one that the passwords of registries are encrypted with", name).
		WithHint("%s", hint)
}

// keyNeeded tells whether anything is encrypted.
func keyNeeded(ctx context.Context, tx *store.Tx) (bool, error) {
	_, err := tx.SomeRegistry(ctx)
	if errors.Is(err, store.ErrNone) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look for what is encrypted: %w", err)
	}
	return true, nil
}
