package vulns_test

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/anchore/syft/syft"
	"github.com/anchore/syft/syft/cataloging"
	"github.com/anchore/syft/syft/cpe"
	"github.com/anchore/syft/syft/file"
	"github.com/anchore/syft/syft/format"
	"github.com/anchore/syft/syft/format/syftjson"
	"github.com/anchore/syft/syft/linux"
	"github.com/anchore/syft/syft/pkg"
	"github.com/anchore/syft/syft/sbom"
	"github.com/anchore/syft/syft/source/directorysource"

	"github.com/tidepole/tidepole/formats/bundle"
)

// A tree is the files of a small image, by path.
type tree map[string]string

var debian = tree{
	"etc/os-release": "ID=debian\nVERSION_ID=\"12\"\nNAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=bookworm\n",
	"var/lib/dpkg/status": status("openssl", "3.0.8-1", "") + status("libssl3", "3.0.8-1", "openssl") +
		status("coreutils", "9.1-1", "") + status("apt", "2.6.1", "") + status("libc6", "2.36-9+deb12u4", "glibc") +
		status("libcurl4", "7.88.1-10+deb12u4", "curl") + status("libnghttp2-14", "1.52.0-1", "nghttp2") +
		status("linux-libc-dev", "6.1.67-1", "linux") + status("python3-jinja2", "2.10-1", "jinja2") +
		status("openssh-client", "9.2p1-2+deb12u5", "openssh"), // newer than the fix 1:9.2p1-2+deb12u3 but for its epoch
	"var/lib/dpkg/info/python3-jinja2.md5sums": "d41d8cd98f00b204e9800998ecf8427e  usr/lib/python3/dist-packages/Jinja2-2.10.egg-info/PKG-INFO\n",
	// The distribution's package owns this one, so it must not be matched as PyPI's.
	"usr/lib/python3/dist-packages/Jinja2-2.10.egg-info/PKG-INFO": metadata("Jinja2", "2.10"),
}

var oldDebian = tree{
	"etc/os-release": "ID=debian\nVERSION_ID=\"11\"\nNAME=\"Debian GNU/Linux\"\nVERSION_CODENAME=bullseye\n",
	"var/lib/dpkg/status": status("openssl", "1.1.1k-1", "") + status("libssl1.1", "1.1.1k-1", "openssl") +
		status("libc6", "2.31-13", "glibc") + status("libcurl4", "7.74.0-1.3", "curl") + status("git", "1:2.30.2-1", "") +
		status("linux-libc-dev", "5.10.46-4", "linux") + status("libxml2", "2.9.10+dfsg-6.7", "") + status("perl-base", "5.32.1-4", "perl"),
}

var alpine = tree{
	"etc/os-release":       "ID=alpine\nVERSION_ID=3.18.4\nNAME=\"Alpine Linux\"\n",
	"lib/apk/db/installed": apk("libcrypto3", "3.1.3-r0", "openssl") + apk("busybox", "1.36.1-r2", "busybox"),
}

var oldAlpine = tree{
	"etc/os-release":       "ID=alpine\nVERSION_ID=3.11.3\nNAME=\"Alpine Linux\"\n",
	"lib/apk/db/installed": apk("libcrypto1.1", "1.1.1d-r0", "openssl") + apk("curl", "7.67.0-r0", "curl") + apk("sqlite-libs", "3.30.1-r1", "sqlite"),
}

var languages = tree{
	"app/node_modules/lodash/package.json":                                      `{"name": "lodash", "version": "4.17.11", "license": "MIT"}`,
	"app/node_modules/minimist/package.json":                                    `{"name": "minimist", "version": "1.2.5", "license": "MIT"}`,
	"app/node_modules/semver/package.json":                                      `{"name": "semver", "version": "6.3.0", "license": "ISC"}`,
	"usr/local/lib/python3.11/site-packages/PyYAML-5.3.1.dist-info/METADATA":    metadata("PyYAML", "5.3.1"),
	"usr/local/lib/python3.11/site-packages/PyYAML-5.3.1.dist-info/RECORD":      "PyYAML-5.3.1.dist-info/METADATA,,\n",
	"usr/local/lib/python3.11/site-packages/Flask-2.2.4.dist-info/METADATA":     metadata("Flask", "2.2.4"),
	"usr/local/lib/python3.11/site-packages/requests-2.31.0.dist-info/METADATA": metadata("requests", "2.31.0"),
	"usr/lib/ruby/gems/3.1.0/specifications/rack-2.2.3.gemspec":                 gemspec("rack", "2.2.3"),
	"usr/lib/ruby/gems/3.1.0/specifications/nokogiri-1.10.0.gemspec":            gemspec("nokogiri", "1.10.0"),
	"opt/log4j-core-2.14.1.jar":                                                 jar("org.apache.logging.log4j", "log4j-core", "2.14.1"),
	"opt/commons-text-1.9.jar":                                                  jar("org.apache.commons", "commons-text", "1.9"),
}

