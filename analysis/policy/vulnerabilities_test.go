package policy_test

import (
	"testing"
	"time"

	"github.com/tidepole/tidepole/formats/report"
)

// database is one that was built a day ago.
var database = report.Database{Present: true, Built: now.Add(-24 * time.Hour)}

func daysAgo(n int) time.Time { return now.AddDate(0, 0, -n) }

func vulnerabilityOf(id, severity, kind, name string, paths ...string) report.Vulnerability {
	return report.Vulnerability{
		ID: id, Severity: severity, Namespace: "debian:distro:debian:12", DataSource: "https://example.test/" + id,
		Package: report.Package{ID: kind + "-" + name, Name: name, Version: "1", Type: kind, Paths: paths},
	}
}

func matched(list ...report.Vulnerability) fixture {
	return fixture{matches: report.Matches{Database: database, Vulnerabilities: list}}
}

func change(v report.Vulnerability, f func(*report.Vulnerability)) report.Vulnerability {
	f(&v)
	return v
}

const noDatabase = "there is no vulnerability database: vulnerabilities were not looked for"

func TestVulnerablePackage(t *testing.T) {
	openssl := change(vulnerabilityOf("CVE-1", "High", "deb", "openssl"), func(v *report.Vulnerability) {
		v.FixVersions, v.FixState, v.FixObserved, v.Published = []string{"2", "3"}, "fixed", daysAgo(10), daysAgo(30)
		v.Related = []report.Related{{ID: "CVE-1", Namespace: "nvd:cpe", CVSS: []report.CVSS{{Version: "2.0", Base: 9.9}, {Version: "3.1", Base: 7.5, Exploitability: 3.9, Impact: -1}}}}
		v.EPSS = []report.EPSS{{Score: 0.4, Percentile: 0.97}}
	})
	bash := change(vulnerabilityOf("CVE-2", "Medium", "rpm", "bash"), func(v *report.Vulnerability) {
		v.FixState, v.DataSource, v.URLs = "wont-fix", "", nil
		v.CVSS = []report.CVSS{{Version: "3.0", Base: 5.5, Exploitability: 1, Impact: 2}}
	})
	lodash := vulnerabilityOf("GHSA-3", "Critical", "npm", "lodash", "/app/node_modules/lodash/package.json")
	jackson := vulnerabilityOf("GHSA-4", "", "java-archive", "jackson-databind", "/app/cli.jar")
	all := matched(openssl, bash, lodash, jackson)
	all.packages = []object{with(packageOf("java-archive", "jackson-databind", "1"), object{"virtualPath": "/app/cli.jar:jackson-databind"})}

	const (
		opensslMessage = "HIGH Vulnerability found in os package type (dpkg) - openssl (fixed in: 2, 3)(CVE-1 - https://example.test/CVE-1)"
		bashMessage    = "MEDIUM Vulnerability found in os package type (rpm) - bash (CVE-2 - None)"
		lodashMessage  = "CRITICAL Vulnerability found in non-os package type (npm) - /app/node_modules/lodash/package.json (GHSA-3 - https://example.test/GHSA-3)"
		jacksonMessage = "UNKNOWN Vulnerability found in non-os package type (java) - /app/cli.jar:jackson-databind (GHSA-4 - https://example.test/GHSA-4)"
	)
	const trigger = "vulnerabilities/package"
	params := func(more ...string) []string { return append([]string{"package_type", "all"}, more...) }
	run(t, []example{
		{
			name: "by default all above unknown that the vendor will fix", trigger: trigger, image: all, params: params(),
			fires: []string{opensslMessage, lodashMessage}, ids: []string{"CVE-1+openssl", "GHSA-3+lodash"},
		},
		{
			name: "everything", trigger: trigger, image: all, params: params("severity_comparison", ">=", "vendor_only", "false"),
			fires: []string{opensslMessage, bashMessage, lodashMessage, jacksonMessage},
			ids:   []string{"CVE-1+openssl", "CVE-2+bash", "GHSA-3+lodash", "GHSA-4+cli.jar:jackson-databind"},
		},
		{name: "of the operating system", trigger: trigger, image: all, params: []string{"package_type", "OS"}, fires: []string{opensslMessage}},
		{name: "of others", trigger: trigger, image: all, params: []string{"package_type", "non-os"}, fires: []string{lodashMessage}},
		{name: "one severity", trigger: trigger, image: all, params: params("severity_comparison", "=", "severity", "High"), fires: []string{opensslMessage}},
		{name: "below", trigger: trigger, image: all, params: params("severity_comparison", "<", "severity", "high", "vendor_only", "false"), fires: []string{bashMessage, jacksonMessage}},
		{name: "with a fix", trigger: trigger, image: all, params: params("fix_available", "true"), fires: []string{opensslMessage}},
		{name: "without a fix", trigger: trigger, image: all, params: params("fix_available", "false"), fires: []string{lodashMessage}},
		{name: "fixed long enough", trigger: trigger, image: all, params: params("fix_available", "true", "max_days_since_fix", "10"), fires: []string{opensslMessage}},
		{name: "fixed too lately", trigger: trigger, image: all, params: params("fix_available", "true", "max_days_since_fix", "11")},
		{name: "the days of a fix count only with one", trigger: trigger, image: all, params: params("max_days_since_fix", "11"), fires: []string{opensslMessage, lodashMessage}},
		{name: "published long enough, or who knows when", trigger: trigger, image: all, params: params("max_days_since_creation", "30"), fires: []string{opensslMessage, lodashMessage}},
		{name: "published too lately", trigger: trigger, image: all, params: params("max_days_since_creation", "31"), fires: []string{lodashMessage}},
		{
			name: "NVD's score of version 3", trigger: trigger, image: all, params: params("cvss_v3_base_score", "7.5", "severity_comparison", ">="),
			fires: []string{"HIGH Vulnerability found in os package type (dpkg) - openssl (fixed in: 2, 3)(cvss_v3_base_score=7.5)(CVE-1 - https://example.test/CVE-1)"},
		},
		{
			name: "a score that is not known is -1", trigger: trigger, image: matched(openssl), params: params("cvss_v3_impact_score", "-1", "cvss_v3_impact_score_comparison", "="),
			fires: []string{"HIGH Vulnerability found in os package type (dpkg) - openssl (fixed in: 2, 3)(cvss_v3_impact_score=-1)(CVE-1 - https://example.test/CVE-1)"},
		},
		{name: "no score is not above none", trigger: trigger, image: matched(lodash), params: params("cvss_v3_base_score", "0")},
		{
			name: "the vendor's score", trigger: trigger, image: all, params: params("vendor_cvss_v3_base_score", "5", "vendor_only", "false"),
			fires: []string{"MEDIUM Vulnerability found in os package type (rpm) - bash (vendor_cvss_v3_base_score=5.5)(CVE-2 - None)"},
		},
		{
			name: "likely to be exploited", trigger: trigger, image: all, params: params("epss_percentile", "0.9", "epss_score", "0.4", "epss_score_comparison", "="),
			fires: []string{"HIGH Vulnerability found in os package type (dpkg) - openssl (fixed in: 2, 3)(epss_score=0.4 epss_percentile=0.97)(CVE-1 - https://example.test/CVE-1)"},
		},
		{name: "a path left out", trigger: trigger, image: all, params: params("package_path_exclude", ".*/node_modules/.*"), fires: []string{opensslMessage}},
		{name: "paths match from their start", trigger: trigger, image: all, params: params("package_path_exclude", "node_modules"), fires: []string{opensslMessage, lodashMessage}},
		{name: "the same twice", trigger: trigger, image: matched(lodash, lodash), params: params(), fires: []string{lodashMessage}},
		{name: "none", trigger: trigger, image: matched(), params: params()},
		{name: "no database is not none", trigger: trigger, params: params(), lacks: []string{noDatabase}},
		{
			name: "wrong parameters", trigger: trigger, params: []string{"severity", "severe", "cvss_v3_base_score", "NaN", "max_days_since_fix", "-1"},
			invalid: []string{
				`parameter severity: "severe" is none of: unknown, negligible, low, medium, high, critical`,
				`parameter cvss_v3_base_score: "NaN" is not a number`,
				`parameter max_days_since_fix: "-1" is not a whole number from 0 to 2147483647`,
				"parameter package_type is missing",
			},
		},
	})
}

