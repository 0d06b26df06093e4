package engine

import (
	"github.com/tidepole/tidepole/analysis/policy"
	"github.com/tidepole/tidepole/formats/wire"
)

// policySpec describes the gates to the clients of a server.
func policySpec() []wire.GateSpec {
	all := []wire.GateSpec{}
	for _, g := range policy.Gates() {
		spec := wire.GateSpec{
			Name: g.Name, Description: g.Description, Artifact: "image", State: state(g.Retired),
			SupersededBy: unless(g.Instead), Triggers: []wire.TriggerSpec{},
		}
		for _, t := range g.Triggers {
			trigger := wire.TriggerSpec{
				Name: t.Name, Description: t.Description, State: state(t.Retired), Parameters: []wire.ParameterSpec{},
			}
			for _, p := range t.Parameters {
				trigger.Parameters = append(trigger.Parameters, parameterSpec(p))
			}
			spec.Triggers = append(spec.Triggers, trigger)
		}
		all = append(all, spec)
	}
	return all
}

func parameterSpec(p policy.Parameter) wire.ParameterSpec {
	validator := map[string]any{"kind": p.Kind.String()}
	if len(p.Choices) > 0 {
		validator["choices"] = p.Choices
	}
	if p.Default != "" {
		validator["default"] = p.Default
	}
	return wire.ParameterSpec{
		Name: p.Name, Description: p.Description, Example: unless(p.Example), Required: p.Required,
		State: state(false), Validator: validator,
	}
}

func state(retired bool) string {
	if retired {
		return "eol"
	}
	return "active"
}

// unless is a text, or null where it is empty.
func unless(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
