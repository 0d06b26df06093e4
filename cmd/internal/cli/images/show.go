package images

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/wire"
)

// formats are those of an image's record.
var formats = []string{output.Text, output.JSON, output.JSONRaw, output.ID}

// show writes an image's record.
func show(w io.Writer, format string, image wire.Image) error {
	switch format {
	case output.ID:
		_, err := fmt.Fprintln(w, image.Digest)
		return err
	case output.Text:
		return record(w, image)
	}
	return output.WriteJSON(w, format, image)
}

func record(w io.Writer, image wire.Image) error {
	l := output.NewLines(w)
	l.Add("Status", "%s (%s)", dashed(image.Status), image.RecordStatus)
	for _, tag := range tags(image) {
		l.Add("Tag", "%s", tag)
	}
	l.Add("Digest", "%s", image.Digest)
	if image.ParentDigest != "" && image.ParentDigest != image.Digest {
		l.Add("Parent Digest", "%s", image.ParentDigest)
	}
	l.Add("ID", "%s", id(image))
	m := image.Content.Metadata
	if m.Distro != nil || m.Arch != nil {
		l.Add("Distro", "%s", distro(m))
	}
	if m.LayerCount != nil {
		l.Add("Layers", "%d", *m.LayerCount)
	}
	if m.ImageSize != nil {
		l.Add("Size", "%s (its layers, as stored)", output.Bytes(*m.ImageSize))
	}
	if m.DockerfileMode != nil {
		l.Add("Dockerfile", "%s", strings.ToLower(*m.DockerfileMode))
	}
	if image.Origin != "" {
		l.Add("Evidence", "%s", origins[image.Origin])
	}
	if image.Gaps > 0 {
		l.Add("Gaps", "%s (tidepole image content IMAGE -t gaps shows which)", gaps(image.Gaps))
	}
	for _, key := range sortedKeys(image.Annotations) {
		l.Add("Annotation", "%s=%s", key, image.Annotations[key])
	}
	if image.Status != wire.Analyzed {
		l.Add("State", "%s", remote.State(image))
	}
	return l.Err()
}

// gaps says of how many files something is not known.
func gaps(n int) string {
	if n == 1 {
		return "1 file could not be read in full"
	}
	return fmt.Sprintf("%d files could not be read in full", n)
}

var origins = map[string]string{
	"client": "a client's claim",
	"server": "measured by the server",
}

// history writes the steps of an image's analysis.
func history(w io.Writer, image wire.Image) error {
	l := output.NewLines(w)
	for _, t := range image.StatusDetail {
		text := fmt.Sprintf("%s %s -> %s", output.Time(t.Timestamp), dashed(t.From), dashed(t.To))
		if t.Attempt > 1 {
			text += fmt.Sprintf(", attempt %d", t.Attempt)
		}
		if t.Source.HostID != "" {
			text += " on " + t.Source.HostID
		}
		if t.Source.Worker != "" {
			text += ", worker " + t.Source.Worker
		}
		if t.Reason != "" {
			text += ": " + t.Reason
		}
		l.Add("History", "%s", text)
	}
	return l.Err()
}

func tags(image wire.Image) []string {
	var tags []string
	for _, d := range image.Detail {
		if d.FullTag != "" && !slices.Contains(tags, d.FullTag) {
			tags = append(tags, d.FullTag)
		}
	}
	return tags
}

func id(image wire.Image) string {
	if len(image.Detail) == 0 {
		return ""
	}
	return image.Detail[0].ImageID
}

// distro is as in "debian@12 (amd64)".
func distro(m wire.ImageMetadata) string {
	name := text(m.Distro, "unknown")
	if v := text(m.DistroVersion, ""); v != "" {
		name += "@" + v
	}
	return name + " (" + text(m.Arch, "unknown") + ")"
}

func text(s *string, none string) string {
	if s == nil || *s == "" {
		return none
	}
	return *s
}

// dashed is a state as text results spell it: not-analyzed.
func dashed(state string) string { return strings.ReplaceAll(state, "_", "-") }

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// underscored is a state as the API spells it: not_analyzed.
func underscored(state string) string { return strings.ReplaceAll(state, "-", "_") }