func TestVulnerabilityLists(t *testing.T) {
	log4j := change(vulnerabilityOf("GHSA-5", "Critical", "java-archive", "log4j", "/app.jar"), func(v *report.Vulnerability) {
		v.Exploited, v.Related = true, []report.Related{{ID: "CVE-5", Namespace: "nvd:cpe"}}
	})
	old := change(vulnerabilityOf("CVE-6", "Low", "deb", "tar"), func(v *report.Vulnerability) { v.FixState = "wont-fix" })
	image := matched(log4j, old)
	run(t, []example{
		{
			name: "denied by the id of a related record", trigger: "vulnerabilities/denylist", image: image, params: []string{"vulnerability_ids", "CVE-5,CVE-6,CVE-7"},
			fires: []string{"Denylisted vulnerabilities detected: CVE-5"},
		},
		{
			name: "denied though it will not be fixed", trigger: "vulnerabilities/blacklist", image: image, params: []string{"vulnerability_ids", "cve-6", "vendor_only", "false"},
			fires: []string{"Denylisted vulnerabilities detected: cve-6"},
		},
		{name: "denied, without a database", trigger: "vulnerabilities/denylist", params: []string{"vulnerability_ids", "CVE-5"}, lacks: []string{noDatabase}},
		{
			name: "exploited", trigger: "vulnerabilities/kev_list", image: image,
			fires: []string{"CRITICAL Vulnerability found in non-os package type (java) - /app.jar (known to be exploited)(GHSA-5 - https://example.test/GHSA-5)"},
			ids:   []string{"GHSA-5+app.jar"},
		},
		{name: "exploited, without a database", trigger: "vulnerabilities/kev_list", lacks: []string{noDatabase}},
		{name: "nothing denied", trigger: "vulnerabilities/denylist", invalid: []string{"parameter vulnerability_ids is missing"}},
	})
}

