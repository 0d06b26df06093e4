package openapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/maphash"
	"strconv"
	"unicode/utf8"
)

// maxKeys is how many keys the objects may have together that are open at one place
// of a document that Sound looks at.
const maxKeys = 500_000

// Sound refuses what Strict refuses, however many values it has, and makes nothing of
// them: for documents that are too large to be made as a whole.
func Sound(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("it is not UTF-8")
	}
	if !json.Valid(data) {
		return json.Unmarshal(data, new(json.RawMessage)) // it says where
	}
	seed, keys := maphash.MakeSeed(), 0
	var open []map[uint64]bool // of what is open: an object's keys; nil is a list
	for i := 0; i < len(data); i++ {
		switch data[i] {
		case '{', '[':
			if len(open) == maxDepth {
				return fmt.Errorf("it is nested deeper than %d", maxDepth)
			}
			if data[i] == '{' {
				open = append(open, map[uint64]bool{})
			} else {
				open = append(open, nil)
			}
		case '}', ']':
			keys -= len(open[len(open)-1])
			open = open[:len(open)-1]
		case '"':
			end := i + 1
			for data[end] != '"' {
				if data[end] == '\\' {
					end++
				}
				end++
			}
			text := data[i : end+1]
			i = end
			if !isKey(data[end+1:]) {
				continue
			}
			if keys++; keys > maxKeys {
				return fmt.Errorf("its objects have more than %d keys", maxKeys)
			}
			key := text[1 : len(text)-1]
			if bytes.IndexByte(key, '\\') >= 0 {
				var plain string
				if err := json.Unmarshal(text, &plain); err != nil {
					return err
				}
				key = []byte(plain)
			}
			sum, object := maphash.Bytes(seed, key), open[len(open)-1]
			if object[sum] {
				return fmt.Errorf("the key %q is there twice", clip(string(key)))
			}
			object[sum] = true
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			end := i + 1
			for end < len(data) && isOfNumber(data[end]) {
				end++
			}
			if _, err := strconv.ParseFloat(string(data[i:end]), 64); err != nil {
				return fmt.Errorf("the number %q is too large", clip(string(data[i:end])))
			}
			i = end - 1
		}
	}
	return nil
}

func isOfNumber(c byte) bool {
	return '0' <= c && c <= '9' || c == '.' || c == 'e' || c == 'E' || c == '+' || c == '-'
}

// isKey tells whether a string is a key, by what comes after it.
func isKey(rest []byte) bool {
	for _, c := range rest {
		switch c {
		case ' ', '\t', '\r', '\n':
		default:
			return c == ':'
		}
	}
	return false
}
