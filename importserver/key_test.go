package importserver_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// A key that is not the store's is refused when the server starts, and not when a
// password is needed.
func TestKeyOfAnotherStoreIsRefused(t *testing.T) {
	dir, other := t.TempDir(), filepath.Join(t.TempDir(), "key")
	s := open(t, doorman(), options(dir))
	user, secret := "u", registrySecret
	if _, err := s.Account(importserver.Admin).AddRegistry(t.Context(), wire.RegistryRequest{Registry: "r.io", User: &user, Password: &secret}, false); err != nil {
		t.Fatal(err)
	}
	s.Close()
	if err := os.WriteFile(other, []byte(strings.Repeat("k", 32)), 0o600); err != nil {
		t.Fatal(err)
	}
	o := options(dir)
	o.KeyFile = other
	s, err := importserver.Open(t.Context(), o, doorman().functions())
	if err == nil {
		s.Close()
	}
	if fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), other) || fault.Hint(err) == "" {
		t.Errorf("a server with another key: %v", err)
	}
	o.KeyFile = filepath.Join(dir, importserver.KeyFile)
	if s, err = importserver.Open(t.Context(), o, doorman().functions()); err != nil {
		t.Fatalf("with its own key again: %v", err)
	}
	s.Close()
}

// The key is made where it is named.
func TestKeyFileOfOnesOwn(t *testing.T) {
	o := options(t.TempDir())
	o.KeyFile = filepath.Join(t.TempDir(), "key")
	open(t, doorman(), o)
	if info, err := os.Stat(o.KeyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(o.Dir, importserver.KeyFile)); err == nil {
		t.Error("there is another one in the data directory")
	}
}
