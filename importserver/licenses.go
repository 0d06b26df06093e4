package importserver

import (
	"cmp"
	"context"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/wire"
)

// Licenses hands the licences of an image's packages to visit, package by package;
// an error of visit ends it and is returned as it is. A package that declares none
// has an empty list.
func (a *Account) Licenses(ctx context.Context, digest string, visit func(wire.PackageLicenses) error) error {
	_, b, err := a.analyzedEvidence(ctx, digest)
	if err != nil {
		return err
	}
	return readDocument(b, bundle.Visitor{Package: func(p bundle.Package) error { return visit(licensesOf(p)) }})
}

func licensesOf(p bundle.Package) wire.PackageLicenses {
	kind, _ := wire.PackageType(p.Type)
	out := wire.PackageLicenses{
		Package:  wire.LicensedPackage{Name: p.Name, Version: p.Version, Type: kind, PURL: p.PURL},
		Licenses: []wire.License{},
	}
	for _, l := range p.Licenses {
		license := wire.License{ID: l.SPDXExpression, Name: cmp.Or(l.Value, l.SPDXExpression), Source: wire.LicenseFromSBOM}
		if license.Name == "" {
			continue
		}
		if len(l.URLs) > 0 {
			license.URL = l.URLs[0]
		}
		out.Licenses = append(out.Licenses, license)
	}
	return out
}

// Malware are the results of the scanners for malware that an image was given to.
// The server has none yet, so that the list is empty.
func (a *Account) Malware(ctx context.Context, digest string) (wire.Content[wire.MalwareScan], error) {
	if _, err := a.analyzed(ctx, digest); err != nil {
		return wire.Content[wire.MalwareScan]{}, err
	}
	return wire.Content[wire.MalwareScan]{Digest: digest, ContentType: "malware", Content: []wire.MalwareScan{}}, nil
}
