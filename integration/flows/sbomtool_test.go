package flows_test

import (
	"encoding/json"
	"testing"
)

// The SBOM of a tool of 2022: its distribution and licenses are as version 1's
// description has them.
const olderSBOM = `{
 "artifacts": [
  {"id":"5f3c","name":"musl","version":"1","type":"apk","foundBy":"apkdb-cataloger","locations":[{"path":"/lib/apk/db/installed","layerID":"sha256:01"}],
   "licenses":["MIT"],"language":"","cpes":["cpe:2.3:a:musl-libc:musl:1:*:*:*:*:*:*:*"],"purl":"pkg:alpine/musl@1?arch=x86_64","metadataType":"ApkMetadata",
   "metadata":{"package":"musl","originPackage":"musl","maintainer":"M","version":"1","license":"MIT","architecture":"x86_64","url":"","description":"","size":1,"installedSize":2,"pullDependencies":"","pullChecksum":"","gitCommitOfApkPort":"","files":[]}},
  {"id":"6a1e","name":"left-pad","version":"1.3.0","type":"npm","foundBy":"javascript-package-cataloger","locations":[{"path":"/app/node_modules/left-pad/package.json"}],
   "licenses":["WTFPL"],"language":"javascript","cpes":["cpe:2.3:a:left-pad:left-pad:1.3.0:*:*:*:*:*:*:*"],"purl":"pkg:npm/left-pad@1.3.0","metadataType":"NpmPackageJsonMetadata","metadata":{}}
 ],
 "artifactRelationships": [{"parent":"5f3c","child":"6a1e","type":"contains","metadata":null}],
 "source": {"type":"image","target":{"userInput":"alpine:3.15","imageID":"sha256:02","manifestDigest":"sha256:03","mediaType":"application/vnd.docker.distribution.manifest.v2+json","tags":["alpine:3.15"],"layers":[]}},
 "distro": {"name":"alpine","version":"3.15.0","idLike":""},
 "descriptor": {"name":"syft","version":"0.36.0"},
 "schema": {"version":"2.0.2","url":"https://schema.example/schema-2.0.2.json"}
}`

// A Docker manifest, which the tool says is an OCI one. It is written anew before
// it is sent: its digest is not the image's.
const remadeManifest = `{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",` +
	`"config":{"mediaType":"application/vnd.docker.container.image.v1+json","size":1471,"digest":"sha256:0202020202020202020202020202020202020202020202020202020202020202"},` +
	`"layers":[{"mediaType":"application/vnd.docker.image.rootfs.diff.tar.gzip","size":2818413,"digest":"sha256:0404040404040404040404040404040404040404040404040404040404040404"}]}`

const olderConfig = `{"architecture":"amd64","os":"linux","config":{"Cmd":["/bin/sh"]},"rootfs":{"type":"layers","diff_ids":["sha256:0505050505050505050505050505050505050505050505050505050505050505"]},` +
	`"history":[{"created":"2021-11-24T20:19:40Z","created_by":"/bin/sh -c #(nop) ADD file:9233f6f2237d79659a in / "}]}`

// sbomTool uploads an image as a tool of 2022 does, over version 1.
func sbomTool(s *site, query string) answer {
	s.t.Helper()
	var operation struct {
		UUID, Status string
		ExpiresAt    string `json:"expires_at"`
	}
	s.ask("POST", "/v1/imports/images", "", "").ok(&operation)
	if operation.Status != "pending" || operation.ExpiresAt == "" {
		s.t.Fatalf("the operation is %+v", operation)
	}
	contents := map[string]string{}
	for _, part := range []struct{ name, contentType, body string }{
		{"packages", "application/json", olderSBOM},
		{"manifest", "application/vnd.oci.image.manifest.v1+json", remadeManifest},
		{"image_config", "application/json", olderConfig},
		{"dockerfile", "application/json", "FROM alpine:3.15\nUSER nobody\n"}, // it is none
	} {
		path := "/v1/imports/images/" + operation.UUID + "/" + part.name
		var kept struct{ Digest string }
		s.ask("POST", path, part.contentType, part.body).ok(&kept)
		if "sha256:"+kept.Digest != digestOf(part.body) {
			s.t.Errorf("%s was kept as %q", part.name, kept.Digest)
		}
		contents[part.name] = kept.Digest
	}
	request, err := json.Marshal(map[string]any{
		"created_at": "0001-01-01T00:00:00Z", "image_type": "docker", "annotations": map[string]any{"made": "by hand"},
		"source": map[string]any{"import": map[string]any{
			"contents": contents, "tags": []string{"docker.io/alpine:3.15"}, "digest": digestOf("alpine"), "parent_digest": "",
			"local_image_id": "sha256:0202020202020202020202020202020202020202020202020202020202020202", "operation_uuid": operation.UUID,
		}},
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.ask("POST", "/v1/images"+query, "application/json", string(request))
}

func TestAToolOf2022Uploads(t *testing.T) {
	s := newSite(t)
	type image struct {
		ImageDigest, UserID string
		Status              string `json:"analysis_status"`
		Annotations         map[string]string
		Content             struct {
			Metadata struct {
				Distro         string
				Version        string `json:"distro_version"`
				DockerfileMode string `json:"dockerfile_mode"`
				Size           int64  `json:"image_size"`
			}
		} `json:"image_content"`
		Detail []struct{ Fulltag, ImageID string } `json:"image_detail"`
	}
	var added []image
	first := sbomTool(s, "")
	first.ok(&added)
	if len(added) != 1 || added[0].ImageDigest != digestOf("alpine") || added[0].Detail[0].Fulltag != "docker.io/alpine:3.15" {
		t.Fatalf("it was added as %+v", added)
	}
	var analysed []image
	s.until("/v1/images/"+digestOf("alpine"), func(a answer) bool {
		analysed = nil
		a.ok(&analysed)
		return analysed[0].Status == "analyzed"
	})
	i := analysed[0]
	if m := i.Content.Metadata; m.Distro != "alpine" || m.Version != "3.15.0" || m.DockerfileMode != "Actual" || m.Size != 2818413 || i.Annotations["made"] != "by hand" {
		t.Errorf("it became %+v", i)
	}
	var content struct {
		Content []struct{ Package, Version, License string }
	}
	s.get("/v1/images/" + digestOf("alpine") + "/content/os").ok(&content)
	if len(content.Content) != 1 || content.Content[0].Package != "musl" || content.Content[0].License != "MIT" {
		t.Errorf("its packages are %+v", content)
	}

	var again []image
	second := sbomTool(s, "")
	second.ok(&again)
	if second.header.Get("Tidepole-Unchanged") != "true" || first.header.Get("Tidepole-Unchanged") != "" || again[0].Status != "analyzed" {
		t.Errorf("a second import is not told that it changed nothing: %v %+v", second.header, again)
	}
	var events struct {
		Results []struct{ Event struct{ Type string } }
	}
	s.get("/v1/events?event_type=user.image.import.unchanged").ok(&events)
	if len(events.Results) != 1 {
		t.Errorf("nor is it an event: %+v", events)
	}
	sbomTool(s, "?force=true").ok(&again)
	if again[0].Status == "analyzed" {
		t.Errorf("a forced import is not analysed again: %+v", again)
	}
	s.ask("POST", "/v1/imports/images/no-such-operation/packages", "application/json", olderSBOM).refused(404)
	s.ask("DELETE", "/v1/imports/images/no-such-operation", "", "").refused(404)
}
