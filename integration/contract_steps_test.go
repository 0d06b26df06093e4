package integration_test

import (
	"bytes"
	"context"
	"io"
	"strings"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/integration"
)

// The images of the contract test.
var (
	imported = digestOf("imported")
	added    = digestOf("docker.io/added:1")
	broken   = digestOf("docker.io/broken:1")
	unknown  = digestOf("unknown")
)

const importedTag = "docker.io/imported:1"

type (
	ctxt    = context.Context
	service = integration.Service
)

// importing imports a bundle that change has changed.
func importing(o wire.AddOptions, change func(*bundle.Bundle)) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) {
		b, err := evidence(imported, importedTag)
		if err != nil {
			return nil, err
		}
		defer b.Close()
		change(b)
		return s.Import(ctx, b, o)
	}
}

// adding has the server pull a tag.
func adding(pull, dockerfile string, o wire.AddOptions) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) {
		source := wire.ImageSource{Tag: &wire.TagSource{PullString: pull, Dockerfile: dockerfile}}
		return s.AddImage(ctx, wire.ImageRequest{Source: source, Annotations: map[string]string{"a": "b"}}, o)
	}
}

func image(digest string) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return s.Image(ctx, digest) }
}

func images(f wire.ImageFilter) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return s.Images(ctx, f) }
}

func deleting(force bool, digests ...string) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return s.DeleteImages(ctx, digests, force) }
}

func packages(digest, kind string) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return s.Packages(ctx, digest, kind) }
}

func files(digest string) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) {
		var all []wire.File
		err := s.Files(ctx, digest, func(f wire.File) error { all = append(all, f); return nil })
		return all, err
	}
}

func metadata(digest, kind string) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return s.Metadata(ctx, digest, kind) }
}

func sbom(digest, format string) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) {
		var out bytes.Buffer
		err := s.SBOM(ctx, digest, format, &out)
		return out.String(), err
	}
}

func vulnerabilities(digest string, f wire.VulnerabilityFilter) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return s.Vulnerabilities(ctx, digest, f) }
}

func check(digest string, r wire.CheckRequest) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return s.Check(ctx, digest, r) }
}

func addingPolicy(p policy.Policy) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return s.AddPolicy(ctx, p) }
}

func updatingPolicy(id string, p policy.Policy) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return s.UpdatePolicy(ctx, id, p) }
}

func policies(detail bool) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return s.Policies(ctx, detail) }
}

func deletingPolicy(id string) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return nil, s.DeletePolicy(ctx, id) }
}

func updatingDatabase(ctx ctxt, s service) (any, error) { return s.UpdateDatabase(ctx) }

func importingDatabase(r func() io.Reader, checksum string) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return s.ImportDatabase(ctx, r(), "new.tar.zst", checksum) }
}

// of turns operations on one image into steps' functions.
func of[T any](op func(service, ctxt, string) (T, error), digest string) func(ctxt, service) (any, error) {
	return func(ctx ctxt, s service) (any, error) { return op(s, ctx, digest) }
}

// nothing leaves the evidence as it is.
func nothing(*bundle.Bundle) {}

func databaseFile() io.Reader { return strings.NewReader("a database") }

// databaseStream hides that a file can be read again.
func databaseStream() io.Reader { return io.MultiReader(databaseFile()) }

// without takes a part from the evidence.
func without(kind bundle.Kind) func(*bundle.Bundle) {
	return func(b *bundle.Bundle) {
		all := b.Parts()
		*b = bundle.Bundle{Digest: b.Digest, ParentDigest: b.ParentDigest, ImageID: b.ImageID, Tags: b.Tags}
		for _, p := range all {
			if p.Kind != kind {
				b.Put(p)
			}
		}
	}
}

// with gives the evidence another part.
func with(kind bundle.Kind, data string) func(*bundle.Bundle) {
	return func(b *bundle.Bundle) {
		if err := b.WriteBytes(kind, "application/json", []byte(data)); err != nil {
			panic(err)
		}
	}
}

// large is more than the servers take, and so much that a client compresses it.
var large = strings.Repeat(`{"name":"y"} `, 200<<10)

