package importserver

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/access"
	"github.com/tidepole/tidepole/importserver/store"
)

// Admin is the account that every server has, and the name of its user.
const Admin = "admin"

// PasswordFile is where a server keeps the password that it generated, below its
// data directory.
const PasswordFile = "admin-password"

// givenSetting is the hashes of all passwords that servers were given for the user admin,
// or had in their file at first, one a line and the last one first. They have the same
// salt, so that one computation finds out whether a password is among them.
const givenSetting = "given-admin-password"

// settlePassword sees to the password of the user admin. The first one is what this server
// is given, or else what is in its file, where it is generated. From then on the file
// counts for nothing, and what a server is given counts once: when none was given it
// before. So nothing old comes back for what the user has set since.
func (s *Server) settlePassword(ctx context.Context, tx *store.Tx) error {
	u, err := tx.User(ctx, Admin)
	if err != nil {
		return err
	}
	file := filepath.Join(s.options.Dir, PasswordFile)
	plain, source := s.options.AdminPassword, "that the server is given"
	if plain == "" && u.Password == "" {
		source = "in " + file
		if plain, err = firstPassword(file); err != nil {
			return err
		}
	}
	if plain != "" {
		if err := fitting(plain); err != nil && u.Password != "" {
			s.log.WarnContext(ctx, "the password that the server is given for the user admin counts for nothing", "error", err)
			return s.lookAtFile(ctx, file, u.Password)
		} else if err != nil {
			return fault.New(fault.Invalid, "set the password of the user admin to the one %s: %w", source, err).
				WithHint("give the server another one: with --admin-password-file or TIDEPOLE_ADMIN_PASSWORD")
		}
		if u.Password, err = s.takePassword(ctx, tx, u.Password, plain); err != nil {
			return err
		}
	}
	return s.lookAtFile(ctx, file, u.Password)
}

// takePassword makes the given password the one of the user admin, unless a server was
// given it before. It returns the hash of what his password is then.
func (s *Server) takePassword(ctx context.Context, tx *store.Tx, has, plain string) (string, error) {
	kept, err := tx.Setting(ctx, givenSetting)
	if err != nil {
		return "", err
	}
	given, hash := strings.Fields(kept), ""
	if len(given) == 0 {
		hash, err = access.Hash(ctx, "", plain)
	} else {
		hash, err = access.Like(ctx, "", plain, given[0])
	}
	if err != nil {
		return "", err
	}
	before := slices.Contains(given, hash)
	if !before {
		if err := tx.SetSetting(ctx, givenSetting, strings.Join(append([]string{hash}, given...), "\n")); err != nil {
			return "", err
		}
	}
	same := has == hash
	if !same && has != "" {
		if same, err = access.Is(ctx, "", plain, has); err != nil {
			return "", err
		}
	}
	switch {
	case same:
		return has, nil
	case before:
		s.log.Warn("the password that the server is given for the user admin counts for nothing: it was given before, and another one was set since")
		return has, nil
	}
	return hash, tx.SetPassword(ctx, Admin, hash, s.now())
}

// firstPassword is the one in the file, which is made where there is none.
func firstPassword(file string) (string, error) {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = generatePassword(file)
	}
	if err != nil {
		return "", fmt.Errorf("read the admin password: %w", err)
	}
	plain := strings.TrimSpace(string(data))
	if plain == "" {
		return "", fault.New(fault.Invalid, "read the admin password: %s is empty", file).
			WithHint("write a password into it, or remove it and a new one will be made")
	}
	return plain, nil
}

// lookAtFile finds out whether this server's file has the password of the user admin
// still: people and commands look for it there.
func (s *Server) lookAtFile(ctx context.Context, file, hash string) error {
	data, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		s.log.Warn("the file of the first password of the user admin cannot be read: whether it is the password still is not known", "error", err)
		return nil
	}
	is, err := access.Is(ctx, "", strings.TrimSpace(string(data)), hash)
	switch {
	case err != nil:
		return err
	case is:
		s.passwordFile = file
	default:
		s.log.Warn("the file does not hold the password of the user admin any more, and counts for nothing: remove it", "file", file)
	}
	return nil
}

// PasswordFile is this server's file that holds the password of the user admin; "" where
// there is none, or he has another one by now.
func (s *Server) PasswordFile() string { return s.passwordFile }

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
