package vulndbtest

import "strings"

// distributed is a vulnerability of a distribution's packages.
type distributed struct {
	ID        string
	Distro    string // as in "debian:12"
	Severity  string
	Published string
	Summary   string
	Packages  []struct {
		Name     string
		Fix      string
		Date     string
		Advisory string
		WontFix  bool
	}
}

func (r distributed) key() string {
	return strings.ToLower(strings.ReplaceAll(r.Distro, ":", "@") + "/" + r.ID)
}

func (r distributed) item() object {
	family, _, _ := strings.Cut(r.Distro, ":")
	format := map[string]string{"debian": "dpkg", "alpine": "apk", "rhel": "rpm"}[family]
	var fixes []object
	for _, p := range r.Packages {
		version := p.Fix
		if version == "" {
			version = "None"
		}
		advisories := []object{}
		if p.Advisory != "" {
			advisories = append(advisories, object{"ID": p.Advisory, "Link": advisoryURL(family, p.Advisory)})
		}
		fix := object{
			"Name": p.Name, "NamespaceName": r.Distro, "Version": version, "VersionFormat": format,
			"VendorAdvisory": object{"AdvisorySummary": advisories, "NoAdvisory": p.WontFix},
		}
		if p.Date != "" {
			fix["Available"] = object{"Date": p.Date, "Kind": "advisory"}
		}
		fixes = append(fixes, fix)
	}
	return object{"Vulnerability": object{
		"Name": r.ID, "NamespaceName": r.Distro, "Severity": r.Severity, "Description": r.Summary,
		"Link": recordURL(family, r.ID), "CVSS": []object{}, "FixedIn": fixes,
		"Metadata": object{"Issued": r.Published},
	}}
}

func recordURL(family, id string) string {
	switch family {
	case "alpine":
		return "https://security.alpinelinux.org/vuln/" + id
	case "rhel":
		return "https://access.redhat.com/security/cve/" + id
	}
	return "https://security-tracker.debian.org/tracker/" + id
}

func advisoryURL(family, id string) string {
	if family == "rhel" {
		return "https://access.redhat.com/errata/" + id
	}
	return "https://security-tracker.debian.org/tracker/" + id
}

// advisory is a vulnerability of packages of a language.
type advisory struct {
	ID        string
	CVE       string
	Ecosystem string // npm, pip, rubygems, java, go
	Severity  string
	CVSS      string // vector
	Published string
	Summary   string
	Affected  []struct{ Name, Range, Fix, Date string }
}

func (r advisory) key() string { return strings.ToLower(r.ID) }

func (r advisory) item() object {
	cves := []string{}
	if r.CVE != "" {
		cves = append(cves, r.CVE)
	}
	var affected []object
	for _, a := range r.Affected {
		fix := object{
			"name": a.Name, "identifier": a.Fix, "ecosystem": r.Ecosystem,
			"namespace": "github:" + r.Ecosystem, "range": a.Range,
		}
		if a.Date != "" {
			fix["available"] = object{"date": a.Date, "kind": "release"}
		}
		affected = append(affected, fix)
	}
	item := object{
		"ghsaId": r.ID, "Severity": r.Severity, "Summary": r.Summary, "published": r.Published + "T00:00:00Z",
		"namespace": "github:" + r.Ecosystem, "CVE": cves, "Metadata": object{"CVE": cves}, "FixedIn": affected,
	}
	if strings.HasPrefix(r.ID, "GHSA-") {
		item["url"] = "https://github.com/advisories/" + r.ID
	}
	if r.CVSS != "" {
		item["cvss_severities"] = []object{{"vector": r.CVSS, "version": "3.1"}}
	}
	return object{"Advisory": item}
}

// program is a vulnerability of programs that are known by CPE.
type program struct {
	ID        string
	Published string
	Summary   string
	CVSS      string // vector
	Score     float64
	CWEs      []string
	CPEs      []struct{ CPE, From, Before string }
}

func (r program) key() string { return strings.ToLower(r.ID) }

func (r program) item() object {
	var matches []object
	for _, c := range r.CPEs {
		match := object{"criteria": c.CPE, "vulnerable": true, "versionEndExcluding": c.Before, "matchCriteriaId": r.ID}
		if c.From != "" {
			match["versionStartIncluding"] = c.From
		}
		matches = append(matches, match)
	}
	var weaknesses []object
	for _, cwe := range r.CWEs {
		weaknesses = append(weaknesses, object{"source": "nvd@nist.gov", "type": "Primary", "description": []object{{"lang": "en", "value": cwe}}})
	}
	return object{"cve": object{
		"id": r.ID, "published": r.Published + "T00:00:00.000", "lastModified": r.Published + "T00:00:00.000",
		"vulnStatus":   "Analyzed",
		"descriptions": []object{{"lang": "en", "value": r.Summary}},
		"references":   []object{},
		"weaknesses":   weaknesses,
		"metrics": object{"cvssMetricV31": []object{{
			"source": "nvd@nist.gov", "type": "Primary",
			"cvssData": object{"version": "3.1", "vectorString": r.CVSS, "baseScore": r.Score},
		}}},
		"configurations": []object{{"nodes": []object{{"operator": "OR", "negate": false, "cpeMatch": matches}}}},
	}}
}
