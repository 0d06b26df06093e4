package policy

import (
	"fmt"
	"strings"

	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/reference"
)

// target is the image as mappings see it.
type target struct {
	registry, repository, tag string
	digest, id                string
}

// targetOf takes the full tag apart. A tag that is no reference is all
// repository, so that only wildcards match it.
func targetOf(in Input) target {
	t := target{digest: in.Image.Digest, id: strings.TrimPrefix(in.Image.ID, "sha256:")}
	tag := in.Tag
	if rest, ok := strings.CutPrefix(tag, "dockerhub/"); ok {
		tag = "docker.io/" + rest
	}
	if tag == "" {
		return t
	}
	r, err := reference.Parse(tag)
	if err != nil {
		t.repository = tag
		return t
	}
	t.registry, t.repository, t.tag = r.Registry, r.Repository, r.Tag
	return t
}

// firstMapping is the first mapping that matches the image, and what is wrong
// with those that were looked at until then.
func firstMapping(mappings []policy.Mapping, t target) (*policy.Mapping, []string) {
	var defects []string
	for i, m := range mappings {
		ok, err := t.matches(m.Registry, m.Repository, m.Image)
		if err != nil {
			defects = append(defects, fmt.Sprintf("mapping %s: %v", quote(m.ID), err))
		}
		if ok {
			return &mappings[i], defects
		}
	}
	return nil, defects
}

// firstImage is the first rule of an image list that matches the image, and
// what is wrong with those that were looked at until then.
func firstImage(list string, rules []policy.ImageRule, t target) (*policy.ImageRule, []string) {
	var defects []string
	for i, r := range rules {
		ok, err := t.matches(r.Registry, r.Repository, r.Image)
		if err != nil {
			defects = append(defects, fmt.Sprintf("%s, rule %s: %v", list, quote(r.ID), err))
		}
		if ok {
			return &rules[i], defects
		}
	}
	return nil, defects
}

func (t target) matches(registry, repository string, image policy.ImageRef) (bool, error) {
	s, err := compileSelector(registry, repository, image)
	if err != nil {
		return false, err
	}
	return s.matches(t), nil
}

// selector chooses images: by registry and repository, and by tag, digest or id.
type selector struct {
	registry, repository, tag wildcard
	kind, value               string
}

func compileSelector(registry, repository string, image policy.ImageRef) (selector, error) {
	s := selector{kind: image.Type, value: image.Value}
	var err error
	if s.registry, err = compileWildcard(registry); err != nil {
		return s, fmt.Errorf("registry: %w", err)
	}
	if s.repository, err = compileWildcard(repository); err != nil {
		return s, fmt.Errorf("repository: %w", err)
	}
	if image.Value == "" {
		return s, fmt.Errorf("image value is missing")
	}
	switch image.Type {
	case "tag":
		if s.tag, err = compileWildcard(image.Value); err != nil {
			return s, fmt.Errorf("image tag: %w", err)
		}
	case "digest", "id":
	default:
		return s, fmt.Errorf("image type %s is none of: tag, digest, id", quote(image.Type))
	}
	return s, nil
}

func (s selector) matches(t target) bool {
	if !s.registry.match(t.registry) || !s.repository.match(t.repository) {
		return false
	}
	switch s.kind {
	case "digest":
		return s.value == t.digest
	case "id":
		return strings.TrimPrefix(s.value, "sha256:") == t.id
	}
	return s.tag.match(t.tag)
}
