package policy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
)

var metadataGate = Gate{
	Name:        "metadata",
	Description: "Facts of the image as a whole: size, platform, distribution, layers.",
	Triggers: []Trigger{{
		Name:        "attribute",
		Description: "Fires if the attribute compares as described.",
		Parameters: []Parameter{
			{Name: "attribute", Kind: Choice, Required: true, Choices: []string{"size", "architecture", "os_type", "distro", "distro_version", "like_distro", "layer_count"}, Description: "What to compare. size is the sum of the layers as the registry has them, in bytes.", Example: "size"},
			{Name: "check", Kind: Choice, Required: true, Choices: []string{"=", "!=", ">", "<", ">=", "<=", "exists", "not_exists", "like", "not_like", "in", "not_in"}, Description: "How to compare. like takes a regular expression, matched from the start; in takes a list.", Example: ">"},
			{Name: "value", Description: "What to compare with. Sizes may end in KB, MB or GB (of 1024).", Example: "1073741824"},
		},
		build: buildAttribute,
	}},
}

// attribute is one fact in the shape that it is compared in.
type attribute struct {
	texts  []string // none where the fact is not known
	number *int64   // for sizes and counts
}

func attributeOf(name string, f bundle.Facts) attribute {
	text := func(s string) attribute {
		if s == "" {
			return attribute{}
		}
		return attribute{texts: []string{s}}
	}
	number := func(n int64) attribute {
		return attribute{texts: []string{strconv.FormatInt(n, 10)}, number: &n}
	}
	switch name {
	case "size":
		return number(f.Size)
	case "layer_count":
		return number(int64(len(f.Layers)))
	case "architecture":
		return text(f.Arch)
	case "os_type":
		return text(f.OS)
	case "distro":
		return text(f.Distro)
	case "distro_version":
		return text(f.DistroVersion)
	}
	return attribute{texts: f.DistroLike}
}

func buildAttribute(v values) (check, error) {
	name, op := v.text("attribute"), v.text("check")
	compare, err := buildComparison(name, op, strings.TrimSpace(v.text("value")))
	if err != nil {
		return nil, err
	}
	return func(s *scene, out *outcome) {
		a := attributeOf(name, s.Evidence.Facts)
		if compare(a) {
			shown := strings.Join(a.texts, ",")
			out.firef("Attribute check for attribute: '%s' check: '%s' check_value: '%s' matched image value: '%s'", name, op, v.text("value"), orElse(shown, "None"))
		}
	}, nil
}

func buildComparison(name, op, value string) (func(attribute) bool, error) {
	switch op {
	case "exists":
		return attribute.exists, nil
	case "not_exists":
		return func(a attribute) bool { return !a.exists() }, nil
	}
	if value == "" {
		return nil, fmt.Errorf("parameter value is missing, which check %s needs", op)
	}
	switch op {
	case "like", "not_like":
		p, err := readPattern(value)
		if err != nil {
			return nil, fmt.Errorf("parameter value: %s %w", quote(value), err)
		}
		return func(a attribute) bool { return slices.ContainsFunc(a.texts, p.match) == (op == "like") }, nil
	case "in", "not_in":
		list, err := readList(value)
		if err != nil {
			return nil, fmt.Errorf("parameter value: %s %w", quote(value), err)
		}
		return func(a attribute) bool {
			return slices.ContainsFunc(a.texts, func(s string) bool { return slices.Contains(list, s) }) == (op == "in")
		}, nil
	}
	if name == "size" || name == "layer_count" {
		n, err := readSize(value, name == "size")
		if err != nil {
			return nil, fmt.Errorf("parameter value: %s %w", quote(value), err)
		}
		return func(a attribute) bool { return a.number != nil && holds(op, compareNumbers(*a.number, n)) }, nil
	}
	return compareTexts(op, value), nil
}

// exists tells whether the fact is known and not nothing.
func (a attribute) exists() bool {
	if a.number != nil {
		return *a.number != 0
	}
	return len(a.texts) > 0
}

// compareTexts compares part by part, numbers as numbers, so that 9 is less
// than 10. A list equals what any of its items does.
func compareTexts(op, value string) func(attribute) bool {
	return func(a attribute) bool {
		if op == "!=" {
			return !slices.Contains(a.texts, value)
		}
		return slices.ContainsFunc(a.texts, func(s string) bool {
			if op == "=" {
				return s == value
			}
			return holds(op, compareParts(s, value))
		})
	}
}

var sizeText = regexp.MustCompile(`^(\d{1,15})\s*([a-zA-Z]*)$`)

var sizeUnits = map[string]int64{"": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30}

func readSize(s string, units bool) (int64, error) {
	m := sizeText.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf("is not a whole number")
	}
	unit, ok := sizeUnits[strings.ToLower(m[2])]
	if !ok || (!units && m[2] != "") {
		return 0, fmt.Errorf("has a unit that is none of: KB, MB, GB")
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	if n > (1<<62)/unit {
		return 0, fmt.Errorf("is too large")
	}
	return n * unit, nil
}
