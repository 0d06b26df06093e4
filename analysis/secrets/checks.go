package secrets

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
)

// checks are what a rule may ask of a secret beyond its expression.
var checks = map[string]func([]byte) bool{
	"basic-auth": isBasicAuth,
	"jwt":        isJWT,
	"mixed":      isMixed,
	"password":   isPassword,
}

// isBasicAuth says whether text is the base64 of printable `name:password`.
func isBasicAuth(text []byte) bool {
	plain, err := base64.RawStdEncoding.DecodeString(string(bytes.TrimRight(text, "=")))
	if err != nil {
		return false
	}
	name, password, found := bytes.Cut(bytes.TrimRight(plain, "\x00\n"), []byte(":"))
	return found && len(name) > 0 && len(password) > 0 && isPrintable(plain)
}

func isPrintable(text []byte) bool {
	for _, c := range text {
		if c < ' ' && c != '\n' || c == 0x7f {
			return false
		}
	}
	return true
}

// isJWT says whether the first part of text is a JOSE header.
func isJWT(text []byte) bool {
	head, _, _ := bytes.Cut(text, []byte("."))
	plain, err := base64.RawURLEncoding.DecodeString(string(head))
	if err != nil {
		return false
	}
	var header struct {
		Algorithm string `json:"alg"`
	}
	return json.Unmarshal(plain, &header) == nil && header.Algorithm != "" && header.Algorithm != "none"
}

// isMixed says whether text has a digit as well as a letter: a token, not a word.
func isMixed(text []byte) bool {
	digit, letter := false, false
	for _, c := range text {
		digit = digit || '0' <= c && c <= '9'
		letter = letter || 'a' <= c|0x20 && c|0x20 <= 'z'
	}
	return digit && letter
}

// isPassword says whether text is neither a word nor the name of something
// else: it has a digit or a sign beside letters (a capital at the start is no
// difference), and is no call, reference, path, list or sentence.
func isPassword(text []byte) bool {
	letter, digit, sign := false, false, false
	for _, c := range text {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
			letter = true
		case '0' <= c && c <= '9':
			digit = true
		case bytes.IndexByte([]byte("(){}[]<>\\,;"), c) >= 0:
			return false
		case c != '_' && c != '-' && c != '.' && c != ':' && c != '/' && c != '|' && c != '?':
			sign = true
		}
	}
	return letter && (digit || sign) && bytes.Count(text, []byte("/")) < 2 && bytes.Count(text, []byte(":")) < 2
}
