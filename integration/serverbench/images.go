package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"sync"

	"github.com/tidepole/tidepole/formats/bundle"
)

// How the made-up images resemble real ones: each is of Debian 12 with packages
// that most have in common, and has programs of its own out of many.
const (
	shared   = 300    // packages of Debian, of each image
	programs = 20_000 // distinct packages of npm, over all images
)

// vulnerable are packages that the demonstration database knows of.
var vulnerable = []struct{ name, version, source string }{
	{"libssl3", "3.0.8-1", "openssl"}, {"openssl", "3.0.8-1", "openssl"}, {"libc6", "2.36-9", "glibc"},
	{"curl", "7.88.1-10", "curl"}, {"libnghttp2-14", "1.52.0-1", "nghttp2"}, {"coreutils", "9.1-1", "coreutils"}, {"apt", "2.6.1", "apt"},
}

type pack map[string]any

func deb(name, version, source string) pack {
	return pack{
		"id": id("deb", name, version), "name": name, "version": version, "type": "deb", "foundBy": "dpkg-db-cataloger",
		"locations": []pack{{"path": "/var/lib/dpkg/status", "layerID": digest("layer", "base"), "accessPath": "/var/lib/dpkg/status"}},
		"licenses":  []any{}, "language": "", "cpes": []any{},
		"purl":         fmt.Sprintf("pkg:deb/debian/%s@%s?arch=amd64&distro=debian-12&upstream=%s", name, version, source),
		"metadataType": "dpkg-db-entry",
		"metadata":     pack{"package": name, "source": source, "version": version, "sourceVersion": "", "architecture": "amd64", "maintainer": "", "installedSize": 1, "files": []any{}},
	}
}

func npm(name, version string) pack {
	path := "/srv/node_modules/" + name + "/package.json"
	return pack{
		"id": id("npm", name, version), "name": name, "version": version, "type": "npm", "foundBy": "javascript-package-cataloger",
		"locations": []pack{{"path": path, "layerID": digest("layer", "app"), "accessPath": path}},
		"licenses":  []any{}, "language": "javascript", "cpes": []any{}, "purl": "pkg:npm/" + name + "@" + version,
		"metadataType": "javascript-npm-package",
		"metadata":     pack{"name": name, "version": version, "author": "", "homepage": "", "description": "", "url": "", "private": false},
	}
}

func id(parts ...string) string { return digest(parts...)[7 : 7+16] }

func digest(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		io.WriteString(h, p+"\x00")
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}

// encoded are packages and files as JSON: most are of many images, and clients must
// not keep the machine busy by making them up.
type encoded struct {
	mu   sync.Mutex
	have map[string]json.RawMessage
}

func (e *encoded) of(key string, make func() pack) json.RawMessage {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.have == nil {
		e.have = map[string]json.RawMessage{}
	}
	if e.have[key] == nil {
		e.have[key] = asJSON(make())
	}
	return e.have[key]
}

func asJSON(v any) []byte {
	data, err := json.Marshal(v)
	if err != nil {
		panic(err) // all of it is made up here
	}
	return data
}

// packagesOf are the packages of image n.
func (o options) packagesOf(n int) (all []json.RawMessage) {
	add := func(key string, make func() pack) { all = append(all, o.encoded.of(key, make)) }
	for _, v := range vulnerable {
		add("deb "+v.name, func() pack { return deb(v.name, v.version, v.source) })
	}
	for i := len(all); i < min(shared, o.packages); i++ {
		name, version := fmt.Sprintf("lib-made-up-%d", i), "1."+fmt.Sprint(i%7)+"-1"
		add("deb "+name, func() pack { return deb(name, version, "made-up") })
	}
	add("npm lodash", func() pack { return npm("lodash", "4.17.11") })
	for i := 0; len(all) < o.packages; i++ {
		name := fmt.Sprintf("program-%d", (n*131+i*17)%programs)
		add("npm "+name, func() pack { return npm(name, "1.0.0") })
	}
	return all
}

// filesOf are the files of image n: a tenth are its own.
func (o options) filesOf(n int) []json.RawMessage {
	files := make([]json.RawMessage, o.files)
	for i := range files {
		path := fmt.Sprintf("/usr/share/made-up/%d/%d", i%50, i)
		make := func() pack {
			return pack{
				"id": id("file", path), "location": pack{"path": path, "layerID": digest("layer", "base")},
				"metadata": pack{"mode": 644, "type": "RegularFile", "userID": 0, "groupID": 0, "mimeType": "text/plain", "size": 1000},
				"digests":  []pack{{"algorithm": "sha256", "value": digest("content", path)[7:]}},
			}
		}
		if i%10 == 0 {
			path = fmt.Sprintf("/srv/own-%d/%d", n, i)
			files[i] = asJSON(make())
			continue
		}
		files[i] = o.encoded.of("file "+path, make)
	}
	return files
}

// document is the syft document of image n.
func (o options) document(n int) []byte {
	var b bytes.Buffer
	list := func(name string, elements []json.RawMessage) {
		fmt.Fprintf(&b, "%q:[", name)
		for i, e := range elements {
			if i > 0 {
				b.WriteByte(',')
			}
			b.Write(e)
		}
		b.WriteString("],")
	}
	b.WriteByte('{')
	list("artifacts", o.packagesOf(n))
	list("artifactRelationships", nil)
	list("files", o.filesOf(n))
	b.Write(asJSON(pack{
		"source":     pack{"id": id("image", fmt.Sprint(n)), "name": "registry.example/service", "version": "1", "type": "image", "metadata": pack{}},
		"distro":     pack{"name": "Debian GNU/Linux", "id": "debian", "versionID": "12", "prettyName": "Debian GNU/Linux 12 (bookworm)"},
		"descriptor": pack{"name": "syft", "version": "1.57.0"},
		"schema":     pack{"version": "16.1.13", "url": "https://raw.githubusercontent.com/anchore/syft/main/schema/json/schema-16.1.13.json"},
	})[1:]) // without the brace that opens it
	return b.Bytes()
}

// bundle is the evidence of image n, in dir. The caller closes it.
func (o options) bundle(dir string, n int) (*bundle.Bundle, error) {
	b, err := bundle.New(dir)
	if err != nil {
		return nil, err
	}
	document := o.document(n)
	config, err := json.Marshal(pack{
		"architecture": "amd64", "os": "linux", "config": pack{"Labels": pack{"image": fmt.Sprint(n)}},
		"rootfs": pack{"type": "layers", "diff_ids": []string{digest("layer", "base"), digest("layer", "app")}},
	})
	if err != nil {
		return nil, err
	}
	manifest, err := json.Marshal(pack{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
		"config": pack{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sum(config), "size": len(config)},
		"layers": []pack{
			{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest("blob", "base"), "size": 50 << 20},
			{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest("blob", fmt.Sprint(n)), "size": 10 << 20},
		},
	})
	if err != nil {
		return nil, err
	}
	b.Digest, b.ImageID, b.Source = sum(manifest), sum(config), "registry"
	b.ParentDigest = b.Digest
	b.Tags = []string{fmt.Sprintf("registry.example/team/service-%d:v%d", n/20, n%20)}
	for _, p := range []struct {
		kind bundle.Kind
		data []byte
	}{{bundle.Packages, document}, {bundle.Manifest, manifest}, {bundle.ImageConfig, config}} {
		if err := b.WriteBytes(p.kind, "application/json", p.data); err != nil {
			return nil, err
		}
	}
	return b, nil
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return "sha256:" + hex.EncodeToString(s[:])
}
