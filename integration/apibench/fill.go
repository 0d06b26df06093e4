package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
	"github.com/tidepole/tidepole/importserver/store"
)

// How the made-up images resemble real ones: of a few distributions, each with
// packages of its own version, and with programs of which there are many.
const (
	distros      = 10
	programs     = 20_000 // distinct packages that are no distribution's
	rareImages   = 10     // images that have the rare package
	matches      = 50     // vulnerabilities of each image
	batch        = 50     // images written in one transaction
	commonName   = "openssl"
	rareName     = "left-pad"
	commonCVE    = "CVE-2025-0001" // of commonName
	rareCVE      = "CVE-2025-0002" // of rareName
	layersOfBase = 5
)

// start is when the first image came.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// maker makes images up, straight into the server's rows.
type maker struct {
	dir      string
	packages int // of each image
	images   int // that are there
}

func (m *maker) name() string { return filepath.Join(m.dir, "tidepole.db") }

// size is how many bytes the rows take.
func (m *maker) size() (int64, error) {
	f, err := os.Stat(m.name())
	if err != nil {
		return 0, err
	}
	return f.Size(), nil
}

// open makes the folder, or counts what is in it.
func (m *maker) open(ctx context.Context) error {
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	s, err := store.Open(ctx, "sqlite:"+m.name())
	if err != nil {
		return err
	}
	defer s.Close()
	counts, err := s.View().CountImages(ctx)
	for _, n := range counts {
		m.images += n
	}
	return err
}

// fill adds images until there are so many.
func (m *maker) fill(ctx context.Context, images int) error {
	s, err := store.Open(ctx, "sqlite:"+m.name())
	if err != nil {
		return err
	}
	defer s.Close()
	for m.images < images {
		err := s.InTx(ctx, func(tx *store.Tx) error {
			for range min(batch, images-m.images) {
				if err := m.put(ctx, tx, m.images); err != nil {
					return fmt.Errorf("make image %d: %w", m.images, err)
				}
				m.images++
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func digest(kind, n int) string { return fmt.Sprintf("sha256:%060x%04x", n, kind) }

// put writes one image with everything that an assessment leaves.
func (m *maker) put(ctx context.Context, tx *store.Tx, n int) error {
	at := start.Add(time.Duration(n) * time.Minute)
	i := store.Image{
		Account: importserver.Admin, Digest: digest(1, n), ParentDigest: digest(2, n), ImageID: digest(3, n), Annotations: map[string]string{"team": "a"},
		Status: wire.Analyzed, Origin: "client", Evidence: digest(4, n), CreatedAt: at, UpdatedAt: at,
	}
	if err := tx.InsertImage(ctx, &i); err != nil {
		return err
	}
	err := tx.PutTag(ctx, store.Tag{
		Image: i.ID, Account: i.Account, Registry: "registry.example", Repository: fmt.Sprintf("team/service-%d", n/20), Tag: fmt.Sprintf("v%d", n%20),
		CreatedAt: at, DetectedAt: at,
	})
	if err != nil {
		return err
	}
	from := wire.NotAnalyzed
	for _, to := range []string{wire.Analyzing, wire.Analyzed} {
		if err := tx.Record(ctx, store.Transition{Image: i.ID, From: from, To: to, At: at, Host: "host", Service: "worker", Version: "1", Attempt: 1}); err != nil {
			return err
		}
		from = to
	}
	packages := m.packagesOf(n)
	if err := tx.SetPackages(ctx, i.ID, packages); err != nil {
		return err
	}
	if err := tx.SetReport(ctx, i.ID, store.Report{Evidence: i.Evidence, Matches: matchesOf(packages), CreatedAt: at}); err != nil {
		return err
	}
	var layers []string
	for l := range layersOfBase {
		layers = append(layers, digest(5, n%distros*layersOfBase+l))
	}
	if err := tx.SetLayers(ctx, i.ID, append(layers, digest(6, n))); err != nil {
		return err
	}
	return tx.MarkAnalyzed(ctx, i.ID, at, store.Facts{Arch: "amd64", Distro: "debian", DistroVersion: "12", Size: 100 << 20, Layers: len(layers) + 1})
}

// packagesOf are an image's packages: half of them its distribution's.
func (m *maker) packagesOf(n int) []store.Package {
	all := []store.Package{pkg("deb", commonName, fmt.Sprint("3.0.", n%distros))}
	if n < rareImages {
		all = append(all, pkg("npm", rareName, "1.0.0"))
	}
	for k := 0; len(all) < m.packages/2; k++ {
		all = append(all, pkg("deb", fmt.Sprint("lib", k), fmt.Sprint("1.", n%distros)))
	}
	for k := 0; len(all) < m.packages; k++ {
		all = append(all, pkg("npm", fmt.Sprint("program-", (n*7919+k*104_729)%programs), "2.1.0"))
	}
	return all
}

func pkg(kind, name, version string) store.Package {
	return store.Package{Type: kind, Name: name, Version: version, PURL: "pkg:" + kind + "/" + name + "@" + version}
}

// matchesOf finds a vulnerability in the first of an image's packages.
func matchesOf(packages []store.Package) report.Matches {
	m := report.Matches{Database: report.Database{Present: true, Digest: "sha256:db", Built: start}}
	for k, p := range packages[:min(matches, len(packages))] {
		id := fmt.Sprintf("CVE-2024-%04d", k)
		switch p.Name {
		case commonName:
			id = commonCVE
		case rareName:
			id = rareCVE
		}
		m.Vulnerabilities = append(m.Vulnerabilities, report.Vulnerability{
			ID: id, Namespace: "debian:distro:debian:12", Severity: "High", FixState: "fixed", FixVersions: []string{"9"},
			Description: "A made-up weakness of " + p.Name + ", by which one could do what one should not.", DataSource: "https://example.org/" + id,
			Package:  report.Package{ID: fmt.Sprint("id", k), Name: p.Name, Version: p.Version, Type: p.Type, PURL: p.PURL, Paths: []string{"/var/lib/dpkg/status"}},
			Evidence: []report.Evidence{{Type: "exact-direct-match", Matcher: "dpkg-matcher"}},
		})
	}
	return m
}
