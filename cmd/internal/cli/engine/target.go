package engine

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/tidepole/tidepole/analysis"
	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/progress"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/stage"
)

// Target is the image that a command is to analyse, as its flags say.
type Target struct {
	From        string
	Platform    string
	Dockerfile  string
	Annotations []string
}

// Register adds the flags.
func (t *Target) Register(fs *pflag.FlagSet, fromUsage string) {
	t.register(fs, fromUsage, "p", "d")
}

// RegisterLong adds the flags for a command whose letters mean something else.
func (t *Target) RegisterLong(fs *pflag.FlagSet, fromUsage string) {
	t.register(fs, fromUsage, "", "")
}

func (t *Target) register(fs *pflag.FlagSet, fromUsage, platform, dockerfile string) {
	fs.StringVar(&t.From, "from", "", fromUsage)
	fs.StringVarP(&t.Platform, "platform", platform, "", "`OS/ARCH[/VARIANT]` to choose from a multi-platform image")
	fs.StringVarP(&t.Dockerfile, "dockerfile", dockerfile, "", "`PATH` of the Dockerfile the image was built from")
	fs.StringArrayVar(&t.Annotations, "annotation", nil, "`KEY=VALUE` to record with the image (repeatable)")
	for _, flag := range []string{"from", "platform", "dockerfile", "annotation"} {
		config.Key(fs, flag, "image."+flag)
	}
}

// SourceNames are what --from may name, in the order in which they are tried
// where it names none.
func SourceNames() []string {
	var names []string
	for _, s := range image.Sources() {
		names = append(names, s.Name)
	}
	return names
}

// place is where --from says that an image's evidence comes from.
type place struct {
	source    string // a source's name, or "" to try them all
	reference string // what to ask the source for
	name      string // what to record it as; "": what the source calls it
	document  string // instead of all that: a syft document's file, or "-"
}

// Records tells whether the name on the command line is what the image is recorded
// as: it is not where it is the path that a source reads.
func (t *Target) Records() bool {
	return !strings.HasSuffix(t.From, "-archive") && !strings.HasSuffix(t.From, "-dir")
}

// place reads --from for the image that the command line names.
func (t *Target) place(name string) (place, error) {
	if t.From == "" {
		return place{reference: name}, nil
	}
	source, rest, found := strings.Cut(t.From, ":")
	for _, s := range SourceNames() {
		switch {
		case source != s:
		case !found:
			return place{source: s, reference: name}, nil
		case rest == "":
			return place{}, fault.New(fault.Invalid, "--from %q names nothing after the colon", t.From)
		default:
			return place{source: s, reference: rest, name: name}, nil
		}
	}
	if t.From == "-" {
		return place{document: "-", name: name}, nil
	}
	info, err := os.Stat(t.From)
	if (err == nil && !info.IsDir()) || strings.HasSuffix(t.From, ".json") {
		return place{document: t.From, name: name}, nil
	}
	if err == nil {
		return place{}, fault.New(fault.Invalid, "--from %q is a folder", t.From).WithHint("--from oci-dir:%s, if it is an OCI layout", t.From)
	}
	return place{}, fault.New(fault.Invalid, "--from %q is neither a source nor a file", t.From).
		WithHint("sources are %s, each alone or with :NAME or :PATH; or give a syft JSON file, or - for standard input", strings.Join(SourceNames(), ", "))
}

