package importserver

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
)

// Admin is the account that every server has, and the name of its user.
const Admin = "admin"

// PasswordFile is where a server keeps the password that it generated, below its
// data directory.
const PasswordFile = "admin-password"

// password is what is kept in memory of a password: enough to recognise it.
type password struct{ salt, sum [32]byte }

func newPassword(plain string) password {
	var p password
	rand.Read(p.salt[:])
	p.sum = p.hash(plain)
	return p
}

func (p password) hash(plain string) [32]byte {
	return sha256.Sum256(append(p.salt[:], plain...))
}

// is compares in a time that tells nothing.
func (p password) is(plain string) bool {
	sum := p.hash(plain)
	return subtle.ConstantTimeCompare(sum[:], p.sum[:]) == 1
}

// adminPassword is the password that was given, else the one kept in dir, else a
// new one that is kept there, readable by the owner alone.
func adminPassword(given, dir string) (password, error) {
	if given != "" {
		return newPassword(given), nil
	}
	name := filepath.Join(dir, PasswordFile)
	data, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = generatePassword(name)
	}
	if err != nil {
		return password{}, fmt.Errorf("read the admin password: %w", err)
	}
	kept := strings.TrimSpace(string(data))
	if kept == "" {
		return password{}, fault.New(fault.Invalid, "read the admin password: %s is empty", name).
			WithHint("write a password into it, or remove it and a new one will be made")
	}
	return newPassword(kept), nil
}

func generatePassword(name string) ([]byte, error) {
	data := []byte(rand.Text() + "\n")
	f, err := os.CreateTemp(filepath.Dir(name), ".password-") // mode 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(data)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	return data, os.Rename(f.Name(), name)
}
