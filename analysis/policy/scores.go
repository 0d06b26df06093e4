package policy

import (
	"strconv"
	"strings"

	"github.com/tidepole/tidepole/formats/report"
)

// score is a number of a vulnerability that rules compare.
type score struct {
	name string // of the parameter; its comparison has "_comparison" behind it
	help string
	of   func(report.Vulnerability) float64 // -1 where unknown
}

var scores = []score{
	{"cvss_v3_base_score", "NVD's CVSS v3 base score", cvss(false, baseScore)},
	{"cvss_v3_exploitability_score", "NVD's CVSS v3 exploitability score", cvss(false, exploitabilityScore)},
	{"cvss_v3_impact_score", "NVD's CVSS v3 impact score", cvss(false, impactScore)},
	{"vendor_cvss_v3_base_score", "the vendor's CVSS v3 base score", cvss(true, baseScore)},
	{"vendor_cvss_v3_exploitability_score", "the vendor's CVSS v3 exploitability score", cvss(true, exploitabilityScore)},
	{"vendor_cvss_v3_impact_score", "the vendor's CVSS v3 impact score", cvss(true, impactScore)},
	{"epss_score", "the EPSS score, from 0 to 1", func(v report.Vulnerability) float64 {
		return highest(v.EPSS, func(e report.EPSS) float64 { return e.Score })
	}},
	{"epss_percentile", "the EPSS percentile, from 0 to 1", func(v report.Vulnerability) float64 {
		return highest(v.EPSS, func(e report.EPSS) float64 { return e.Percentile })
	}},
}

func scoreParameters() []Parameter {
	var list []Parameter
	for _, s := range scores {
		list = append(list,
			Parameter{Name: s.name, Kind: Number, Description: "Compares " + s.help + "; one that is not known is -1.", Example: "5.0"},
			Parameter{Name: s.name + "_comparison", Kind: Choice, Choices: comparisons, Default: ">=", Description: "How that score must compare."})
	}
	return list
}

// demand is a score that a rule asks for.
type demand struct {
	score
	op    string
	value float64
}

type demands []demand

func scoresOf(v values) demands {
	var list demands
	for _, s := range scores {
		if v.has(s.name) {
			list = append(list, demand{s, v.text(s.name + "_comparison"), v.number(s.name)})
		}
	}
	return list
}

// hold tells whether all demands are met, and by which scores.
func (d demands) hold(v report.Vulnerability) (told string, ok bool) {
	var met []string
	for _, want := range d {
		have := want.of(v)
		if !holds(want.op, compareNumbers(have, want.value)) {
			return "", false
		}
		met = append(met, want.name+"="+strconv.FormatFloat(have, 'f', -1, 64))
	}
	if len(met) == 0 {
		return "", true
	}
	return "(" + strings.Join(met, " ") + ")", true
}

func baseScore(c report.CVSS) float64           { return c.Base }
func exploitabilityScore(c report.CVSS) float64 { return c.Exploitability }
func impactScore(c report.CVSS) float64         { return c.Impact }

// cvss is the highest CVSS v3 score of a vulnerability, as NVD or as its vendor
// gives it.
func cvss(vendor bool, part func(report.CVSS) float64) func(report.Vulnerability) float64 {
	return func(v report.Vulnerability) float64 {
		most := -1.0
		if isNVD(v.Namespace) != vendor {
			most = highest(v.CVSS, version3(part))
		}
		for _, r := range v.Related {
			if isNVD(r.Namespace) != vendor {
				most = max(most, highest(r.CVSS, version3(part)))
			}
		}
		return most
	}
}

func version3(part func(report.CVSS) float64) func(report.CVSS) float64 {
	return func(c report.CVSS) float64 {
		if !strings.HasPrefix(c.Version, "3") {
			return -1
		}
		return part(c)
	}
}

func isNVD(namespace string) bool { return strings.HasPrefix(namespace, "nvd") }

func highest[T any](list []T, of func(T) float64) float64 {
	most := -1.0
	for _, item := range list {
		most = max(most, of(item))
	}
	return most
}