// beforeAnalysis are steps while no worker runs.
var beforeAnalysis = []step{
	{name: "Status: of an empty server", do: func(ctx ctxt, s service) (any, error) { return s.Status(ctx) }},
	{name: "Images: none", do: images(wire.ImageFilter{})},
	{name: "Images: of a tag that is unknown", do: images(wire.ImageFilter{FullTag: importedTag}), fail: true, kind: fault.NotFound},
	{name: "Images: of a status that is none", do: images(wire.ImageFilter{Status: "lost"}), fail: true, kind: fault.Invalid},
	{name: "Images: with history, of no tag", do: images(wire.ImageFilter{History: true}), fail: true, kind: fault.Invalid},
	{name: "Image: unknown", do: image(unknown), fail: true, kind: fault.NotFound},
	{name: "Image: not a digest", do: image("sha256:short"), fail: true, kind: fault.Invalid},
	{name: "Image: an attempt at another path", do: image("../policies"), fail: true, kind: fault.Invalid},

	{name: "Import: without packages", do: importing(wire.AddOptions{}, without(bundle.Packages)), fail: true, kind: fault.Invalid},
	{name: "Import: without a tag", do: importing(wire.AddOptions{}, func(b *bundle.Bundle) { b.Tags = nil }), fail: true, kind: fault.Invalid},
	{name: "Import: under a tag that is none", do: importing(wire.AddOptions{}, func(b *bundle.Bundle) { b.Tags = []string{"a b"} }), fail: true, kind: fault.Invalid},
	{name: "Import: of a digest that is none", do: importing(wire.AddOptions{}, func(b *bundle.Bundle) { b.Digest = "x" }), fail: true, kind: fault.Invalid},
	{name: "Import: with an annotation of the server's", do: importing(wire.AddOptions{}, func(b *bundle.Bundle) {
		b.Annotations = map[string]string{"anchore.system/x": "y"}
	}), fail: true, kind: fault.Invalid},
	{name: "Import: a manifest that is none", do: importing(wire.AddOptions{}, with(bundle.Manifest, "[]")), fail: true, kind: fault.Invalid},
	{name: "Import: a part that is too large", do: importing(wire.AddOptions{}, with(bundle.Packages, large)), fail: true, kind: fault.TooLarge},
	{name: "Import", do: importing(wire.AddOptions{}, func(b *bundle.Bundle) { b.Annotations = map[string]string{"team": "a"} })},
	{name: "Import: again", do: importing(wire.AddOptions{}, nothing)},

	{name: "AddImage", do: adding("added:1", "RlJPTSBzY3JhdGNoCg==", wire.AddOptions{})},
	{name: "AddImage: again", do: adding("added:1", "", wire.AddOptions{})},
	{name: "AddImage: again with a Dockerfile", do: adding("added:1", "RlJPTSBzY3JhdGNoCg==", wire.AddOptions{}), fail: true, kind: fault.Invalid},
	{name: "AddImage: that cannot be read", do: adding("broken:1", "", wire.AddOptions{NoSubscribe: true})},
	{name: "AddImage: that is not there", do: adding("absent:1", "", wire.AddOptions{}), fail: true, kind: fault.Invalid},
	{name: "AddImage: a name that is none", do: adding("a b", "", wire.AddOptions{}), fail: true, kind: fault.Invalid},
	{name: "AddImage: a Dockerfile that is not base64", do: adding("added:2", "FROM scratch", wire.AddOptions{}), fail: true, kind: fault.Invalid},
	{name: "AddImage: from nowhere", do: func(ctx ctxt, s service) (any, error) {
		return s.AddImage(ctx, wire.ImageRequest{}, wire.AddOptions{})
	}, fail: true, kind: fault.Invalid},
	{name: "AddImage: from an operation that is none", do: func(ctx ctxt, s service) (any, error) {
		source := wire.ImageSource{Import: &wire.ImportSource{Operation: "none", Contents: map[string]string{
			"packages": anyDigest, "manifest": anyDigest, "image_config": anyDigest,
		}}}
		return s.AddImage(ctx, wire.ImageRequest{Source: source}, wire.AddOptions{})
	}, fail: true, kind: fault.NotFound},

	{name: "Image: that waits", do: image(imported)},
	{name: "ContentTypes: not analyzed", do: of(service.ContentTypes, imported), fail: true, kind: fault.NotFound},
	{name: "Packages: not analyzed", do: packages(imported, "os"), fail: true, kind: fault.NotFound},
	{name: "Files: not analyzed", do: files(imported), fail: true, kind: fault.NotFound},
	{name: "Secrets: not analyzed", do: of(service.Secrets, imported), fail: true, kind: fault.NotFound},
	{name: "ContentSearches: not analyzed", do: of(service.ContentSearches, imported), fail: true, kind: fault.NotFound},
	{name: "RetrievedFiles: not analyzed", do: of(service.RetrievedFiles, imported), fail: true, kind: fault.NotFound},
	{name: "MetadataTypes: not analyzed", do: of(service.MetadataTypes, imported), fail: true, kind: fault.NotFound},
	{name: "Metadata: not analyzed", do: metadata(imported, "manifest"), fail: true, kind: fault.NotFound},
	{name: "SBOM: not analyzed", do: sbom(imported, "syft-json"), fail: true, kind: fault.NotFound},
	{name: "Vulnerabilities: not analyzed", do: vulnerabilities(imported, wire.VulnerabilityFilter{}), fail: true, kind: fault.NotFound},
	{name: "Check: not analyzed", do: check(imported, wire.CheckRequest{Tag: importedTag}), fail: true, kind: fault.NotFound},
}

