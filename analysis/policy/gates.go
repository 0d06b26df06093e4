package policy

import (
	"slices"
	"strings"
)

// Gate is a family of checks, named as policies name it.
type Gate struct {
	Name        string
	Description string
	Retired     bool   // understood for old policies' sake; never fires
	Instead     string // the gate to use where Retired
	Triggers    []Trigger

	files bool // some of its triggers look at the image's files
}

// Trigger is one check. A rule names it, gives its parameters, and says what
// happens when it fires.
type Trigger struct {
	Name        string
	Aliases     []string // what older policies call it
	Description string
	Retired     bool // understood for old policies' sake; never fires
	Parameters  []Parameter

	build func(v values) (check, error) // reads what parameters say together; nil where retired
}

// check looks at an image for what its rule describes.
type check func(s *scene, out *outcome)

// gates is the one list of gates; help and documentation are printed from it.
var gates = []Gate{
	alwaysGate,
	dockerfileGate,
	filesGate,
	licensesGate,
	malwareGate,
	metadataGate,
	npmsGate,
	packagesGate,
	passwdGate,
	retrievedFilesGate,
	rubyGemsGate,
	secretScansGate,
	vulnerabilitiesGate,
}

// Gates are the gates in use and, after them, the retired ones.
func Gates() []Gate { return slices.Concat(gates, retiredGates) }

// gateNamed is the gate of that name, whatever its case.
func gateNamed(name string) (Gate, bool) {
	for _, list := range [][]Gate{gates, retiredGates} {
		for _, g := range list {
			if strings.EqualFold(g.Name, name) {
				return g, true
			}
		}
	}
	return Gate{}, false
}

// trigger is the gate's trigger of that name or alias, whatever its case.
func (g Gate) trigger(name string) (Trigger, bool) {
	for _, t := range g.Triggers {
		if strings.EqualFold(t.Name, name) {
			return t, true
		}
		for _, a := range t.Aliases {
			if strings.EqualFold(a, name) {
				return t, true
			}
		}
	}
	return Trigger{}, false
}

// triggerNames is for the message that a name is unknown.
func (g Gate) triggerNames() string {
	var names []string
	for _, t := range g.Triggers {
		names = append(names, t.Name)
	}
	return strings.Join(names, ", ")
}

// gateNames is for the message that a name is unknown.
func gateNames() string {
	var names []string
	for _, g := range gates {
		names = append(names, g.Name)
	}
	return strings.Join(names, ", ")
}
