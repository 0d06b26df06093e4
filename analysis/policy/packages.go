package policy

var packagesGate = Gate{
	Name:        "packages",
	Description: "The packages of the image, of every kind.",
	files:       true,
	Triggers: []Trigger{
		{
			Name:        "required_package",
			Description: "Fires if the image lacks the package, or has it in the wrong version.",
			Parameters: []Parameter{
				{Name: "name", Required: true, Description: "The package's name.", Example: "libssl"},
				{Name: "version", Description: "The version it must have.", Example: "1.10.3rc3"},
				{Name: "version_match_type", Kind: Choice, Choices: []string{"exact", "minimum"}, Default: "exact", Description: "Whether version is the only one or the lowest one. Versions are ordered as the package's kind orders them."},
			},
			build: ask(requirePackage),
		},
		verifyTrigger,
		denyPackage("denylist", "blacklist", "", "Package"),
	},
}

// requirePackage is content if any package of the name is as required.
func requirePackage(v values, s *scene, out *outcome) {
	name, version, minimum := v.text("name"), v.text("version"), v.text("version_match_type") == "minimum"
	var wrong []pkg
	for _, p := range s.Evidence.packages {
		if p.name != name {
			continue
		}
		if version == "" || p.version == version {
			return
		}
		if minimum {
			order, err := compareVersions(p.kind, p.version, version)
			if err != nil {
				out.missf("%s is present in version %s, which cannot be compared with %s: %v", quote(name), quote(p.version), quote(version), err)
				return
			}
			if order >= 0 {
				return
			}
		}
		wrong = append(wrong, p)
	}
	if len(wrong) == 0 && s.absent(Packages, out) {
		return
	}
	switch {
	case len(wrong) > 0 && minimum:
		out.firef("Required min-version input package (%s) is present (%s), but is lower version than what is specified in policy (%s)", name, wrong[0].version, version)
	case len(wrong) > 0:
		out.firef("Required input package (%s) is present (%s), but not at the version specified in policy (%s)", name, wrong[0].version, version)
	case version != "":
		out.firef("Required input package (%s,%s) is not present in container image", name, version)
	default:
		out.firef("Required input package (%s) is not present in container image", name)
	}
}
