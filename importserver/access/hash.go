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
var hashing = NewTurns(4, 64)

// Hash is a password's hash in PHC form: Argon2id, its cost and a random salt. The host
// is whose line it is made in.
func Hash(ctx context.Context, host, password string) (string, error) {
	var salt [16]byte
	rand.Read(salt[:])
	sum, err := derive(ctx, host, password, salt[:], passes, memory, lanes, 32)
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
// has it, and to find that out takes as long as for any other. A host of which too many
// passwords wait to be looked at is ErrBusy.
func Is(ctx context.Context, host, password, hash string) (bool, error) {
	absent := hash == ""
	if absent {
		hash = nobodys
	}
	again, err := Like(ctx, host, password, hash)
	return err == nil && subtle.ConstantTimeCompare([]byte(again), []byte(hash)) == 1 && !absent, err
}

// Like is a password's hash with the salt and the cost of another hash: the same one, if it
// is the same password.
func Like(ctx context.Context, host, password, hash string) (string, error) {
	var version, m, t, p int
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" {
		return "", fmt.Errorf("the hash of a password is not Argon2id's")
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &m, &t, &p); err != nil || version != argon2.Version ||
		m < 8 || m > maxMemory || t < 1 || t > maxPasses || p < 1 || p > maxLanes {
		return "", fmt.Errorf("the hash of a password has parameters that cannot be used")
	}
	enc := base64.RawStdEncoding
	salt, err := enc.DecodeString(parts[4])
	if err != nil {
		return "", fmt.Errorf("the hash of a password has no salt: %w", err)
	}
	sum, err := enc.DecodeString(parts[5])
	if err != nil || len(sum) < 16 || len(sum) > 64 {
		return "", fmt.Errorf("the hash of a password has no sum")
	}
	if sum, err = derive(ctx, host, password, salt, uint32(t), uint32(m), uint8(p), uint32(len(sum))); err != nil {
		return "", err
	}
	parts[5] = enc.EncodeToString(sum)
	return strings.Join(parts, "$"), nil
}

func derive(ctx context.Context, host, password string, salt []byte, t, m uint32, p uint8, length uint32) ([]byte, error) {
	leave, err := hashing.Enter(ctx, host)
	if err != nil {
		return nil, err
	}
	defer leave()
	return argon2.IDKey([]byte(password), salt, t, m, p, length), nil
}
