package bundle

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"
)

// Limits of the small parts, in bytes; what is longer is refused.
const (
	MaxManifest   = 16 << 20
	MaxConfig     = 16 << 20
	MaxDockerfile = 1 << 20
)

// Facts are what the small parts and the syft document say of an image as a
// whole.
type Facts struct {
	OS, Arch, Variant string
	Created           time.Time

	Distro        string // as in "debian"; "" where there is none
	DistroVersion string // as in "12"
	DistroLike    []string

	Size           int64 // bytes: the sum of the manifest's layer sizes
	Layers         []Layer
	History        []History
	Dockerfile     string // as given, or reconstructed from the history
	DockerfileMode string // DockerfileActual, DockerfileGuessed; "" where there is no history to guess from

	User         string
	ExposedPorts []string // as in "8080/tcp", sorted
	Env          []string
	Healthcheck  []string

	Counts   map[string]int // packages by syft's type
	Files    int
	Gaps     int // files of which something could not be read
	Document Document
}

// Where a Dockerfile comes from.
const (
	DockerfileActual  = "Actual"  // it was given with the image
	DockerfileGuessed = "Guessed" // it was reconstructed from the image's history
)

// Layer is one layer as the manifest and the configuration name it.
type Layer struct {
	Digest    string `json:"digest"` // of the bytes in the registry
	DiffID    string `json:"diff_id"`
	Size      int64  `json:"size"` // of the bytes in the registry
	MediaType string `json:"media_type"`
}

// History is one step of an image's making, from its configuration.
type History struct {
	Created    time.Time `json:"created,omitzero"`
	CreatedBy  string    `json:"created_by,omitempty"`
	Author     string    `json:"author,omitempty"`
	Comment    string    `json:"comment,omitempty"`
	EmptyLayer bool      `json:"empty_layer,omitempty"`
}

type manifest struct {
	Layers []struct {
		Digest    string `json:"digest"`
		Size      int64  `json:"size"`
		MediaType string `json:"mediaType"`
	} `json:"layers"`
}

type config struct {
	OS      string    `json:"os"`
	Arch    string    `json:"architecture"`
	Variant string    `json:"variant"`
	Created time.Time `json:"created"`
	Config  struct {
		User         string              `json:"User"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts"`
		Env          []string            `json:"Env"`
		Healthcheck  *struct {
			Test []string `json:"Test"`
		} `json:"Healthcheck"`
	} `json:"config"`
	RootFS struct {
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []History `json:"history"`
}

// Facts reads the bundle's manifest, configuration, Dockerfile and syft
// document, the last as a stream.
func (b *Bundle) Facts() (Facts, error) { return b.FactsAnd(nil) }

// FactsAnd is Facts, and hands over the packages that it passes on its way
// through the document; visit may be nil.
func (b *Bundle) FactsAnd(visit func(Package) error) (Facts, error) {
	var f Facts
	if err := b.configFacts(&f); err != nil {
		return f, err
	}
	if err := b.manifestFacts(&f); err != nil {
		return f, err
	}
	if err := b.dockerfileFacts(&f); err != nil {
		return f, err
	}
	return f, b.documentFacts(&f, visit)
}

func (b *Bundle) configFacts(f *Facts) error {
	data, err := b.ReadAll(ImageConfig, MaxConfig)
	if err != nil || len(data) == 0 {
		return err
	}
	var c config
	if err := json.Unmarshal(data, &c); err != nil {
		return fmt.Errorf("read image config: %w", err)
	}
	f.OS, f.Arch, f.Variant, f.Created, f.History = c.OS, c.Arch, c.Variant, c.Created, c.History
	f.User, f.Env = c.Config.User, c.Config.Env
	if h := c.Config.Healthcheck; h != nil {
		f.Healthcheck = h.Test
	}
	for port := range c.Config.ExposedPorts {
		f.ExposedPorts = append(f.ExposedPorts, port)
	}
	slices.Sort(f.ExposedPorts)
	for _, id := range c.RootFS.DiffIDs {
		f.Layers = append(f.Layers, Layer{DiffID: id})
	}
	return nil
}

func (b *Bundle) manifestFacts(f *Facts) error {
	data, err := b.ReadAll(Manifest, MaxManifest)
	if err != nil || len(data) == 0 {
		return err
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return fmt.Errorf("read image manifest: %w", err)
	}
	for i, l := range m.Layers {
		if i == len(f.Layers) {
			f.Layers = append(f.Layers, Layer{})
		}
		f.Layers[i].Digest, f.Layers[i].Size, f.Layers[i].MediaType = l.Digest, l.Size, l.MediaType
		f.Size += min(max(l.Size, 0), math.MaxInt64-f.Size) // a sum that is none is the largest there is
	}
	return nil
}

func (b *Bundle) dockerfileFacts(f *Facts) error {
	if _, ok := b.Part(Dockerfile); ok {
		data, err := b.ReadAll(Dockerfile, MaxDockerfile)
		f.Dockerfile, f.DockerfileMode = string(data), DockerfileActual
		return err
	}
	f.Dockerfile = guessDockerfile(f.History)
	if len(f.History) > 0 {
		f.DockerfileMode = DockerfileGuessed
	}
	return nil
}

func (b *Bundle) documentFacts(f *Facts, visit func(Package) error) error {
	p, ok := b.Part(Packages)
	if !ok {
		return nil
	}
	r, err := p.Open()
	if err != nil {
		return fmt.Errorf("open packages: %w", err)
	}
	defer r.Close()
	f.Counts = map[string]int{}
	f.Document, err = ReadDocument(r, Visitor{
		Package: func(p Package) error {
			f.Counts[p.Type]++
			if visit == nil {
				return nil
			}
			return visit(p)
		},
		File: func(file File) error {
			f.Files++
			if len(file.Unknowns) > 0 {
				f.Gaps++
			}
			return nil
		},
	})
	if err != nil {
		return err
	}
	f.Distro, f.DistroVersion, f.DistroLike = f.Document.Distro.Release()
	return nil
}