// afterAnalysis are steps when all images have been worked on.
var afterAnalysis = []step{
	{name: "Status", do: func(ctx ctxt, s service) (any, error) { return s.Status(ctx) }},
	{name: "Image: imported", do: image(imported)},
	{name: "Image: added", do: image(added)},
	{name: "Image: broken", do: image(broken)},
	{name: "Images", do: images(wire.ImageFilter{})},
	{name: "Images: of a tag", do: images(wire.ImageFilter{FullTag: importedTag, History: true})},
	{name: "Images: of a configuration", do: images(wire.ImageFilter{ImageID: digestOf("config")})},
	{name: "Images: that failed", do: images(wire.ImageFilter{Status: wire.AnalysisFailed, Record: "all"})},
	{name: "Import: of what is there", do: importing(wire.AddOptions{}, nothing)},

	{name: "ContentTypes", do: of(service.ContentTypes, imported)},
	{name: "ContentTypes: of an image that failed", do: of(service.ContentTypes, broken), fail: true, kind: fault.NotFound},
	{name: "Packages: of the system", do: packages(imported, "os")},
	{name: "Packages: of npm", do: packages(imported, "npm")},
	{name: "Packages: none of the kind", do: packages(imported, "gem")},
	{name: "Packages: a kind that is none", do: packages(imported, "stones"), fail: true, kind: fault.NotFound},
	{name: "Files", do: files(imported)},
	{name: "Files: of an unknown image", do: files(unknown), fail: true, kind: fault.NotFound},
	{name: "Secrets", do: of(service.Secrets, imported)},
	{name: "ContentSearches", do: of(service.ContentSearches, imported)},
	{name: "RetrievedFiles", do: of(service.RetrievedFiles, imported)},
	{name: "MetadataTypes", do: of(service.MetadataTypes, imported)},
	{name: "Metadata: manifest", do: metadata(imported, "manifest")},
	{name: "Metadata: config", do: metadata(imported, "config")},
	{name: "Metadata: Dockerfile", do: metadata(imported, "dockerfile")},
	{name: "Metadata: history", do: metadata(imported, "docker_history")},
	{name: "Metadata: absent", do: metadata(imported, "parent_manifest"), fail: true, kind: fault.NotFound},
	{name: "Metadata: a kind that is none", do: metadata(imported, "horoscope"), fail: true, kind: fault.NotFound},
	{name: "SBOM: as it is", do: sbom(imported, "syft-json")},
	{name: "SBOM: as a table", do: sbom(added, "table")},
	{name: "SBOM: a format that is none", do: sbom(imported, "poem"), fail: true, elsewhere: true, kind: fault.NotFound},

	{name: "Vulnerabilities", do: vulnerabilities(imported, wire.VulnerabilityFilter{})},
	{name: "Vulnerabilities: of the system, in full, matched anew", do: vulnerabilities(imported, wire.VulnerabilityFilter{Type: "os", Descriptions: true, Refresh: true})},
	{name: "Vulnerabilities: that the vendor will fix", do: vulnerabilities(imported, wire.VulnerabilityFilter{Type: "all", VendorOnly: true})},
	{name: "Vulnerabilities: a type that is none", do: vulnerabilities(imported, wire.VulnerabilityFilter{Type: "some"}), fail: true, kind: fault.Invalid},
	{name: "Check", do: check(imported, wire.CheckRequest{Tag: importedTag})},
	{name: "Check: in detail, with history", do: check(imported, wire.CheckRequest{Tag: importedTag, Detail: true, History: true, Interactive: true})},
	{name: "Check: by a policy that is unknown", do: check(imported, wire.CheckRequest{Tag: importedTag, PolicyID: "none"}), fail: true, kind: fault.NotFound},
	{name: "Check: under a tag that is none", do: check(imported, wire.CheckRequest{Tag: "a b"}), fail: true, kind: fault.Invalid},

	{name: "Policies", do: policies(false)},
	{name: "AddPolicy", do: addingPolicy(policyNamed("second"))},
	{name: "AddPolicy: again", do: addingPolicy(policyNamed("second"))},
	{name: "AddPolicy: another of the same id", do: addingPolicy(policy.Policy{ID: "second", Mappings: policyNamed("second").Mappings}), fail: true, kind: fault.Conflict},
	{name: "AddPolicy: with defects", do: addingPolicy(policy.Policy{ID: "third"}), fail: true, kind: fault.Invalid},
	{name: "AddPolicy: under an id that is none", do: addingPolicy(policyNamed("../x")), fail: true, kind: fault.Invalid},
	{name: "Policy", do: of(service.Policy, "second")},
	{name: "Policy: unknown", do: of(service.Policy, "none"), fail: true, kind: fault.NotFound},
	{name: "UpdatePolicy", do: updatingPolicy("second", policyNamed("second"))},
	{name: "UpdatePolicy: with defects", do: updatingPolicy("second", policy.Policy{ID: "second"}), fail: true, kind: fault.Invalid},
	{name: "UpdatePolicy: of another id", do: updatingPolicy("second", policyNamed("third")), fail: true, kind: fault.Invalid},
	{name: "UpdatePolicy: unknown", do: updatingPolicy("none", policyNamed("none")), fail: true, kind: fault.NotFound},
	{name: "ActivatePolicy", do: of(service.ActivatePolicy, "second")},
	{name: "ActivatePolicy: unknown", do: of(service.ActivatePolicy, "none"), fail: true, kind: fault.NotFound},
	{name: "Policies: in detail", do: policies(true)},
	{name: "Check: by the policy that is active now", do: check(added, wire.CheckRequest{Tag: "added:1", Detail: true})},
	{name: "DeletePolicy: active", do: deletingPolicy("second"), fail: true, kind: fault.Conflict},
	{name: "DeletePolicy", do: deletingPolicy("default")},
	{name: "DeletePolicy: unknown", do: deletingPolicy("default"), fail: true, kind: fault.NotFound},

	{name: "Database", do: func(ctx ctxt, s service) (any, error) { return s.Database(ctx) }},
	{name: "UpdateDatabase: without a network", do: updatingDatabase, fail: true, kind: fault.Unavailable},
	{name: "ImportDatabase: with another checksum", do: importingDatabase(databaseFile, digestOf("another")), fail: true, kind: fault.Invalid},
	{name: "ImportDatabase: from a stream", do: importingDatabase(databaseStream, digestOf("a database"))},
	{name: "ImportDatabase", do: importingDatabase(databaseFile, "")},
	{name: "UpdateDatabase", do: updatingDatabase},

	{name: "DeleteImages: not a digest", do: deleting(false, "x"), fail: true, kind: fault.Invalid},
	{name: "DeleteImages", do: deleting(false, broken, unknown)},
	{name: "DeleteImages: with force", do: deleting(true, imported)},
	{name: "Image: deleted", do: image(imported), fail: true, kind: fault.NotFound},
}

// anyDigest is of nothing.
var anyDigest = "sha256:" + strings.Repeat("0", 64)
