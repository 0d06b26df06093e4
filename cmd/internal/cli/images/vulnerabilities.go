package images

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/table"
	"github.com/tidepole/tidepole/formats/wire"
)

var vulnerabilityFormats = []string{output.Text, output.JSON, output.JSONRaw, output.CSV}

// vulnerabilityTypes are what -t chooses from.
var vulnerabilityTypes = []string{"all", "os", "non-os"}

type vulnerabilityOptions struct {
	types  bool
	filter wire.VulnerabilityFilter
}

func vulnerabilities(e *env.Env) *cobra.Command {
	var o vulnerabilityOptions
	cmd := &cobra.Command{
		Use: "vulnerabilities IMAGE", Aliases: []string{"vulns", "vuln"}, Short: "Show the known vulnerabilities of an image's packages",
		Args: cobra.MaximumNArgs(1),
		Example: `  tidepole image vulnerabilities shop/web:1.4
  tidepole image vulnerabilities shop/web:1.4 -t non-os -o csv`,
		RunE: func(cmd *cobra.Command, args []string) error { return runVulnerabilities(cmd.Context(), e, o, args) },
	}
	fs := cmd.Flags()
	fs.BoolVarP(&o.types, "available-types", "a", false, "show which types there are")
	fs.StringVarP(&o.filter.Type, "type", "t", "all", "all, os or non-os")
	fs.BoolVarP(&o.filter.Refresh, "refresh", "r", false, "match anew even if nothing has changed")
	fs.BoolVar(&o.filter.Descriptions, "include-description", false, "show descriptions (JSON and CSV)")
	fs.BoolVar(&o.filter.VendorOnly, "vendor-only", true, "leave out what the vendor says it will not fix")
	for _, flag := range []string{"type", "refresh", "include-description", "vendor-only"} {
		config.Key(fs, flag, "image.vulnerabilities."+flag)
	}
	output.Flag(cmd, &e.Global.Format, vulnerabilityFormats...)
	return cmd
}

func runVulnerabilities(ctx context.Context, e *env.Env, o vulnerabilityOptions, args []string) error {
	format, err := output.Choose(e.Global.Format, vulnerabilityFormats...)
	if err != nil {
		return err
	}
	if o.types {
		return showTypes(e, format, vulnerabilityTypes)
	}
	if len(args) == 0 {
		return fault.New(fault.Invalid, "no image is named").WithHint("tidepole image vulnerabilities IMAGE")
	}
	if !slices.Contains(vulnerabilityTypes, o.filter.Type) {
		return fault.New(fault.Invalid, "unknown type %q of vulnerabilities", o.filter.Type).WithHint("types are all, os, non-os")
	}
	c, err := remote.Connect(e, nil)
	if err != nil {
		return err
	}
	found, err := remote.Find(ctx, e, c, args[0])
	if err != nil {
		return err
	}
	v, err := c.Vulnerabilities(ctx, found.Digest, o.filter)
	if err != nil {
		return err
	}
	return showVulnerabilities(e, format, o.filter, v)
}

func showVulnerabilities(e *env.Env, format string, f wire.VulnerabilityFilter, v wire.Vulnerabilities) error {
	if v.Database.Present { // without one the result says why there is nothing
		for _, note := range v.Notes {
			e.Say("note: %s", note)
		}
	}
	switch format {
	case output.JSON, output.JSONRaw:
		return output.WriteJSON(e.Out, format, v)
	case output.CSV:
		sayDatabase(e, v.Database)
		return vulnerabilityRows(v.Items, f.Descriptions, true).CSV(e.Out)
	}
	if !v.Database.Present {
		return noDatabase(e, v.Database)
	}
	sayDatabase(e, v.Database)
	if len(v.Items) == 0 {
		e.Say("no vulnerabilities found")
		return nil
	}
	return vulnerabilityRows(v.Items, false, false).Write(e.Out, e.Out.Columns())
}

// noDatabase says that nothing is known, where "none" would be a lie.
func noDatabase(e *env.Env, db report.Database) error {
	_, err := fmt.Fprintln(e.Out, "no vulnerability database: nothing is known of this image's vulnerabilities")
	if !strings.HasPrefix(db.Error, "no vulnerability database") {
		sayDatabase(e, db)
	}
	e.Say("hint: tidepole vulndb update fetches one, tidepole vulndb import FILE brings one in")
	return err
}

// sayDatabase tells which database a result rests on.
func sayDatabase(e *env.Env, db report.Database) { e.Say("database: %s", databaseText(e, db)) }

// databaseText is a database's identity and age, as far as they are known.
func databaseText(e *env.Env, db report.Database) string {
	if !db.Present {
		if db.Error != "" {
			return "none: " + db.Error
		}
		return "none"
	}
	text := db.SchemaVersion
	if !db.Built.IsZero() {
		text += fmt.Sprintf(" built %s (%s old)", output.Time(db.Built), output.Span(e.Now().Sub(db.Built)))
	}
	if db.Digest != "" {
		text += ", " + db.Digest
	}
	return strings.TrimLeft(text, ", ")
}

var severities = map[string]int{"Critical": 0, "High": 1, "Medium": 2, "Low": 3, "Negligible": 4, "Unknown": 5}

func vulnerabilityRows(items []wire.Vulnerability, description, wide bool) *table.Table {
	items = slices.Clone(items)
	slices.SortStableFunc(items, func(a, b wire.Vulnerability) int {
		return cmp.Or(
			cmp.Compare(severities[a.Severity], severities[b.Severity]),
			cmp.Compare(b.Risk, a.Risk), cmp.Compare(a.ID, b.ID), cmp.Compare(a.PackageName, b.PackageName),
			cmp.Compare(a.PackageVersion, b.PackageVersion), cmp.Compare(a.PackagePath, b.PackagePath))
	})
	columns := []table.Column{{Name: "ID"}, {Name: "Severity"}, {Name: "Package", Shrink: true}, {Name: "Version", Shrink: true},
		{Name: "Type", Drop: 3}, {Name: "Fix", Shrink: true}, {Name: "KEV", Drop: 1}, {Name: "Risk", Right: true, Drop: 2}}
	if wide {
		columns = append(columns, table.Column{Name: "Path"}, table.Column{Name: "Feed Group"}, table.Column{Name: "Will Not Fix"}, table.Column{Name: "URL"})
	}
	if description {
		columns = append(columns, table.Column{Name: "Description"})
	}
	t := table.New(columns...)
	for _, v := range items {
		row := []string{v.ID, v.Severity, v.PackageName, v.PackageVersion, v.PackageType, v.Fix, yes(v.Exploited), fmt.Sprintf("%.1f", v.Risk)}
		if wide {
			row = append(row, v.PackagePath, v.FeedGroup, fmt.Sprint(v.WillNotFix), v.URL)
		}
		if description {
			row = append(row, v.Description)
		}
		t.Row(row...)
	}
	return t
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