func status(name, version, source string) string {
	if source != "" {
		source = "Source: " + source + "\n"
	}
	return "Package: " + name + "\nStatus: install ok installed\nArchitecture: amd64\n" + source + "Version: " + version + "\nMaintainer: nobody\nDescription: nothing\n\n"
}

func apk(name, version, origin string) string {
	return "P:" + name + "\nV:" + version + "\nA:x86_64\nS:1\nI:1\nT:nothing\nL:MIT\no:" + origin + "\n\n"
}

func metadata(name, version string) string {
	return "Metadata-Version: 2.1\nName: " + name + "\nVersion: " + version + "\nSummary: nothing\n"
}

func gemspec(name, version string) string {
	return "Gem::Specification.new do |s|\n  s.name = \"" + name + "\".freeze\n  s.version = \"" + version + "\"\nend\n"
}

func jar(group, artifact, version string) string {
	var buf bytes.Buffer
	w := zip.NewWriter(&buf)
	for name, content := range map[string]string{
		"META-INF/MANIFEST.MF": "Manifest-Version: 1.0\nImplementation-Title: " + artifact + "\nImplementation-Version: " + version + "\n",
		"META-INF/maven/" + group + "/" + artifact + "/pom.properties": "groupId=" + group + "\nartifactId=" + artifact + "\nversion=" + version + "\n",
	} {
		f, _ := w.Create(name)
		_, _ = f.Write([]byte(content))
	}
	_ = w.Close()
	return buf.String()
}

// catalogue makes the syft document of a tree, as for an image.
func catalogue(t testing.TB, files tree) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		name = filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return catalogueDir(t, dir)
}

// withLicences is a context with what syft would make anew for every document.
var withLicences = sync.OnceValue(func() context.Context {
	ctx, err := syft.SetContextLicenseScanner(context.Background(), cataloging.DefaultLicenseConfig())
	if err != nil {
		panic(err)
	}
	return ctx
})

