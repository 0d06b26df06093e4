// Package secretbox keeps secrets encrypted at rest, with AES-256-GCM, or only so
// that they can be recognised, with HMAC-SHA-256: under a key in a file of its own.
package secretbox

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
)

// keySize is the length of the key, in bytes.
const keySize = 32

// prefix says how what follows is sealed.
const prefix = "v1:"

// ErrNoKey says that there is no key file.
var ErrNoKey = errors.New("there is no key")

// Box seals secrets and opens them. It is safe for concurrent use.
type Box struct {
	aead cipher.AEAD
	mac  []byte
}

// Open reads the key from a file; ErrNoKey where there is none.
func Open(path string) (*Box, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoKey
	}
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	if len(key) != keySize {
		return nil, fault.New(fault.Invalid, "read key: %s has %d bytes, not %d", path, len(key), keySize).
			WithHint("put the key file of a backup in its place")
	}
	return newBox(key)
}

// Create makes a key and a file for it, which only its owner can read. A file
// that is there is never replaced.
func Create(path string) (*Box, error) {
	key := make([]byte, keySize)
	rand.Read(key)
	if err := write(path, key); err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	return newBox(key)
}

// write makes the file whole or not at all.
func write(path string, key []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".key-*") // readable by its owner alone
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(key)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Link(f.Name(), path) // unlike a rename, this replaces nothing
}

func newBox(key []byte) (*Box, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	mac, err := hkdf.Expand(sha256.New, key, "tidepole tags", keySize)
	return &Box{aead, mac}, err
}

// Tag recognises a secret without holding it: it is the same for the same secret, key
// and words on what it is for, and without the key nobody can try secrets against it.
func (b *Box) Tag(secret, of string) string {
	h := hmac.New(sha256.New, b.mac)
	h.Write([]byte(of + "\x00" + secret))
	return prefix + base64.RawStdEncoding.EncodeToString(h.Sum(nil))
}

// Seal encrypts a secret. It can be opened only with the same words on what it
// belongs to.
func (b *Box) Seal(secret, of string) string {
	return prefix + base64.RawStdEncoding.EncodeToString(b.aead.Seal(nil, nil, []byte(secret), []byte(of)))
}

// Open is the secret that Seal was given.
func (b *Box) Open(sealed, of string) (string, error) {
	text, ok := strings.CutPrefix(sealed, prefix)
	data, err := base64.RawStdEncoding.DecodeString(text)
	if !ok || err != nil {
		return "", errors.New("open secret: it is not sealed as it should be")
	}
	secret, err := b.aead.Open(nil, nil, data, []byte(of))
	if err != nil {
		return "", errors.New("open secret: it is sealed with another key, or belongs elsewhere")
	}
	return string(secret), nil
}
