package policy_test

import (
	"strings"
	"testing"

	"github.com/tidepole/tidepole/formats/bundle"
)

// fileOf is a file of a syft document. Its mode is syft's: a Go file mode, its
// octal digits written as a decimal number.
func fileOf(path string, layer int, kind string, mode int, sha256 string) object {
	f := object{
		"location": object{"path": path, "layerID": layers[layer]},
		"metadata": object{"type": kind, "mode": mode, "size": 10},
	}
	if sha256 != "" {
		f["digests"] = []object{{"algorithm": "sha256", "value": sha256}}
	}
	return f
}

func linkOf(path, to string) object {
	f := fileOf(path, 0, bundle.TypeSymlink, 777, "")
	f["metadata"].(object)["linkDestination"] = to
	return f
}

// setuidMode is fs.ModeSetuid|0755 in octal digits, setgidMode fs.ModeSetgid|02775.
const (
	setuidMode = 40000755
	setgidMode = 20000775
)

var (
	sumA = strings.Repeat("a", 64)
	sumB = strings.Repeat("b", 64)
)

func TestFiles(t *testing.T) {
	image := fixture{
		allFiles: true,
		files: []object{
			fileOf("/etc/passwd", 0, bundle.TypeRegular, 644, sumA),
			fileOf("/app/key.pem", 0, bundle.TypeRegular, 600, sumA),
			fileOf("/app/key.pem", 1, bundle.TypeRegular, 644, sumB),
			fileOf("/usr/bin/chage", 0, bundle.TypeRegular, setuidMode, sumA),
			fileOf("/var/mail", 0, bundle.TypeDirectory, setgidMode, ""),
			fileOf("/unread", 0, bundle.TypeRegular, 600, ""),
			{"location": object{"path": "/app/deleted.pem", "layerID": layers[0]}, "unknowns": []string{"secret search: a part is left out"}},
		},
		contents: []bundle.Search{searchOf("/app/mail.txt", 0, 2)("EMAIL"), searchOf("/app/mail.txt", 0, 5)("PHONE")},
	}
	partial := fixture{files: image.files, without: []bundle.Kind{bundle.ContentSearches}}
	const notAll = "the evidence is an SBOM that does not list every file of the image"
	run(t, []example{
		{
			name: "names", trigger: "files/name_match", image: image, params: []string{"regex", `.*\.pem`},
			fires: []string{`Application of regex matched file found in container: file=/app/key.pem regexp=.*\.pem`},
		},
		{name: "names match from their start", trigger: "files/name_match", image: image, params: []string{"regex", `key\.pem`}},
		{
			name: "names, where not all are known", trigger: "files/name_match", image: partial, params: []string{"regex", "/etc/passwd"},
			fires: []string{"Application of regex matched file found in container: file=/etc/passwd regexp=/etc/passwd"}, lacks: []string{notAll},
		},
		{
			name: "an expression that is too complex", trigger: "files/name_match", params: []string{"regex", strings.Repeat(".{1000}", 40)},
			invalid: []string{`parameter regex: "` + strings.Repeat(".{1000}", 17) + `."… is too complex a regular expression`},
		},
		{name: "no expression", trigger: "files/name_match", invalid: []string{"parameter regex is missing"}},
		{
			name: "special bits", trigger: "files/suid_or_guid_set", image: image,
			fires: []string{"SUID or SGID found set on file /usr/bin/chage. Mode: 0o104755", "SUID or SGID found set on file /var/mail. Mode: 0o42775"},
			ids:   []string{"639f6f1177735759703e928c14714a59", "da870e801836e419385f2f300713cf7f"},
		},
		{
			name: "content", trigger: "files/content_regex_match", image: image,
			fires: []string{
				"File content analyzer found regexp match in container: file=/app/mail.txt regexp=EMAIL at line 2 of layer sha256:layer-one",
				"File content analyzer found regexp match in container: file=/app/mail.txt regexp=PHONE at line 5 of layer sha256:layer-one",
			},
		},
		{
			name: "content of one pattern", trigger: "files/content_regex_match", image: image, params: []string{"regex_name", "PHONE"},
			fires: []string{"File content analyzer found regexp match in container: file=/app/mail.txt regexp=PHONE at line 5 of layer sha256:layer-one"},
		},
		{name: "content not searched", trigger: "files/content_regex_match", image: partial, lacks: []string{"the evidence has no content searches"}},
		{
			name: "checksum of the highest layer", trigger: "files/attribute_match", image: image,
			params: []string{"filename", "/app/key.pem", "checksum", strings.ToUpper(sumB)},
			fires:  []string{"filename=/app/key.pem and checksum=" + sumB + " op=equals specified_checksum=" + sumB},
		},
		{name: "checksum of a lower layer", trigger: "files/attribute_match", image: image, params: []string{"filename", "/app/key.pem", "checksum", sumA}},
		{
			name: "checksum and mode", trigger: "files/attribute_match", image: image,
			params: []string{"filename", "/etc/passwd", "checksum", sumB, "checksum_match", "not_equals", "mode", "00644"},
			fires:  []string{"filename=/etc/passwd and checksum=" + sumA + " op=not_equals specified_checksum=" + sumB + " and mode=0o644 op=equals specified_mode=0o644"},
		},
		{name: "mode that differs", trigger: "files/attribute_match", image: image, params: []string{"filename", "/etc/passwd", "checksum", sumA, "mode", "600"}},
		{
			name: "checksum that is not known", trigger: "files/attribute_match", image: image,
			params: []string{"filename", "/unread", "checksum", sumA, "checksum_match", "not_equals"},
			lacks:  []string{`the checksum of "/unread" is not known`},
		},
		{name: "missing file", trigger: "files/attribute_match", image: image, params: []string{"filename", "/none", "mode", "600"}},
		{
			name: "missing file that counts", trigger: "files/attribute_match", image: image, params: []string{"filename", "/none", "mode", "600", "skip_missing", "False"},
			fires: []string{"filename=/none and skip_missing=False"},
		},
		{
			name: "file that may be missing", trigger: "files/attribute_match", image: partial, params: []string{"filename", "/none", "mode", "600", "skip_missing", "false"},
			lacks: []string{notAll},
		},
		{
			name: "values that cannot be", trigger: "files/attribute_match", params: []string{"filename", "/x", "checksum", "123"},
			invalid: []string{`parameter checksum: "123" is not the 64 hex digits of a sha256`},
		},
		{
			name: "mode that cannot be", trigger: "files/attribute_match", params: []string{"filename", "/x", "mode", "0999", "skip_missing", "perhaps"},
			invalid: []string{`parameter skip_missing: "perhaps" is neither true nor false`},
		},
		{
			name: "mode that is not octal", trigger: "files/attribute_match", params: []string{"filename", "/x", "mode", "0999"},
			invalid: []string{`parameter mode: "0999" is not an octal mode such as 00644`},
		},
	})
}
