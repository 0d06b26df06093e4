package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
)

var actualOnly = Parameter{Name: "actual_dockerfile_only", Kind: Boolean, Default: "false", Description: "Whether to pass over a Dockerfile that was reconstructed from the image's history.", Example: "true"}

var listType = Parameter{Name: "type", Kind: Choice, Required: true, Choices: []string{"denylist", "allowlist"}, Aliases: map[string]string{"blacklist": "denylist", "whitelist": "allowlist"}, Description: "Whether what is listed is denied, or all else.", Example: "denylist"}

var dockerfileGate = Gate{
	Name:        "dockerfile",
	Description: "The Dockerfile as it was given with the image, or else one reconstructed from the image's history.",
	Triggers: []Trigger{
		{
			Name:        "instruction",
			Description: "Fires for each instruction that compares as described.",
			Parameters: []Parameter{
				{Name: "instruction", Kind: Choice, Required: true, Choices: instructionNames, Description: "The instruction.", Example: "FROM"},
				{Name: "check", Kind: Choice, Required: true, Choices: []string{"=", "!=", "exists", "not_exists", "like", "not_like", "in", "not_in"}, Description: "How to compare what follows the instruction. like takes a regular expression, matched from the start; in takes a list.", Example: "="},
				{Name: "value", Description: "What to compare with.", Example: "scratch"},
				actualOnly,
			},
			build: buildInstruction,
		},
		{
			Name:        "effective_user",
			Description: "Fires if the image runs as a user that is denied, or that is not allowed. The ids and names of root, 0 and root, are one.",
			Parameters: []Parameter{
				{Name: "users", Kind: List, Required: true, Description: "The users.", Example: "root,docker"},
				listType,
			},
			build: ask(effectiveUser),
		},
		{
			Name:        "exposed_ports",
			Description: "Fires for each exposed port that is denied, or that is not allowed.",
			Parameters: []Parameter{
				{Name: "ports", Kind: Integers, Required: true, Description: "The ports; 0 stands for any.", Example: "80,8080,8088"},
				listType,
				actualOnly,
			},
			build: ask(exposedPorts),
		},
		{
			Name:        "no_dockerfile_provided",
			Description: "Fires if no Dockerfile was given with the image.",
			build: ask(func(_ values, s *scene, out *outcome) {
				if s.Evidence.Facts.DockerfileMode != bundle.DockerfileActual {
					out.firef("Image was not analyzed with an actual Dockerfile")
				}
			}),
		},
	},
}

var instructionNames = []string{
	"ADD", "ARG", "COPY", "CMD", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL", "MAINTAINER",
	"ONBUILD", "USER", "RUN", "SHELL", "STOPSIGNAL", "VOLUME", "WORKDIR",
}

// dockerfile is the image's Dockerfile, parsed once. It is false where the
// evidence has none, and where the rule wants one that was given.
func (s *scene) dockerfile(v values, out *outcome) (*dockerfile, bool) {
	facts := &s.Evidence.Facts
	if v.boolean(actualOnly.Name) && facts.DockerfileMode != bundle.DockerfileActual {
		return nil, false
	}
	if s.absent(Dockerfile, out) {
		return nil, false
	}
	if s.docker == nil {
		d := parseDockerfile(facts.Dockerfile)
		if facts.DockerfileMode != bundle.DockerfileActual {
			d.restoreHealthcheck(facts.Healthcheck)
		}
		s.docker = &d
	}
	return s.docker, true
}

// restoreHealthcheck adds what the configuration knows where the history does not.
func (d *dockerfile) restoreHealthcheck(test []string) {
	known := slices.ContainsFunc(d.instructions, func(i instruction) bool { return i.name == "HEALTHCHECK" })
	if known || len(test) == 0 {
		return
	}
	args := strings.TrimPrefix(strings.TrimPrefix(strings.Join(test, " "), "CMD-SHELL "), "CMD ")
	if test[0] != "NONE" {
		args = "CMD " + args
	}
	d.instructions = append(d.instructions, instruction{name: "HEALTHCHECK", args: args})
}

func buildInstruction(v values) (check, error) {
	name, op, value := v.text("instruction"), v.text("check"), v.text("value")
	if op == "exists" || op == "not_exists" {
		return ask(instructionExists)(v)
	}
	if strings.TrimSpace(value) == "" {
		return nil, fmt.Errorf("parameter value is missing, which check %s needs", op)
	}
	holds, err := textComparison(op, value)
	if err != nil {
		return nil, fmt.Errorf("parameter value: %s %w", quote(value), err)
	}
	return func(s *scene, out *outcome) {
		d, ok := s.dockerfile(v, out)
		if !ok {
			return
		}
		for _, i := range d.named(name) {
			if holds(i.args) {
				out.firef("Dockerfile directive '%s' check '%s' matched against '%s' for line '%s'", name, op, value, i.args)
			}
		}
	}, nil
}

func textComparison(op, value string) (func(string) bool, error) {
	switch op {
	case "=":
		return func(s string) bool { return s == value }, nil
	case "!=":
		return func(s string) bool { return s != value }, nil
	case "like", "not_like":
		p, err := readPattern(value)
		return func(s string) bool { return p.match(s) == (op == "like") }, err
	}
	list, err := readList(value)
	return func(s string) bool { return slices.Contains(list, s) == (op == "in") }, err
}

func instructionExists(v values, s *scene, out *outcome) {
	d, ok := s.dockerfile(v, out)
	if !ok {
		return
	}
	name, op := v.text("instruction"), v.text("check")
	found := d.named(name)
	if op == "not_exists" {
		if len(found) == 0 {
			out.firef("Dockerfile directive '%s' not found, matching condition '%s' check", name, op)
		}
		return
	}
	for _, i := range found {
		out.firef("Dockerfile directive '%s' check '%s' matched against '%s' for line '%s'", name, op, v.text("value"), i.args)
	}
}

func effectiveUser(v values, s *scene, out *outcome) {
	user := s.Evidence.Facts.User
	if user == "" {
		d, ok := s.dockerfile(v, out)
		if !ok {
			return
		}
		user = d.user()
	}
	listed := slices.ContainsFunc(v.list("users"), func(u string) bool {
		name, _, _ := strings.Cut(user, ":")
		return u == user || sameUser(u, name)
	})
	switch {
	case !listed && v.text("type") == "allowlist":
		out.firef("User %s found as effective user, which is not on the allowed list", user)
	case listed && v.text("type") == "denylist":
		out.firef("User %s found as effective user, which is explicity not allowed list", user)
	}
}

func sameUser(a, b string) bool {
	root := func(s string) bool { return s == "root" || s == "0" }
	return a == b || (root(a) && root(b))
}

func exposedPorts(v values, s *scene, out *outcome) {
	d, ok := s.dockerfile(v, out)
	if !ok {
		return
	}
	listed, any := v.integers("ports"), slices.Contains(v.integers("ports"), 0)
	for _, p := range portsOf(s.Evidence.Facts.ExposedPorts, d.exposed()) {
		isListed := any || slices.ContainsFunc(listed, p.has)
		switch {
		case isListed && v.text("type") == "denylist":
			out.firef("Dockerfile exposes port (%s) which is in policy file DENIEDPORTS list", p)
		case !isListed && v.text("type") == "allowlist":
			out.firef("Dockerfile exposes port (%s) which is not in policy file ALLOWEDPORTS list", p)
		}
	}
}
