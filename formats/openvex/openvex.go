// Package openvex writes what was matched to an image as an OpenVEX document,
// version 0.2.0 of https://github.com/openvex/spec.
package openvex

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/tidepole/tidepole/formats/report"
)

// Document is an OpenVEX document.
type Document struct {
	Context    string      `json:"@context"`
	ID         string      `json:"@id"`
	Author     string      `json:"author"`
	Timestamp  time.Time   `json:"timestamp"`
	Version    int         `json:"version"`
	Tooling    string      `json:"tooling,omitempty"`
	Statements []Statement `json:"statements"`
}

// Statement says of one vulnerability how it concerns an image.
type Statement struct {
	Vulnerability Vulnerability `json:"vulnerability"`
	Products      []Product     `json:"products"`
	Status        string        `json:"status"` // affected: what is matched is taken to concern the image
	Action        string        `json:"action_statement"`
}

// Vulnerability is what a statement is about.
type Vulnerability struct {
	ID          string   `json:"@id,omitempty"` // the URL of its record
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Aliases     []string `json:"aliases,omitempty"`
}

// Product is the image, and the packages in it that have the vulnerability.
type Product struct {
	ID          string            `json:"@id"` // a package URL
	Identifiers map[string]string `json:"identifiers,omitempty"`
	Hashes      map[string]string `json:"hashes,omitempty"`
	Parts       []Product         `json:"subcomponents,omitempty"`
}

// Write writes what was matched. The same matches give the same bytes.
func Write(w io.Writer, s report.Subject, found []report.Vulnerability) error {
	d := Document{
		Context: "https://openvex.dev/ns/v0.2.0", Author: "tidepole", Timestamp: s.At.UTC(), Version: 1,
		Tooling: "tidepole/" + s.Tool, Statements: []Statement{},
	}
	purl := s.PURL()
	places, hash := map[string]int{}, sha256.New()
	fmt.Fprintln(hash, purl, s.At.UnixMicro())
	for _, v := range found {
		action := v.Remedy()
		key := v.ID + "\x00" + action
		at, there := places[key]
		if !there {
			at = len(d.Statements)
			places[key] = at
			d.Statements = append(d.Statements, Statement{
				Vulnerability: vulnerability(v), Status: "affected", Action: action,
				Products: []Product{{ID: purl, Identifiers: map[string]string{"purl": purl}, Hashes: hashes(s.Image.Digest)}},
			})
		}
		parts := &d.Statements[at].Products[0].Parts
		*parts = append(*parts, Product{ID: idOf(v.Package)})
		fmt.Fprintln(hash, key, idOf(v.Package))
	}
	d.ID = fmt.Sprintf("https://openvex.dev/docs/public/vex-%x", hash.Sum(nil))
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(d)
}

func idOf(p report.Package) string {
	if p.PURL != "" {
		return p.PURL
	}
	return "pkg:generic/" + p.Name + "@" + p.Version
}

// hashes are the digest under the name that OpenVEX has for SHA-256.
func hashes(digest string) map[string]string {
	const prefix = "sha256:"
	if len(digest) <= len(prefix) || digest[:len(prefix)] != prefix {
		return nil
	}
	return map[string]string{"sha-256": digest[len(prefix):]}
}

func vulnerability(v report.Vulnerability) Vulnerability {
	out := Vulnerability{ID: v.DataSource, Name: v.ID, Description: v.Description}
	for _, r := range v.Related {
		if r.ID != v.ID {
			out.Aliases = append(out.Aliases, r.ID)
		}
	}
	return out
}
