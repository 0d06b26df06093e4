package policy

var alwaysGate = Gate{
	Name:        "always",
	Description: "Fires whatever the image, to try out mappings and allowlists.",
	Triggers: []Trigger{{
		Name:        "always",
		Description: "Fires once. Its trigger id is \"always\".",
		build: ask(func(_ values, _ *scene, out *outcome) {
			out.fireAs("always", "Unconditional trigger match, for testing purposes")
		}),
	}},
}
