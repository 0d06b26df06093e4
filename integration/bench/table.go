package main

import (
	"fmt"
	"slices"
	"strings"
)

// row is one line of the table of targets.
type row struct {
	Measure, Value, Target, Detail string
	Met                            string // yes, no, or ""
}

// targets are the measures that the project has set itself, as far as they
// were taken.
func (r Results) targets() []row {
	var rows []row
	ratio := func(name string, own, peer job, field func(measure) float64, unit string, most float64) {
		a, ok := r.median(own)
		b, there := r.median(peer)
		if !ok || !there || field(b) == 0 {
			return
		}
		rows = append(rows, row{name, fmt.Sprintf("%.2f", field(a)/field(b)), bound(most), fmt.Sprintf("%s %s to %s %s", number(field(a)), unit, number(field(b)), unit), met(field(a)/field(b), most)})
	}
	wall := func(m measure) float64 { return m.Wall.Seconds() }
	cpu := func(m measure) float64 { return m.CPU.Seconds() }
	peak := func(m measure) float64 { return float64(m.Peak) / (1 << 20) }
	own := func(image, source, cache string) job { return job{tidepole, image, source, cache} }
	peer := func(image, source string) job { return job{Tool: syft, Image: image, Source: source} }

	ratio("wall, archive, against syft", own(reference, archive, empty), peer(reference, archive), wall, "s", 0.6)
	ratio("wall, registry, against syft", own(reference, registry, empty), peer(reference, registry), wall, "s", 0.45)
	ratio("wall, registry, against the limit", own(reference, registry, empty), job{Tool: limit, Image: reference}, wall, "s", 1.5)
	ratio("wall, daemon, against `docker save` alone", own(reference, daemon, empty), job{Tool: save, Image: reference, Source: daemon}, wall, "s", 1.3)
	ratio("wall, daemon, against syft", own(reference, daemon, empty), peer(reference, daemon), wall, "s", 0)
	for _, source := range []string{archive, registry, daemon} {
		ratio("CPU, "+source+", against syft", own(reference, source, empty), peer(reference, source), cpu, "s", 0)
	}
	for _, source := range []string{archive, registry, daemon} {
		ratio("peak memory, "+source+", against syft", own(reference, source, empty), peer(reference, source), peak, "MiB", 0.3)
	}
	ratio("peak memory, four times the size, against the reference", own(fourfold, registry, empty), own(reference, registry, empty), peak, "MiB", 1.3)
	rows = append(rows, r.written()...)
	rows = append(rows, r.again(own)...)
	rows = append(rows, r.tiny(own)...)
	rows = append(rows, r.secrets()...)
	rows = append(rows, r.equal()...)
	if m, ok := r.median(job{Tool: "tidepole --help"}); ok {
		rows = append(rows, row{"`tidepole --help`", fmt.Sprintf("%d ms", m.Wall.Milliseconds()), "≤ 100 ms", fmt.Sprintf("median of %d", helpRuns), met(float64(m.Wall.Milliseconds()), 100)})
	}
	return rows
}

func (r Results) written() []row {
	m, ok := r.median(job{tidepole, reference, registry, empty})
	f, there := r.facts(reference)
	if !ok || !there {
		return nil
	}
	return []row{
		{"disk written, registry, against the inflated image", fmt.Sprintf("%.2f", float64(m.Written)/float64(f.Inflated)), bound(1), fmt.Sprintf("%s to %s; %s stay in the cache", size(m.Written), size(f.Inflated), size(m.Kept)), met(float64(m.Written)/float64(f.Inflated), 1)},
		{"left in the temporary folder", size(m.Left), "0", "", met(float64(m.Left), 0.5)},
	}
}

func (r Results) again(own func(image, source, cache string) job) []row {
	fresh, ok := r.median(own(reference, registry, empty))
	if !ok {
		return nil
	}
	var rows []row
	if m, ok := r.median(own(reference, registry, filled)); ok {
		rows = append(rows, row{"the same image again, registry", fmt.Sprintf("%.2f s", m.Wall.Seconds()), "≤ 0.3 s", "peak " + size(m.Peak), met(m.Wall.Seconds(), 0.3)})
	}
	for _, name := range []string{topChanged, topProgram} {
		if m, ok := r.median(own(name, registry, filled)); ok {
			q := m.Wall.Seconds() / fresh.Wall.Seconds()
			what := map[string]string{topChanged: "source files", topProgram: "a Go program"}[name]
			rows = append(rows, row{"only the top layer changed, in " + what + ", against uncached", fmt.Sprintf("%.2f", q), bound(0.15), fmt.Sprintf("%.2f s to %.2f s", m.Wall.Seconds(), fresh.Wall.Seconds()), met(q, 0.15)})
		}
	}
	return rows
}

