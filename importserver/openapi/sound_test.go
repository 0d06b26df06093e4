package openapi_test

import (
	"strings"
	"testing"

	"github.com/tidepole/tidepole/importserver/openapi"
)

// soundCases are documents, and what is said of those that are refused.
var soundCases = map[string]string{
	`{"a":1,"b":{"a":2},"c":[{"a":"a"},{"a":"\"a\":"}]}`: "", ` "text" `: "", `{"a":"b","b":"a"}`: "", `[]`: "", `{"a":"x\\","b":1}`: "",
	`{"a":1,"a":2}`: `"a" is there twice`, `{"x":[{"b" : 1, "c":{}, "b"` + "\n" + `:2}]}`: `"b" is there twice`,
	`{"a":1,"\u0061":2}`: `"a" is there twice`, `{"a":{},"a":{}}`: "twice", `{"a":`: "unexpected end", `{} {}`: "after top-level",
	"{\"\xff\":1}": "UTF-8", "[1, -0.5e3, 77e777]": `the number "77e777" is too large`, `{"a":-12.5E+2,"b":0}`: "",
	strings.Repeat("[", 65) + strings.Repeat("]", 65): "nested deeper than 64", strings.Repeat("[", 64) + strings.Repeat("]", 64): "",
}

func TestSound(t *testing.T) {
	for text, want := range soundCases {
		err := openapi.Sound([]byte(text))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// FuzzSound compares Sound with Strict: what one takes, the other does.
func FuzzSound(f *testing.F) {
	for text := range soundCases {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		_, strict := openapi.Strict(data)
		if sound := openapi.Sound(data); (sound == nil) != (strict == nil) && len(data) < 100_000 {
			t.Errorf("%q: %v, and Strict says %v", data, sound, strict)
		}
	})
}

func TestSoundOfManyValues(t *testing.T) {
	var b strings.Builder
	b.WriteString("{")
	for n := range 600_000 {
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`"` + strings.Repeat("k", n%5) + string(rune('a'+n%26)) + `":1`)
	}
	b.WriteString("}")
	if err := openapi.Sound([]byte(b.String())); err == nil {
		t.Error("a key is there twice")
	}
	data := []byte("[" + strings.Repeat(`{"a":1,"b":[1,2,3]},`, 200_000) + "1]")
	if err := openapi.Sound(data); err != nil {
		t.Error("more values than Strict takes:", err)
	}
}
