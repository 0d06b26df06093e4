package policy

var npmsGate = Gate{
	Name:        "npms",
	Description: "Packages of npm. What needed a feed of all packages of an ecosystem is retired; the gate packages denies packages of every kind.",
	Triggers: append(feedTriggers("newer_version_in_feed", "unknown_in_feeds", "version_not_in_feeds"),
		denyPackage("denylisted_name_version", "blacklisted_name_version", "npm", "NPM")),
}

var rubyGemsGate = Gate{
	Name:        "ruby_gems",
	Description: "Packages of RubyGems. What needed a feed of all packages of an ecosystem is retired; the gate packages denies packages of every kind.",
	Triggers: append(feedTriggers("newer_version_found_in_feed", "not_found_in_feed", "version_not_found_in_feed"),
		denyPackage("denylist", "blacklist", "gem", "GEM")),
}

func feedTriggers(names ...string) []Trigger {
	var list []Trigger
	for _, n := range append(names, "feed_data_unavailable") {
		list = append(list, Trigger{Name: n, Retired: true, Description: "Retired: never fires."})
	}
	return list
}

// denyPackage is the trigger that denies a package of one kind, or of any
// where kind is empty.
func denyPackage(name, alias, kind, label string) Trigger {
	return Trigger{
		Name:        name,
		Aliases:     []string{alias},
		Description: "Fires if the image has the package, in the version if one is given.",
		Parameters: []Parameter{
			{Name: "name", Required: true, Description: "The package's name.", Example: "openssh-server"},
			{Name: "version", Description: "The version, exactly.", Example: "1.0.1"},
		},
		build: ask(func(v values, s *scene, out *outcome) {
			s.absent(Packages, out)
			for _, p := range s.Evidence.packages {
				if p.name != v.text("name") || (kind != "" && p.kind != kind) {
					continue
				}
				if !v.has("version") {
					out.firef("%s is denylisted: %s", label, p.name)
				} else if p.version == v.text("version") {
					out.firef("%s is denylisted: %s-%s", label, p.name, p.version)
				}
			}
		}),
	}
}