func (r Results) tiny(own func(image, source, cache string) job) []row {
	m, ok := r.median(own(million, registry, empty))
	if !ok {
		return nil
	}
	rows := []row{{"peak memory, a million tiny files", size(m.Peak), "≤ 1 GiB", fmt.Sprintf("%.1f s", m.Wall.Seconds()), met(float64(m.Peak), 1<<30)}}
	if q, ok := r.median(own(quarterMillion, registry, empty)); ok {
		growth := m.CPU.Seconds() / q.CPU.Seconds() / 4
		rows = append(rows, row{"CPU per file, a million against a quarter of it", fmt.Sprintf("%.2f", growth), "linear: ≤ 1.3", fmt.Sprintf("%.1f s to %.1f s", m.CPU.Seconds(), q.CPU.Seconds()), met(growth, 1.3)})
	}
	return rows
}

func (r Results) secrets() []row {
	var rows []row
	if s := r.Speed; s != nil {
		rows = append(rows, row{"secrets alone, one core", fmt.Sprintf("%.0f MB/s", s.PerSecond()), "≥ 300 MB/s", fmt.Sprintf("%d files, %s, %.1f s", s.Files, size(s.Searched), s.CPU.Seconds()), met(300, s.PerSecond())})
	}
	if s := r.Secrets; s != nil {
		found := s.Planted - len(s.Missed)
		rows = append(rows, row{"planted secrets found", fmt.Sprintf("%d of %d", found, s.Planted), "all", r.peerOn(s), met(float64(s.Planted), float64(found))})
		if s.PlantedFiles > 0 {
			rows = append(rows, row{"findings besides", fmt.Sprint(s.Beside), fmt.Sprintf("≤ %d", s.PeerBeside), "gitleaks has " + fmt.Sprint(s.PeerBeside), met(float64(s.Beside), float64(s.PeerBeside))})
		}
	}
	return rows
}

func (r Results) peerOn(s *Secrets) string {
	if s.PlantedFiles == 0 {
		return ""
	}
	text := fmt.Sprintf("gitleaks finds some in %d of the %d files", s.PeerFiles, s.PlantedFiles)
	if m, ok := r.median(job{Tool: gitleaks, Image: reference, Source: files}); ok {
		text += fmt.Sprintf(", in %.0f s (%.0f s of CPU)", m.Wall.Seconds(), m.CPU.Seconds())
	}
	return text
}

func (r Results) equal() []row {
	var rows []row
	for _, c := range r.Comparisons {
		missing, more, unsteady, parts := 0, 0, 0, []string{}
		for _, d := range c.Differences {
			missing, more, unsteady = missing+len(d.Missing), more+len(d.More), unsteady+len(d.Unsteady)
			parts = append(parts, fmt.Sprintf("%d %s", d.Syft, d.Section))
		}
		value := "equal"
		if missing+more > 0 {
			value = fmt.Sprintf("%d missing, %d more", missing, more)
		}
		if unsteady > 0 {
			value += fmt.Sprintf(", but for %d in which syft's own runs differ", unsteady)
		}
		rows = append(rows, row{"answer equal to syft's: " + c.Image, value, "equal", strings.Join(parts, ", "), met(float64(missing+more), 0.5)})
	}
	return rows
}

func (r Results) facts(name string) (Facts, bool) {
	at := slices.IndexFunc(r.Images, func(f Facts) bool { return f.Name == name })
	if at < 0 {
		return Facts{}, false
	}
	return r.Images[at], true
}

func bound(most float64) string {
	if most == 0 {
		return ""
	}
	return fmt.Sprintf("≤ %v", most)
}

func met(value, most float64) string {
	switch {
	case most == 0:
		return ""
	case value <= most:
		return "yes"
	}
	return "no"
}

func number(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func size(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