// Analyze takes the evidence of the image that the command line names. The
// caller closes it.
func (t *Target) Analyze(ctx context.Context, e *env.Env, name string, display *progress.Display) (*bundle.Bundle, error) {
	at, err := t.place(name)
	if err != nil {
		return nil, err
	}
	dockerfile, err := t.ReadDockerfile()
	if err != nil {
		return nil, err
	}
	annotations, err := t.ReadAnnotations()
	if err != nil {
		return nil, err
	}
	defer collectSooner(e)()
	o, err := options(e, display)
	if err != nil {
		return nil, err
	}
	req := analysis.Request{Name: at.name, Dockerfile: dockerfile, Annotations: annotations}
	if at.document != "" {
		return t.fromDocument(ctx, e, at.document, req, o)
	}
	images, err := imageOptions(e)
	if err != nil {
		return nil, err
	}
	req.Image = image.Request{Reference: at.reference, Source: at.source, Platform: t.Platform, Options: images}
	spent := stage.Watch{Now: e.Now}
	if show := o.Progress; show != nil {
		o.Progress = func(p image.Progress) { spent.See(p.Stage); show(p) }
	}
	var b *bundle.Bundle
	err = withCache(e, warnCache(e), func(c cache.Store) (err error) {
		o.Cache = c
		b, err = analysis.Analyze(ctx, req, o)
		return err
	})
	stages := spent.Stop()
	stage.Trace(ctx, stages)
	if err != nil {
		return nil, err
	}
	for _, s := range stages {
		e.Log.InfoContext(ctx, "stage", "name", s.Name, "took", s.End.Sub(s.Begin).Round(time.Millisecond))
	}
	e.Log.Info("image analysed", "source", b.Source, "digest", b.Digest)
	return b, nil
}

func (t *Target) fromDocument(ctx context.Context, e *env.Env, path string, req analysis.Request, o analysis.Options) (*bundle.Bundle, error) {
	if t.Platform != "" {
		return nil, fault.New(fault.Invalid, "--platform chooses an image; a syft document is of one already")
	}
	in := e.Stdin(ctx)
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, fault.New(fault.Invalid, "read syft document: %w", err)
		}
		defer f.Close()
		if packed(f) {
			return nil, fault.New(fault.Invalid, "read syft document: %s is an archive, not JSON", path).
				WithHint("if it is an image: --from docker-archive:%s or --from oci-archive:%s", path, path)
		}
		in = env.Ending(ctx, f, path)
	} else {
		path = "standard input"
	}
	b, err := analysis.FromSBOM(ctx, in, req, o)
	if err != nil {
		return nil, named(err, path)
	}
	return b, nil
}

// packed tells whether a file is a tar archive or compressed, by how it begins.
// A pipe is not looked into.
func packed(f *os.File) bool {
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return false
	}
	head := make([]byte, 512)
	n, _ := f.ReadAt(head, 0)
	head = head[:n]
	for _, magic := range []string{"\x1f\x8b", "\x28\xb5\x2f\xfd", "BZh", "\xfd7zXZ", "PK\x03\x04"} {
		if strings.HasPrefix(string(head), magic) {
			return true
		}
	}
	return n > 262 && string(head[257:262]) == "ustar"
}

// named puts a file's name before an error that does not have it.
func named(err error, path string) error {
	if strings.Contains(err.Error(), path) {
		return err
	}
	f := fault.New(fault.Of(err), "%s: %w", path, err)
	f.Hint = fault.Hint(err)
	return f
}

// ReadDockerfile is the content of --dockerfile, or nil.
func (t *Target) ReadDockerfile() ([]byte, error) {
	if t.Dockerfile == "" {
		return nil, nil
	}
	data, err := readLimited(t.Dockerfile, bundle.MaxDockerfile)
	if err != nil {
		return nil, fault.New(fault.Invalid, "read the Dockerfile: %w", err)
	}
	return data, nil
}

// ReadAnnotations are those of --annotation, or nil.
func (t *Target) ReadAnnotations() (map[string]string, error) {
	if len(t.Annotations) == 0 {
		return nil, nil
	}
	m := map[string]string{}
	for _, a := range t.Annotations {
		key, value, ok := strings.Cut(a, "=")
		if !ok || key == "" {
			return nil, fault.New(fault.Invalid, "--annotation %q is not KEY=VALUE", a)
		}
		m[key] = value
	}
	return m, nil
}

func readAll(r io.Reader, path string, limit int64) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is longer than %d bytes", path, limit)
	}
	return data, err
}
