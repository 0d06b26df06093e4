package secrets_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/analysis/secrets"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
)

func TestOptionsThatCannotBe(t *testing.T) {
	many := map[string]string{}
	for i := range 201 {
		many[strings.Repeat("n", i+1)] = "x"
	}
	tests := map[string]struct {
		options secrets.Options
		says    []string
	}{
		"an expression that ends early": {extra("mine", "a(b"), []string{`"mine"`, "missing closing )"}},
		"what RE2 cannot do":            {extra("mine", "(?<=a)b"), []string{`"mine"`, "(?<"}},
		"a repetition too far":          {extra("mine", "(x{900}){900}"), []string{`"mine"`, "repeat"}},
		"an expression too large":       {extra("mine", `[[:word:]]{1000}`+strings.Repeat(`(?:[a-z]{1,1000}|[0-9]{1,1000})`, 20)), []string{`"mine"`, "too large"}},
		"no expression":                 {extra("mine", ""), []string{`"mine"`, "empty"}},
		"a very long one":               {extra("mine", strings.Repeat("x", 5000)), []string{`"mine"`, "longer than 4096"}},
		"no name":                       {extra("", "x"), []string{`""`, "name is empty"}},
		"a name that moves the cursor":  {extra("a\x1b[2J", "x"), []string{`"a\x1b[2J"`, "cannot be printed"}},
		"a name that is taken":          {extra("jwt", "x"), []string{`"jwt"`, "embedded rule"}},
		"too many":                      {secrets.Options{Extra: many}, []string{"201", "200"}},
		"to exclude what is not there":  {secrets.Options{Exclude: []string{"aws-acess-key"}}, []string{`"aws-acess-key"`, "no rule"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := secrets.New(test.options)
			if fault.Of(err) != fault.Invalid {
				t.Fatalf("error %v, want an invalid", err)
			}
			for _, part := range test.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("error %q does not say %q", err, part)
				}
			}
		})
	}
}

func extra(name, expr string) secrets.Options {
	return secrets.Options{Extra: map[string]string{name: expr}}
}

func TestExclude(t *testing.T) {
	key := expand("AKIA<B32:16>", 1)
	tests := map[string]struct {
		options secrets.Options
		want    []string
	}{
		"nothing":                  {secrets.Options{}, []string{"aws-access-key"}},
		"by name":                  {secrets.Options{Exclude: []string{"aws-access-key"}}, nil},
		"by alias":                 {secrets.Options{Exclude: []string{"AWS_ACCESS_KEY"}}, nil},
		"to replace it":            {secrets.Options{Exclude: []string{"aws-access-key"}, Extra: map[string]string{"aws-access-key": "^AK"}}, []string{"aws-access-key"}},
		"besides one's own":        {secrets.Options{Extra: map[string]string{"all": ".+", "some": "AKIA"}}, []string{"all", "aws-access-key", "some"}},
		"all but one's own of two": {secrets.Options{Exclude: []string{"AWS_ACCESS_KEY"}, Extra: map[string]string{"some": "AKIA"}}, []string{"some"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, classes(scan(t, matcher(t, test.options), "/f", key))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func classes(matches []bundle.Match) (out []string) {
	for _, m := range matches {
		out = append(out, m.Classification)
	}
	return out
}

func TestPatterns(t *testing.T) {
	type at struct{ Line, Offset, Length int64 }
	tests := map[string]struct {
		pattern, content string
		want             []at
	}{
		"a word":                     {"todo", "a todo\ntodo", []at{{1, 2, 4}, {2, 0, 4}}},
		"any case, when asked":       {"(?i)todo", "ToDo", []at{{1, 0, 4}}},
		"edges of lines":             {"^b.*$", "a\nbc\nd", []at{{2, 0, 2}}},
		"edges of the file":          {`\Aa`, "a\na", []at{{1, 0, 1}}},
		"over lines":                 {`(?s)begin.*end`, "x begin\nend x", []at{{1, 2, 9}}},
		"a dot ends with the line":   {"b.*", "ab\ncd", []at{{1, 1, 1}}},
		"characters":                 {"gr.ß", "groß", []at{{1, 0, 5}}},
		"beside what is no text":     {"abc", "\xff\xfa\x80abc\xc3", []at{{1, 3, 3}}},
		"nothing of no length":       {"x*", "axxa", []at{{1, 1, 2}}},
		"examples are found as well": {"api_key=.*", "api_key=EXAMPLE", []at{{1, 0, 15}}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			m, err := secrets.NewPatterns(map[string]string{"p": test.pattern}, 0)
			if err != nil {
				t.Fatal(err)
			}
			var got []at
			for _, match := range scan(t, m, "/usr/share/man/x.png", test.content) {
				got = append(got, at{match.LineNumber, match.LineOffset, match.Length})
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	same := matcher(t, secrets.Options{}).Fingerprint()
	if again := matcher(t, secrets.Options{MaxFileSize: secrets.DefaultMaxFileSize}).Fingerprint(); again != same {
		t.Errorf("the same options have the fingerprints %s and %s", same, again)
	}
	for name, o := range map[string]secrets.Options{
		"a pattern":   extra("p", "x"),
		"another":     extra("p", "y"),
		"a rule less": {Exclude: []string{"jwt"}},
		"a size":      {MaxFileSize: 10},
	} {
		if matcher(t, o).Fingerprint() == same {
			t.Errorf("%s makes no difference to the fingerprint", name)
		}
	}
}
