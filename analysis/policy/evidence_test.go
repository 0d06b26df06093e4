package policy_test

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/tidepole/tidepole/analysis/policy"
	"github.com/tidepole/tidepole/formats/bundle"
)

func bundleOf(t *testing.T, f fixture) *bundle.Bundle {
	t.Helper()
	b, err := bundle.New(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	f.write(t, b)
	return b
}

func TestCollectGivesTheBundlesFacts(t *testing.T) {
	f := wholeImage()
	f.files[0]["unknowns"] = []string{"not readable"}
	b := bundleOf(t, f)
	e, err := policy.Collect(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	want, err := b.Facts()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, e.Facts, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("facts (-bundle +evidence):\n%s", diff)
	}
}

func TestCollectKnowsWhatIsAbsent(t *testing.T) {
	tests := []struct {
		name   string
		image  fixture
		absent []policy.Part
	}{
		{"whole", wholeImage(), []policy.Part{policy.Malware}},
		{"an SBOM alone", fixture{without: []bundle.Kind{bundle.SecretSearches, bundle.ContentSearches, bundle.FileContents}}, []policy.Part{policy.Files, policy.Secrets, policy.Contents, policy.Retrieved, policy.Dockerfile, policy.Malware}},
		{"nothing", fixture{without: bundle.Kinds}, []policy.Part{policy.Packages, policy.Files, policy.Secrets, policy.Contents, policy.Retrieved, policy.Dockerfile, policy.Malware}},
		{"a Dockerfile was given", fixture{dockerfile: "FROM a"}, []policy.Part{policy.Files, policy.Malware}},
	}
	for _, x := range tests {
		t.Run(x.name, func(t *testing.T) {
			e := x.image.evidence(t)
			var absent []policy.Part
			for _, p := range []policy.Part{policy.Packages, policy.Files, policy.Secrets, policy.Contents, policy.Retrieved, policy.Dockerfile, policy.Malware} {
				if why, is := e.Absent(p); is {
					absent = append(absent, p)
					equal(t, "a reason", true, why != "")
				}
			}
			equal(t, "absent", x.absent, absent)
		})
	}
}

func TestCollectOfTornParts(t *testing.T) {
	for _, kind := range []bundle.Kind{bundle.ImageConfig, bundle.Packages, bundle.SecretSearches, bundle.ContentSearches, bundle.FileContents} {
		b := bundleOf(t, wholeImage())
		if err := b.WriteBytes(kind, "application/json", []byte(`[{"artifacts"`)); err != nil {
			t.Fatal(err)
		}
		_, err := policy.Collect(t.Context(), b)
		if err == nil || !strings.Contains(err.Error(), string(kind)) {
			t.Errorf("with torn %s: %v", kind, err)
		}
	}
}

func TestCollectEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := policy.Collect(ctx, bundleOf(t, wholeImage())); !errors.Is(err, context.Canceled) {
		t.Errorf("Collect = %v", err)
	}
}

func TestRetrievedFilesAreBounded(t *testing.T) {
	p := policyOf(ruleOf("r", "WARN", "retrieved_files", "content_regex", "path", "/b", "regex", "x", "check", "match"))
	big := fixture{retrieved: map[string]string{"/a": strings.Repeat("y", policy.MaxRetrieved+1)}}
	e := evaluate(t, p, big)
	equal(t, "undecided", true, e.Undecided())
	equal(t, "details", true, strings.HasSuffix(e.Problems[0].Details, "the retrieved files are longer than 33554432 bytes together"))
}

func TestRetrievedFilesThatAreNotBase64(t *testing.T) {
	b := bundleOf(t, fixture{})
	list := `[{"location":{"path":"/a"},"contents":"%%"},{"location":{"path":"/b","layerID":"` + layers[1] + `"},"contents":"` + base64.StdEncoding.EncodeToString([]byte("upper")) + `"},` +
		`{"location":{"path":"/b","layerID":"` + layers[0] + `"},"contents":"` + base64.StdEncoding.EncodeToString([]byte("lower")) + `"}]`
	if err := b.WriteBytes(bundle.FileContents, "application/json", []byte(list)); err != nil {
		t.Fatal(err)
	}
	collected, err := policy.Collect(t.Context(), b)
	if err != nil {
		t.Fatal(err)
	}
	_, absent := collected.Absent(policy.Retrieved)
	equal(t, "not whole", true, absent)
	p := policyOf(ruleOf("r", "WARN", "retrieved_files", "content_regex", "path", "/b", "regex", "upper", "check", "match"))
	equal(t, "findings, by the highest layer", 1, len(policy.Evaluate(p, policy.Input{Evidence: collected, Now: now, Tag: "a"}).Findings))
}
