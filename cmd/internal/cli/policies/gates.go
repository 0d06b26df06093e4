package policies

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/analysis/policy"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/table"
)

var gateFormats = []string{output.Text, output.JSON, output.CSV}

func gates(e *env.Env) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "gates [GATE]", Short: "Show what a policy's rules may be about", Args: cobra.MaximumNArgs(1),
		Long: "Show the gates, their triggers and the parameters that rules may give them;\nparameters with a * are required.",
		RunE: func(_ *cobra.Command, args []string) error { return runGates(e, all, args) },
	}
	cmd.Flags().BoolVar(&all, "retired", false, "show the gates and triggers too that old policies name and that never fire")
	config.Key(cmd.Flags(), "retired", "policy.gates.retired")
	output.Flag(cmd, &e.Global.Format, gateFormats...)
	return cmd
}

// gate, trigger and parameter are the rows of the policy package as JSON has them.
type gate struct {
	Name        string    `json:"name"`
	Description string    `json:"description"`
	Retired     bool      `json:"retired,omitempty"`
	Triggers    []trigger `json:"triggers"`
}

type trigger struct {
	Name        string      `json:"name"`
	Description string      `json:"description"`
	Retired     bool        `json:"retired,omitempty"`
	Parameters  []parameter `json:"parameters"`
}

type parameter struct {
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Type        string   `json:"type"`
	Required    bool     `json:"required"`
	Default     string   `json:"default,omitempty"`
	Example     string   `json:"example,omitempty"`
	Choices     []string `json:"choices,omitempty"`
}

func runGates(e *env.Env, all bool, args []string) error {
	format, err := output.Choose(e.Global.Format, gateFormats...)
	if err != nil {
		return err
	}
	var chosen []gate
	for _, g := range engine.Gates() {
		if (len(args) == 0 && (all || !g.Retired)) || (len(args) > 0 && strings.EqualFold(args[0], g.Name)) {
			chosen = append(chosen, gateOf(g, all))
		}
	}
	if len(chosen) == 0 {
		return fault.New(fault.NotFound, "there is no gate %q", args[0]).WithHint("tidepole policy gates shows them all")
	}
	switch format {
	case output.JSON:
		return output.WriteJSON(e.Out, format, chosen)
	case output.CSV:
		return gateRows(chosen).CSV(e.Out)
	}
	return gateText(e.Out, e.Out.Columns(), chosen)
}

// gateOf leaves out the retired triggers of a gate that is not, unless all are asked for.
func gateOf(g policy.Gate, all bool) gate {
	out := gate{Name: g.Name, Description: g.Description, Retired: g.Retired, Triggers: []trigger{}}
	for _, t := range g.Triggers {
		if t.Retired && !g.Retired && !all {
			continue
		}
		row := trigger{Name: t.Name, Description: t.Description, Retired: t.Retired, Parameters: []parameter{}}
		for _, p := range t.Parameters {
			row.Parameters = append(row.Parameters, parameter{p.Name, p.Description, p.Kind.String(), p.Required, p.Default, p.Example, p.Choices})
		}
		out.Triggers = append(out.Triggers, row)
	}
	return out
}

func gateRows(gates []gate) *table.Table {
	t := table.New(table.Column{Name: "Gate"}, table.Column{Name: "Trigger"},
		table.Column{Name: "Parameters", Shrink: true}, table.Column{Name: "Description", Shrink: true})
	for _, g := range gates {
		if len(g.Triggers) == 0 {
			t.Row(g.Name, "", "", g.Description)
		}
		for _, tr := range g.Triggers {
			var names []string
			for _, p := range tr.Parameters {
				name := p.Name
				if p.Required {
					name += "*"
				}
				names = append(names, name)
			}
			t.Row(g.Name, tr.Name, strings.Join(names, " "), tr.Description)
		}
	}
	return t
}
