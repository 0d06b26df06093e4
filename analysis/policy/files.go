package policy

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

var filesGate = Gate{
	Name:        "files",
	Description: "The files of the image: their names, attributes and content.",
	files:       true,
	Triggers: []Trigger{
		{
			Name:        "content_regex_match",
			Description: "Fires for each file and pattern of the content search that matched. The patterns are given to the analysis.",
			Parameters: []Parameter{
				{Name: "regex_name", Description: "Only matches of the pattern of this name.", Example: "EMAIL"},
			},
			build: ask(contentMatch),
		},
		{
			Name:        "name_match",
			Description: "Fires for each path that matches.",
			Parameters: []Parameter{
				{Name: "regex", Kind: Pattern, Required: true, Description: "Matched against the whole path, from its start.", Example: `.*\.pem`},
			},
			build: ask(nameMatch),
		},
		{
			Name:        "attribute_match",
			Description: "Fires if the file has the checksum and the mode described, both where both are given.",
			Parameters: []Parameter{
				{Name: "filename", Required: true, Description: "The path, exactly.", Example: "/etc/passwd"},
				{Name: "checksum_algorithm", Kind: Choice, Choices: []string{"sha256"}, Default: "sha256", Description: "The algorithm of checksum."},
				{Name: "checksum", Description: "The checksum to compare with, in hex.", Example: "832cd0f75b227d13aac82b1f70b7f90191a4186c151f9db50851d209c45ede11"},
				{Name: "checksum_match", Kind: Choice, Choices: []string{"equals", "not_equals"}, Default: "equals", Description: "How the checksum must compare."},
				{Name: "mode", Description: "The mode to compare with, in octal.", Example: "00644"},
				{Name: "mode_op", Kind: Choice, Choices: []string{"equals", "not_equals"}, Default: "equals", Description: "How the mode must compare."},
				{Name: "skip_missing", Kind: Boolean, Default: "true", Description: "Whether a file that is not there is passed over; false fires for it."},
			},
			build: buildAttributeMatch,
		},
		{
			Name:        "suid_or_guid_set",
			Description: "Fires for each path that has the setuid or the setgid bit.",
			build:       ask(specialBits),
		},
	},
}

func contentMatch(v values, s *scene, out *outcome) {
	s.absent(Contents, out)
	for places := range byFileAndName(s.Evidence.contents) {
		m := places[0]
		if !v.has("regex_name") || m.name == v.text("regex_name") {
			out.fireDetail(fmt.Sprintf("File content analyzer found regexp match in container: file=%s regexp=%s", m.path, m.name), describe(places))
		}
	}
}

func nameMatch(v values, s *scene, out *outcome) {
	s.absent(Files, out)
	regex := v.pattern("regex")
	for _, f := range s.Evidence.files {
		if regex.match(f.path) {
			out.firef("Application of regex matched file found in container: file=%s regexp=%s", f.path, regex.text)
		}
	}
}

func specialBits(_ values, s *scene, out *outcome) {
	s.absent(Files, out)
	for _, f := range s.Evidence.files {
		if f.mode&(setuid|setgid) != 0 {
			out.firef("SUID or SGID found set on file %s. Mode: 0o%o", f.path, f.mode)
		}
	}
}

var sha256Text = regexp.MustCompile(`^[0-9a-fA-F]{64}$`)

func buildAttributeMatch(v values) (check, error) {
	if v.has("checksum") && !sha256Text.MatchString(strings.TrimSpace(v.text("checksum"))) {
		return nil, fmt.Errorf("parameter checksum: %s is not the 64 hex digits of a sha256", quote(v.text("checksum")))
	}
	mode := uint64(0)
	if v.has("mode") {
		var err error
		if mode, err = strconv.ParseUint(strings.TrimSpace(v.text("mode")), 8, 16); err != nil {
			return nil, fmt.Errorf("parameter mode: %s is not an octal mode such as 00644", quote(v.text("mode")))
		}
	}
	a := attributes{v, strings.ToLower(strings.TrimSpace(v.text("checksum"))), uint32(mode) & 0o7777}
	return a.check, nil
}

// attributes are what an attribute_match rule compares with.
type attributes struct {
	values   values
	checksum string
	mode     uint32
}

func (a attributes) check(s *scene, out *outcome) {
	name := a.values.text("filename")
	f, ok := s.Evidence.file(name)
	if !ok {
		if !s.absent(Files, out) && !a.values.boolean("skip_missing") {
			out.firef("filename=%s and skip_missing=False", name)
		}
		return
	}
	message := "filename=" + name
	for _, part := range []func(file, *outcome) (string, bool){a.sum, a.bits} {
		told, ok := part(f, out)
		if !ok {
			return
		}
		message += told
	}
	if message != "filename="+name {
		out.firef("%s", message)
	}
}

// sum compares the checksum. A regular file whose content could not be read has
// none to compare.
func (a attributes) sum(f file, out *outcome) (string, bool) {
	if a.checksum == "" {
		return "", true
	}
	if !f.hashed && f.mode&typeBits == regular {
		out.missf("the checksum of %s is not known", quote(f.path))
		return "", false
	}
	op := a.values.text("checksum_match")
	return fmt.Sprintf(" and checksum=%s op=%s specified_checksum=%s", f.sha256(), op, a.checksum),
		(f.sha256() == a.checksum) == (op == "equals")
}

// bits compares the mode without the type.
func (a attributes) bits(f file, out *outcome) (string, bool) {
	if !a.values.has("mode") {
		return "", true
	}
	if !f.known {
		out.missf("the mode of %s is not known", quote(f.path))
		return "", false
	}
	op, mode := a.values.text("mode_op"), f.mode&^typeBits
	return fmt.Sprintf(" and mode=0o%o op=%s specified_mode=0o%o", mode, op, a.mode), (mode == a.mode) == (op == "equals")
}
