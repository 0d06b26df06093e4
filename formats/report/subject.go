package report

import (
	"net/url"
	"strings"
	"time"
)

// Subject is what a document of vulnerabilities is about, and when they were found.
type Subject struct {
	Image Image
	At    time.Time // of the match
	Tool  string    // the version of the program that found them
}

// Name is the image's full tag without the tag: REGISTRY/REPOSITORY; "" where the
// image has no tag.
func (s Subject) Name() string {
	name, _, _ := strings.Cut(s.Image.Tag, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name = name[:colon]
	}
	return name
}

// PURL is the image's package URL, of type oci.
func (s Subject) PURL() string {
	name := s.Name()
	last := strings.ToLower(name[strings.LastIndexByte(name, '/')+1:])
	if last == "" {
		last = "image"
	}
	purl := "pkg:oci/" + url.PathEscape(last) + "@" + url.QueryEscape(s.Image.Digest)
	var more []string
	if name != "" {
		more = append(more, "repository_url="+url.QueryEscape(strings.ToLower(name)))
	}
	if tag := strings.TrimPrefix(strings.TrimPrefix(s.Image.Tag, name), ":"); tag != "" && !strings.HasPrefix(tag, "@") {
		more = append(more, "tag="+url.QueryEscape(tag))
	}
	if len(more) > 0 {
		purl += "?" + strings.Join(more, "&")
	}
	return purl
}

// Remedy is what can be done about a vulnerability, in a sentence.
func (v Vulnerability) Remedy() string {
	switch {
	case len(v.FixVersions) > 0:
		return "Update " + v.Package.Name + " to " + strings.Join(v.FixVersions, " or ") + "."
	case v.FixState == "wont-fix":
		return "The vendor will not fix it in " + v.Package.Name + "."
	}
	return "No fix of " + v.Package.Name + " is known."
}
