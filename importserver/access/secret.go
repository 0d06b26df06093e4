package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
)

// NewToken is a secret of 256 random bits, and the digest by which it is kept and
// found: there is nothing to guess, so a plain one will do.
func NewToken(prefix string) (token, digest string) {
	var b [32]byte
	rand.Read(b[:])
	token = prefix + hex.EncodeToString(b[:])
	return token, Digest(token)
}

// Digest is that by which a token is kept.
func Digest(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// keyPrefix begins every API key, for people and for searches of secrets.
const keyPrefix = "tpk_"

// NewKey is an API key with the id that it is found by and the digest it is kept as.
func NewKey() (key, id, digest string) {
	var b [8]byte
	rand.Read(b[:])
	id = hex.EncodeToString(b[:])
	key, digest = NewToken(keyPrefix + id + "_")
	return key, id, digest
}

// KeyID is the id in an API key; "" where it is none.
func KeyID(key string) string {
	rest, ok := strings.CutPrefix(key, keyPrefix)
	id, secret, cut := strings.Cut(rest, "_")
	if !ok || !cut || len(id) != 16 || len(secret) != 64 {
		return ""
	}
	return id
}

// HasDigest tells, in a time that says nothing, whether a token or key has a digest.
func HasDigest(token, digest string) bool {
	return subtle.ConstantTimeCompare([]byte(Digest(token)), []byte(digest)) == 1
}