func TestVulnerabilityData(t *testing.T) {
	debian := matched()
	debian.distro, debian.packages = object{"id": "debian", "versionID": "12"}, []object{packageOf("deb", "x", "1")}
	nameless := matched()
	nameless.packages = debian.packages
	unsupported := debian
	unsupported.matches.DistroUnknown = true
	libraries := matched()
	libraries.packages = []object{packageOf("npm", "x", "1")}
	broken := fixture{matches: report.Matches{Database: report.Database{Error: "it is torn"}}}
	const missing = "vulnerabilities of the operating system's packages may be missing"
	const stale = "The vulnerability feed for this image distro is older than MAXAGE (1) days"
	unavailable := func(ns string) []string {
		return []string{"Distro-specific feed data not found for distro namespace: " + ns + ". Cannot perform CVE scan OS/distro packages"}
	}
	days := []string{"max_days_since_sync", "1"}
	older := matched()
	older.matches.Database.Built = daysAgo(2)
	run(t, []example{
		{name: "young enough", trigger: "vulnerabilities/stale_feed_data", image: matched(), params: days},
		{name: "too old", trigger: "vulnerabilities/stale_feed_data", image: older, params: days, fires: []string{stale}},
		{name: "none is too old", trigger: "vulnerabilities/stale_feed_data", params: days, fires: []string{stale}},
		{name: "no age", trigger: "vulnerabilities/stale_feed_data", invalid: []string{"parameter max_days_since_sync is missing"}},
		{name: "available", trigger: "vulnerabilities/vulnerability_data_unavailable", image: debian},
		{name: "nothing that would need it", trigger: "vulnerabilities/vulnerability_data_unavailable", image: libraries},
		{name: "of a distribution without a name", trigger: "vulnerabilities/vulnerability_data_unavailable", image: nameless, fires: unavailable("unknown:unknown")},
		{
			name: "packages of a distribution that is not known", trigger: "vulnerabilities/package", image: unsupported, params: []string{"package_type", "all"},
			lacks: []string{"the vulnerability database has no records of debian 12: " + missing},
		},
		{
			name: "packages of one without a name", trigger: "vulnerabilities/package", image: nameless, params: []string{"package_type", "os"},
			lacks: []string{"the image does not name its distribution: " + missing},
		},
		{name: "other packages need none", trigger: "vulnerabilities/package", image: unsupported, params: []string{"package_type", "non-os"}},
		{name: "exploited ones of such", trigger: "vulnerabilities/kev_list", image: unsupported, lacks: []string{"the vulnerability database has no records of debian 12: " + missing}},
		{
			name: "denied ones of such", trigger: "vulnerabilities/denylist", image: unsupported, params: []string{"vulnerability_ids", "CVE-5"},
			lacks: []string{"the vulnerability database has no records of debian 12: " + missing},
		},
		{name: "of a distribution that is not supported", trigger: "vulnerabilities/vulnerability_data_unavailable", image: unsupported, fires: unavailable("debian:12")},
		{name: "no database", trigger: "vulnerabilities/vulnerability_data_unavailable", fires: unavailable("unknown:unknown")},
		{
			name: "why there is none", trigger: "vulnerabilities/package", image: broken, params: []string{"package_type", "all"},
			lacks: []string{"there is no vulnerability database (it is torn): vulnerabilities were not looked for"},
		},
	})
}
