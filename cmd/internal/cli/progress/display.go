package progress

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/formats/table"
)

// Event is one step of the work.
type Event struct {
	Stage    string
	Item     string // what of the stage, as a layer's digest; may be ""
	Done     int64  // bytes
	Total    int64  // bytes; 0 where unknown
	Finished bool
}

// what says of every stage what is done in it.
var what = map[string]string{
	"resolve": "looking up the image",
	"pull":    "fetching layers",
	"read":    "reading layers",
	"catalog": "cataloguing packages",
	"search":  "searching files",
	"write":   "writing the evidence",
	"upload":  "sending the evidence",
	"match":   "matching vulnerabilities",
	"wait":    "waiting for the server",
}

const (
	interval = 100 * time.Millisecond
	maxItems = 8 // lines for the items of all stages together
	barWidth = 20
)

// Display shows events. Its methods may be called from any goroutine.
type Display struct {
	out    io.Writer
	screen *Screen // nil: a line a stage
	quiet  bool

	mu     sync.Mutex
	stages []*stage
	stop   chan struct{}
	ended  chan struct{}
}

type stage struct {
	name  string
	note  string
	items []*Event
}

// New shows events on standard error as the terminal and -q have it. Close
// must be called before anything else is written to the terminal directly.
func New(e *env.Env) *Display {
	d := &Display{out: e.Err, quiet: e.Global.Quiet}
	screen, ok := e.Err.Writer.(*Screen)
	if ok && !d.quiet && e.Getenv("TERM") != "dumb" {
		d.screen = screen
		d.stop, d.ended = make(chan struct{}), make(chan struct{})
		go d.redraw()
	}
	return d
}

// Update takes an event.
func (d *Display) Update(ev Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stage(ev.Stage)
	if ev.Item == "" {
		return
	}
	for _, item := range s.items {
		if item.Item == ev.Item {
			*item = ev
			return
		}
	}
	s.items = append(s.items, &ev)
}

// Note shows what a stage is at, as in "position 3 in the queue".
func (d *Display) Note(stageName, note string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.stage(stageName)
	if s.note == note {
		return
	}
	s.note = note
	if d.screen == nil && !d.quiet {
		fmt.Fprintf(d.out, "%s: %s\n", s.name, table.Clean(note))
	}
}

// Close leaves the stages that were worked on, one line each, and ends the drawing.
func (d *Display) Close() {
	if d.screen == nil {
		return
	}
	close(d.stop)
	<-d.ended
	d.mu.Lock()
	defer d.mu.Unlock()
	d.screen.Live(nil)
	for _, s := range d.stages {
		fmt.Fprintf(d.out, "%s\n", d.screen.clip(d.summary(s)))
	}
	d.screen = nil
	d.quiet = true
}

// stage is the stage of that name, begun where it is new.
func (d *Display) stage(name string) *stage {
	for _, s := range d.stages {
		if s.name == name {
			return s
		}
	}
	s := &stage{name: table.Clean(name)}
	d.stages = append(d.stages, s)
	if d.screen == nil && !d.quiet && what[name] != "" {
		fmt.Fprintf(d.out, "%s: %s\n", s.name, what[name])
	}
	return s
}

func (d *Display) redraw() {
	defer close(d.ended)
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-d.stop:
			return
		case <-tick.C:
			d.mu.Lock()
			lines := d.lines()
			d.mu.Unlock()
			d.screen.Live(lines)
		}
	}
}

// lines are the stages, and below each the items that are being worked on.
func (d *Display) lines() []string {
	var lines []string
	room := maxItems
	for _, s := range d.stages {
		lines = append(lines, d.summary(s))
		hidden := 0
		for _, item := range s.items {
			switch {
			case item.Finished:
			case room == 0:
				hidden++
			default:
				room--
				lines = append(lines, itemLine(item))
			}
		}
		if hidden > 0 {
			lines = append(lines, fmt.Sprintf("    and %d more", hidden))
		}
	}
	return lines
}

// summary is a stage on one line.
func (d *Display) summary(s *stage) string {
	text := s.note
	if text == "" {
		text = what[s.name]
	}
	line := fmt.Sprintf("%-8s %s", s.name, table.Clean(text))
	var bytes int64
	finished := 0
	for _, item := range s.items {
		bytes += item.Done
		if item.Finished {
			finished++
		}
	}
	if len(s.items) > 0 {
		line += fmt.Sprintf(", %d of %d", finished, len(s.items))
	}
	if bytes > 0 {
		line += ", " + output.Bytes(bytes)
	}
	return line
}

func itemLine(item *Event) string {
	name := shorten(table.Clean(item.Item))
	if item.Total <= 0 {
		return fmt.Sprintf("    %-14s %s", name, output.Bytes(item.Done))
	}
	full := int(min(item.Done, item.Total) * barWidth / item.Total)
	bar := strings.Repeat("#", full) + strings.Repeat(".", barWidth-full)
	return fmt.Sprintf("    %-14s [%s] %s of %s", name, bar, output.Bytes(item.Done), output.Bytes(item.Total))
}

// shorten leaves of a digest what tells it from its neighbours.
func shorten(item string) string {
	if hex, ok := strings.CutPrefix(item, "sha256:"); ok && len(hex) > 12 {
		return hex[:12]
	}
	return item
}
