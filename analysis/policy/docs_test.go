package policy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/tidepole/tidepole/analysis/policy"
	document "github.com/tidepole/tidepole/formats/policy"
)

// TestDocumentation keeps docs/policy-gates.md what the table of gates says;
// -update writes it.
func TestDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Policy gates\n\n" +
		"Made from the table of gates by `go test ./analysis/policy -run TestDocumentation -update`; do not edit.\n\n" +
		"All parameters are texts; lists are separated by commas. A regular expression is one of [RE2](https://github.com/google/re2/wiki/Syntax) and matches from the start of the text; begin it with `.*` to match anywhere. A parameter given as the empty text counts as not given. Names in brackets are those of older policies and mean the same.\n")
	var retired []policy.Gate
	for _, g := range policy.Gates() {
		if g.Retired {
			retired = append(retired, g)
			continue
		}
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", g.Name, g.Description)
		for _, trigger := range g.Triggers {
			describe(&b, trigger)
		}
	}
	b.WriteString("\n## Retired gates\n\nRules of these gates never fire; an evaluation warns of each.\n\n| gate | use instead |\n|---|---|\n")
	for _, g := range retired {
		fmt.Fprintf(&b, "| %s | %s |\n", g.Name, orDash(g.Instead))
	}
	goldenText(t, "../../docs/policy-gates.md", b.String())
}

func describe(b *strings.Builder, t policy.Trigger) {
	name := t.Name
	if len(t.Aliases) > 0 {
		name += " (" + strings.Join(t.Aliases, ", ") + ")"
	}
	fmt.Fprintf(b, "\n### %s\n\n%s\n", name, t.Description)
	if len(t.Parameters) == 0 {
		return
	}
	b.WriteString("\n| parameter | kind | default | what it is | example |\n|---|---|---|---|---|\n")
	for _, p := range t.Parameters {
		name, kind := p.Name, p.Kind.String()
		if p.Required {
			name += " (required)"
		}
		if p.Kind == policy.Choice {
			kind = strings.Join(p.Choices, ", ")
			if len(p.Aliases) > 0 {
				kind += " (" + strings.Join(slices.Sorted(maps.Keys(p.Aliases)), ", ") + ")"
			}
		}
		fmt.Fprintf(b, "| %s | %s | %s | %s | %s |\n", name, kind, orDash(p.Default), p.Description, code(p.Example))
	}
}

func code(s string) string {
	if s == "" {
		return "–"
	}
	return "`" + strings.ReplaceAll(s, "|", `\|`) + "`"
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

// TestTableIsComplete finds gates that help could not be printed for.
func TestTableIsComplete(t *testing.T) {
	for _, g := range policy.Gates() {
		if g.Description == "" || (!g.Retired && len(g.Triggers) == 0) {
			t.Errorf("gate %s lacks a description or triggers", g.Name)
		}
		for _, trigger := range g.Triggers {
			if trigger.Description == "" {
				t.Errorf("%s/%s lacks a description", g.Name, trigger.Name)
			}
			for _, p := range trigger.Parameters {
				if p.Description == "" || (p.Kind == policy.Choice) != (len(p.Choices) > 0) {
					t.Errorf("%s/%s: parameter %s lacks a description or its choices", g.Name, trigger.Name, p.Name)
				}
			}
		}
	}
}

// TestExampleInDocumentation keeps the policy of docs/policy.md one that works.
func TestExampleInDocumentation(t *testing.T) {
	text, err := os.ReadFile("../../docs/policy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```json\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("docs/policy.md has no example")
	}
	dec := json.NewDecoder(strings.NewReader(example))
	dec.DisallowUnknownFields()
	var p document.Policy
	if err := dec.Decode(&p); err != nil {
		t.Fatal(err)
	}
	equal(t, "defects", []string(nil), defects(t, p))
}
