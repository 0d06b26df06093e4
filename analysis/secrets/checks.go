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

// isPassword says whether text is neither a word nor a name of something
// else: it has two of lower case, upper case, digits and other signs, and is
// no path, call, reference or dotted name.
func isPassword(text []byte) bool {
	lower, upper, digit, sign := 0, 0, 0, 0
	for i, c := range text {
		switch {
		case 'a' <= c && c <= 'z':
			lower = 1
		case 'A' <= c && c <= 'Z' && i > 0:
			upper = 1
		case '0' <= c && c <= '9':
			digit = 1
		case c != '_' && c != '-' && c != '.':
			sign = 1
		}
	}
	return lower+upper+digit+sign >= 2 && (digit == 1 || sign == 1) && !bytes.ContainsAny(text, "(){}[]<>\\,;") &&
		bytes.Count(text, []byte("/")) < 2
}
