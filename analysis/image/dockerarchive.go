package image

import (
	"context"
	"encoding/json"
	"io/fs"
	"path"
	"slices"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/tidepole/tidepole/formats/fault"
)

// findDockerArchive finds an image in a file that "docker save" wrote.
func findDockerArchive(ctx context.Context, v *visit) (*place, error) {
	path, name := splitPath(v.Reference)
	archive, err := v.archive(ctx, path)
	if err != nil {
		return nil, err
	}
	return v.findInSaved(ctx, archive, name)
}

// findInSaved finds an image in the archive of "docker save". name chooses among
// several: a tag, or the digest of a configuration; it may be "".
func (v *visit) findInSaved(ctx context.Context, archive fs.FS, name string) (*place, error) {
	all, err := readSaved(archive, v.Options.Limits)
	if err != nil {
		return nil, err
	}
	one, err := v.pick(all, name)
	if err != nil {
		return nil, err
	}
	if p, err := v.original(ctx, archive, one); err != nil || p != nil {
		return p, err
	}
	return v.synthesise(ctx, archive, one)
}

// saved is one image of manifest.json.
type saved struct {
	Config   string
	RepoTags []string
	Layers   []string

	id       v1.Hash
	platform v1.Platform
}

// readSaved reads manifest.json and looks into the configurations it names.
func readSaved(archive fs.FS, limits Limits) ([]saved, error) {
	data, err := readFile(archive, "manifest.json", limits.MaxManifestBytes)
	if fault.Of(err) == fault.NotFound {
		f := fault.New(fault.Unsupported, "%w: it has no manifest.json", errNotSaved)
		if _, err := fs.Stat(archive, "oci-layout"); err == nil {
			f.WithHint("it is an OCI image layout: write oci-archive:PATH, or --from oci-archive")
		}
		return nil, f
	}
	if err != nil {
		return nil, err
	}
	var all []saved
	if err := json.Unmarshal(data, &all); err != nil {
		return nil, fault.New(fault.Unsupported, "its manifest.json cannot be read: %w", err)
	}
	if len(all) == 0 || len(all) > maxImages {
		return nil, fault.New(fault.Unsupported, "its manifest.json lists %d images; 1 to %d can be handled", len(all), maxImages)
	}
	for i := range all {
		config, err := all[i].config(archive, limits)
		if err != nil {
			return nil, err
		}
		all[i].id = hashOf(config)
		_ = json.Unmarshal(config, &all[i].platform) // one that cannot be read is for no platform
	}
	return all, nil
}

// config reads the image's configuration. Its name holds its digest.
func (s saved) config(archive fs.FS, limits Limits) ([]byte, error) {
	config, err := readFile(archive, s.Config, limits.MaxManifestBytes)
	if err != nil {
		return nil, err
	}
	hex := strings.TrimSuffix(path.Base(s.Config), ".json")
	if got := hashOf(config); isHex(hex) && hex != got.Hex {
		return nil, mismatch("the configuration "+printable(s.Config), v1.Hash{Algorithm: "sha256", Hex: hex}, got)
	}
	return config, nil
}

// pick chooses an image by name, then by platform.
func (v *visit) pick(all []saved, name string) (saved, error) {
	fits := all
	if name != "" {
		fits = slices.DeleteFunc(slices.Clone(all), func(s saved) bool {
			return s.id.String() != name && !called(s.RepoTags, name)
		})
		if len(fits) == 0 {
			return saved{}, fault.New(fault.NotFound, "it holds no image %q but %s", printable(name), savedNames(all))
		}
	}
	if len(fits) == 1 {
		return fits[0], nil
	}
	var have []v1.Platform
	for _, s := range fits {
		have = append(have, s.platform)
	}
	i := v.want.best(have)
	if i < 0 {
		return saved{}, v.want.wrong(have)
	}
	if v.want.best(slices.Delete(have, i, i+1)) >= 0 {
		return saved{}, fault.New(fault.Invalid, "it holds several images: %s", savedNames(fits)).
			WithHint("choose one by writing PATH:NAME, with one of its tags")
	}
	return fits[i], nil
}

// savedNames are the images as a person may ask for them.
func savedNames(all []saved) string {
	var names []string
	for _, s := range all {
		name := strings.Join(s.RepoTags, " ")
		if name == "" {
			name = s.id.String()
		}
		names = append(names, printable(name))
	}
	return list(names)
}

// readFile reads a small file of an archive.
func readFile(archive fs.FS, name string, limit int64) ([]byte, error) {
	clean, err := inside(name, ".")
	if err != nil {
		return nil, err
	}
	r, err := openBlob(archive, clean)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	data, err := readSmall(r, limit)
	if err != nil {
		return nil, within("read "+printable(name), err)
	}
	return data, nil
}
