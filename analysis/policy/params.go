package policy

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/tidepole/tidepole/formats/policy"
)

// Kind is how the text of a parameter is read.
type Kind int

// The kinds of parameter.
const (
	Text     Kind = iota // any text
	List                 // texts, separated by commas
	Integer              // a whole number, 0 or more
	Integers             // such numbers, separated by commas
	Number               // a number with or without a fraction
	Boolean              // true or false
	Choice               // one of Parameter.Choices
	Pattern              // a regular expression (RE2), matched from the start
)

var kindNames = [...]string{"text", "list", "integer", "list of integers", "number", "true or false", "choice", "regular expression"}

// String is the kind's name for people.
func (k Kind) String() string { return kindNames[k] }

// Parameter is one setting of a trigger.
type Parameter struct {
	Name        string
	Description string
	Kind        Kind
	Required    bool
	Default     string
	Example     string
	Choices     []string          // of a Choice
	Aliases     map[string]string // what older policies write for a choice, to the choice
}

// values are a rule's parameters, read by their kinds.
type values map[string]any

func (v values) has(name string) bool        { _, ok := v[name]; return ok }
func (v values) text(name string) string     { s, _ := v[name].(string); return s }
func (v values) list(name string) []string   { l, _ := v[name].([]string); return l }
func (v values) integer(name string) int     { n, _ := v[name].(int); return n }
func (v values) integers(name string) []int  { l, _ := v[name].([]int); return l }
func (v values) number(name string) float64  { n, _ := v[name].(float64); return n }
func (v values) boolean(name string) bool    { b, _ := v[name].(bool); return b }
func (v values) pattern(name string) pattern { p, _ := v[name].(pattern); return p }

// maxValue bounds the text of a parameter, in bytes.
const maxValue = 64 << 10

// readParameters reads a rule's parameters and lists everything wrong with
// them. A parameter given as the empty text is one that is not given.
func readParameters(t Trigger, given []policy.Param) (values, []string) {
	v, seen, defects := values{}, map[string]bool{}, []string(nil)
	for _, g := range given {
		p, ok := t.parameter(g.Name)
		if !ok {
			defects = append(defects, fmt.Sprintf("parameter %s is unknown; there are: %s", quote(g.Name), t.parameterNames()))
			continue
		}
		if seen[p.Name] {
			defects = append(defects, fmt.Sprintf("parameter %s is given twice", p.Name))
			continue
		}
		seen[p.Name] = true
		if strings.TrimSpace(g.Value) == "" {
			continue
		}
		value, err := p.read(g.Value)
		if err != nil {
			defects = append(defects, fmt.Sprintf("parameter %s: %s %v", p.Name, quote(g.Value), err))
			v[p.Name] = nil // given, though wrong: not also reported as missing
			continue
		}
		v[p.Name] = value
	}
	for _, p := range t.Parameters {
		if v.has(p.Name) {
			continue
		}
		if p.Required {
			defects = append(defects, fmt.Sprintf("parameter %s is missing", p.Name))
		}
		if p.Default != "" {
			v[p.Name], _ = p.read(p.Default)
		}
	}
	return v, defects
}

// read turns the parameter's text into what its kind says. The error ends a
// sentence that begins with the text.
func (p Parameter) read(s string) (any, error) {
	if len(s) > maxValue {
		return nil, fmt.Errorf("is longer than %d bytes", maxValue)
	}
	if p.Kind == Text {
		return s, nil
	}
	s = strings.TrimSpace(s)
	switch p.Kind {
	case List:
		return readList(s)
	case Integer:
		return readInteger(s)
	case Integers:
		return readIntegers(s)
	case Number:
		return readNumber(s)
	case Boolean:
		return readBoolean(s)
	case Choice:
		return p.readChoice(s)
	}
	return readPattern(s)
}

func readList(s string) ([]string, error) {
	var list []string
	for item := range strings.SplitSeq(s, ",") {
		if item = strings.TrimSpace(item); item != "" {
			list = append(list, item)
		}
	}
	if len(list) == 0 {
		return nil, fmt.Errorf("has nothing between its commas")
	}
	return list, nil
}

func readInteger(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	if err != nil {
		return 0, fmt.Errorf("is not a whole number from 0 to %d", math.MaxInt32)
	}
	return int(n), nil
}

func readIntegers(s string) ([]int, error) {
	items, err := readList(s)
	if err != nil {
		return nil, err
	}
	var list []int
	for _, item := range items {
		n, err := readInteger(item)
		if err != nil {
			return nil, fmt.Errorf("has %s, which %v", quote(item), err)
		}
		list = append(list, n)
	}
	return list, nil
}

func readNumber(s string) (float64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
		return 0, fmt.Errorf("is not a number")
	}
	return n, nil
}

func readBoolean(s string) (bool, error) {
	switch strings.ToLower(s) {
	case "true":
		return true, nil
	case "false":
		return false, nil
	}
	return false, fmt.Errorf("is neither true nor false")
}

func (p Parameter) readChoice(s string) (string, error) {
	for _, c := range p.Choices {
		if strings.EqualFold(c, s) {
			return c, nil
		}
	}
	for old, c := range p.Aliases {
		if strings.EqualFold(old, s) {
			return c, nil
		}
	}
	return "", fmt.Errorf("is none of: %s", strings.Join(p.Choices, ", "))
}

func (t Trigger) parameter(name string) (Parameter, bool) {
	for _, p := range t.Parameters {
		if strings.EqualFold(p.Name, name) {
			return p, true
		}
	}
	return Parameter{}, false
}

func (t Trigger) parameterNames() string {
	var names []string
	for _, p := range t.Parameters {
		names = append(names, p.Name)
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// quote shows a stranger's text on one line and at a bearable length.
func quote(s string) string {
	const most = 120
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "…"
	}
	return strconv.Quote(s)
}
