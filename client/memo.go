package client

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
)

// maxMemo is the size of a memo that is read.
const maxMemo = 4 << 10

// memo remembers the operation of an unfinished import, in a file of its own
// that the user alone may read. Its zero value remembers nothing.
type memo struct{ file string }

// memo is that of a bundle on this server, by this user, for this account.
func (c *Client) memo(b *bundle.Bundle) memo {
	if c.stateDir == "" {
		return memo{}
	}
	user := ""
	if c.user != nil {
		user = c.user.Username()
	}
	sum := sha256.Sum256([]byte(strings.Join([]string{c.base.String(), user, c.account, b.Digest, b.Evidence()}, "\n")))
	return memo{filepath.Join(c.stateDir, "import-"+hex.EncodeToString(sum[:16])+".json")}
}

// note is what a memo holds.
type note struct {
	Operation string `json:"operation_uuid"`
}

// read is the operation remembered; "" where there is none, or none that can
// be read: then the import starts anew.
func (m memo) read() string {
	if m.file == "" {
		return ""
	}
	f, err := os.Open(m.file)
	if err != nil {
		return ""
	}
	defer f.Close()
	var n note
	if json.NewDecoder(io.LimitReader(f, maxMemo)).Decode(&n) != nil {
		return ""
	}
	return n.Operation
}

// write remembers an operation.
func (m memo) write(operation string) error {
	if m.file == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(m.file), 0o700); err != nil {
		return err
	}
	data, err := json.Marshal(note{operation})
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(m.file), ".import-") // readable by the owner only
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), m.file)
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// remove forgets the operation.
func (m memo) remove() error {
	if m.file == "" {
		return nil
	}
	if err := os.Remove(m.file); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
