package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// point is one image's figure: size in GiB, and seconds or MiB.
type point struct{ x, y float64 }

const (
	panelWidth, panelHeight = 330, 220
	marginLeft, marginTop   = 55, 40
)

// plot is a picture of wall and peak memory by the size of the image, of
// tidepole and syft from the registry; "" where there are fewer than two sizes.
func plot(r Results) string {
	var b strings.Builder
	wall := func(m measure) float64 { return m.Wall.Seconds() }
	peak := func(m measure) float64 { return float64(m.Peak) / (1 << 20) }
	if len(r.line(tidepole, empty, wall)) < 2 {
		return ""
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="11">`+"\n", 2*(panelWidth+marginLeft)+40, panelHeight+marginTop+50)
	b.WriteString(`<rect width="100%" height="100%" fill="#fff"/>` + "\n")
	r.panel(&b, 0, "seconds, nothing cached", wall)
	r.panel(&b, panelWidth+marginLeft+20, "MiB of memory at the peak", peak)
	b.WriteString("</svg>\n")
	return b.String()
}

func (r Results) line(tool, cache string, field func(measure) float64) []point {
	var points []point
	for _, name := range []string{quarter, reference, fourfold} {
		f, ok := r.facts(name)
		m, there := r.median(job{tool, name, registry, cache})
		if ok && there {
			points = append(points, point{float64(f.Inflated) / (1 << 30), field(m)})
		}
	}
	return points
}

func (r Results) panel(b *strings.Builder, left int, title string, field func(measure) float64) {
	lines := []struct {
		name, colour string
		points       []point
	}{
		{tidepole, "#0b6e99", r.line(tidepole, empty, field)},
		{syft, "#c2571a", r.line(syft, "", field)},
	}
	var all []point
	for _, l := range lines {
		all = append(all, l.points...)
	}
	maxX := slices.MaxFunc(all, func(a, b point) int { return int(math.Copysign(1, a.x-b.x)) }).x * 1.05
	maxY := slices.MaxFunc(all, func(a, b point) int { return int(math.Copysign(1, a.y-b.y)) }).y * 1.1
	at := func(p point) (float64, float64) {
		return float64(left+marginLeft) + p.x/maxX*panelWidth, marginTop + panelHeight - p.y/maxY*panelHeight
	}
	fmt.Fprintf(b, `<text x="%d" y="20" font-weight="bold">%s</text>`+"\n", left+marginLeft, title)
	fmt.Fprintf(b, `<path d="M%d %dv%dh%d" fill="none" stroke="#444"/>`+"\n", left+marginLeft, marginTop, panelHeight, panelWidth)
	for y := step(maxY); y < maxY; y += step(maxY) {
		_, py := at(point{0, y})
		fmt.Fprintf(b, `<path d="M%d %.1fh%d" stroke="#ddd"/><text x="%d" y="%.1f" text-anchor="end">%g</text>`+"\n", left+marginLeft, py, panelWidth, left+marginLeft-5, py+4, y)
	}
	for x := step(maxX); x < maxX; x += step(maxX) {
		px, py := at(point{x, 0})
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="middle">%g</text>`+"\n", px, py+15, x)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="middle">GiB, inflated</text>`+"\n", left+marginLeft+panelWidth/2, marginTop+panelHeight+35)
	for _, l := range lines {
		var path []string
		for _, p := range l.points {
			x, y := at(p)
			path = append(path, fmt.Sprintf("%.1f,%.1f", x, y))
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3" fill="%s"/>`+"\n", x, y, l.colour)
		}
		if len(path) == 0 {
			continue
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(path, " "), l.colour)
		x, y := at(l.points[len(l.points)-1])
		fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="end" fill="%s">%s</text>`+"\n", x-6, y-6, l.colour, l.name)
	}
}

// step is the distance of the marks on an axis: about five of them, round.
func step(most float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(most/5)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= most/5 {
			return m * power
		}
	}
	return 10 * power
}