func catalogueDir(t testing.TB, dir string) []byte {
	t.Helper()
	src, err := directorysource.New(directorysource.Config{Path: dir, Base: dir})
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	cfg := syft.DefaultCreateSBOMConfig().WithCatalogerSelection(cataloging.NewSelectionRequest().WithDefaults("image"))
	s, err := syft.CreateSBOM(withLicences(), src, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return encode(t, *s)
}

var onceDebian struct {
	sync.Mutex
	document []byte
}

// debianDocument is the syft document of the debian tree, made once.
func debianDocument(t testing.TB) []byte {
	onceDebian.Lock()
	defer onceDebian.Unlock()
	if onceDebian.document == nil {
		onceDebian.document = catalogue(t, debian)
	}
	return onceDebian.document
}

func encode(t testing.TB, s sbom.SBOM) []byte {
	t.Helper()
	data, err := format.Encode(s, syftjson.NewFormatEncoder())
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// rpms are the packages of RHEL 9, whose database cannot be written by hand,
// and two modules of Go, whose programs would have to be built with old ones.
func rpms(t testing.TB) []byte {
	t.Helper()
	one, module := 1, "nodejs:12:8010020200101000000:c27ad7f8"
	packages := pkg.NewCollection(
		madeUp(pkg.Package{Name: "openssl", Version: "1:3.0.1-43.el9_0", Type: pkg.RpmPkg, PURL: "pkg:rpm/redhat/openssl@3.0.1-43.el9_0?arch=x86_64&distro=rhel-9.1&epoch=1&upstream=openssl-3.0.1-43.el9_0.src.rpm",
			Metadata: pkg.RpmDBEntry{Name: "openssl", Version: "3.0.1", Release: "43.el9_0", Epoch: &one, Arch: "x86_64", SourceRpm: "openssl-3.0.1-43.el9_0.src.rpm"}}),
		madeUp(pkg.Package{Name: "openssl-libs", Version: "3.0.1-43.el9_0", Type: pkg.RpmPkg, PURL: "pkg:rpm/redhat/openssl-libs@3.0.1-43.el9_0?arch=x86_64&distro=rhel-9.1&upstream=openssl-3.0.1-43.el9_0.src.rpm",
			Metadata: pkg.RpmDBEntry{Name: "openssl-libs", Version: "3.0.1", Release: "43.el9_0", Arch: "x86_64", SourceRpm: "openssl-3.0.1-43.el9_0.src.rpm"}}),
		// Newer than the fix, 1:3.0.1-47.el9_1, if its epoch is taken for the same.
		madeUp(pkg.Package{Name: "openssl-devel", Version: "3.0.7-6.el9_2", Type: pkg.RpmPkg, PURL: "pkg:rpm/redhat/openssl-devel@3.0.7-6.el9_2?arch=x86_64&distro=rhel-9.1&upstream=openssl-3.0.7-6.el9_2.src.rpm",
			Metadata: pkg.RpmDBEntry{Name: "openssl-devel", Version: "3.0.7", Release: "6.el9_2", Arch: "x86_64", SourceRpm: "openssl-3.0.7-6.el9_2.src.rpm"}}),
		madeUp(pkg.Package{Name: "nodejs", Version: "1:12.14.1-1.module+el8.1.0", Type: pkg.RpmPkg, PURL: "pkg:rpm/redhat/nodejs@12.14.1-1.module%2Bel8.1.0?distro=rhel-9.1&epoch=1",
			Metadata: pkg.RpmDBEntry{Name: "nodejs", Version: "12.14.1", Release: "1.module+el8.1.0", Epoch: &one, ModularityLabel: &module}}),
		madeUp(pkg.Package{Name: "golang.org/x/crypto", Version: "v0.14.0", Type: pkg.GoModulePkg, Language: pkg.Go, PURL: "pkg:golang/golang.org/x/crypto@v0.14.0", Metadata: pkg.GolangBinaryBuildinfoEntry{GoCompiledVersion: "go1.20.1", Architecture: "amd64"}}),
		madeUp(pkg.Package{Name: "golang.org/x/net", Version: "v0.5.0", Type: pkg.GoModulePkg, Language: pkg.Go, PURL: "pkg:golang/golang.org/x/net@v0.5.0", Metadata: pkg.GolangBinaryBuildinfoEntry{GoCompiledVersion: "go1.20.1", Architecture: "amd64"}}),
		madeUp(pkg.Package{Name: "stdlib", Version: "1.20.1", Type: pkg.GoModulePkg, Language: pkg.Go, PURL: "pkg:golang/stdlib@1.20.1",
			CPEs: []cpe.CPE{cpe.Must("cpe:2.3:a:golang:go:1.20.1:-:*:*:*:*:*:*", cpe.DeclaredSource)}, Metadata: pkg.GolangBinaryBuildinfoEntry{GoCompiledVersion: "go1.20.1", Architecture: "amd64"}}),
		madeUp(pkg.Package{Name: "glibc", Version: "2.36", Type: pkg.BinaryPkg, PURL: "pkg:generic/glibc@2.36",
			CPEs: []cpe.CPE{cpe.Must("cpe:2.3:a:gnu:glibc:2.36:*:*:*:*:*:*:*", cpe.DeclaredSource)}}),
	)
	release := &linux.Release{ID: "rhel", VersionID: "9.1", Name: "Red Hat Enterprise Linux", Version: "9.1 (Plow)"}
	return encode(t, sbom.SBOM{Artifacts: sbom.Artifacts{Packages: packages, LinuxDistribution: release}})
}

func madeUp(p pkg.Package) pkg.Package {
	p.Locations = file.NewLocationSet(
		file.NewLocation("/var/lib/"+strings.ReplaceAll(p.Name, "/", "-")).WithAnnotation(pkg.EvidenceAnnotationKey, pkg.PrimaryEvidenceAnnotation),
		file.NewLocation("/a/readme").WithAnnotation(pkg.EvidenceAnnotationKey, pkg.SupportingEvidenceAnnotation))
	p.SetID()
	return p
}

// evidence is a bundle with that syft document.
func evidence(t testing.TB, document []byte) *bundle.Bundle {
	t.Helper()
	b, err := bundle.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	if err := b.WriteBytes(bundle.Packages, "application/json", document); err != nil {
		t.Fatal(err)
	}
	return b
}
