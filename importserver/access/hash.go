// Package access knows passwords, keys and tokens: how they are made, kept and
// recognised, and how guessing them is made slow. It keeps nothing itself.
package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Cost of a new hash: what OWASP's password storage cheat sheet asks of Argon2id.
const (
	memory = 19 << 10 // KiB
	passes = 2
	lanes  = 1
)

// Bounds of what a kept hash may ask for, so that no row costs the server its memory.
const (
	maxMemory = 256 << 10
	maxPasses = 16
	maxLanes  = 4
)

// hashing bounds how many hashes are made at once, and so their memory.
var hashing = make(chan struct{}, 4)

// Hash is a password's hash in PHC form: Argon2id, its cost and a random salt.
func Hash(ctx context.Context, password string) (string, error) {
	var salt [16]byte
	rand.Read(salt[:])
	sum, err := derive(ctx, password, salt[:], passes, memory, lanes, 32)
	if err != nil {
		return "", err
	}
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, passes, lanes, enc.EncodeToString(salt[:]), enc.EncodeToString(sum)), nil
}

// nobodys is the hash that a password is compared with where there is none, so
// that this takes as long.
const nobodys = "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// Is tells whether a password has a hash. An empty hash is nobody's: no password
// has it, and to find that out takes as long as for any other.
func Is(ctx context.Context, password, hash string) (bool, error) {
	absent := hash == ""
	if absent {
		hash = nobodys
	}
	var version, m, t, p int
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return false, fmt.Errorf("the hash of a password is not Argon2id's")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &m, &t, &p); err != nil || version != argon2.Version ||
		m < 8 || m > maxMemory || t < 1 || t > maxPasses || p < 1 || p > maxLanes {
		return false, fmt.Errorf("the hash of a password has parameters that cannot be used")
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false, fmt.Errorf("the hash of a password has no salt: %w", err)
	}
	want, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(want) < 16 || len(want) > 64 {
		return false, fmt.Errorf("the hash of a password has no sum")
	}
	sum, err := derive(ctx, password, salt, uint32(t), uint32(m), uint8(p), uint32(len(want)))
	return err == nil && subtle.ConstantTimeCompare(sum, want) == 1 && !absent, err
}

func derive(ctx context.Context, password string, salt []byte, t, m uint32, p uint8, length uint32) ([]byte, error) {
	select {
	case hashing <- struct{}{}:
		defer func() { <-hashing }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	return argon2.IDKey([]byte(password), salt, t, m, p, length), nil
}
