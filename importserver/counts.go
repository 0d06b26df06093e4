package importserver

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/queue"
)

// countsAge is how old counted rows may be: whoever asks more often is shown the
// same, so that asking cannot load the database.
const countsAge = time.Second

// counts are metrics that are read from the rows when somebody asks.
type counts struct {
	server *Server

	length, oldest, images, imports, processes, places, built *prometheus.Desc

	lock sync.Mutex
	at   time.Time
	last []prometheus.Metric
}

// newCounts describes them to m.
func newCounts(s *Server, m *metrics) *counts {
	describe := func(name, help string, labels ...string) *prometheus.Desc {
		m.all = append(m.all, Metric{Name: name, Kind: "gauge", Labels: labels, Help: help, Shared: true})
		return prometheus.NewDesc(name, help, labels, nil)
	}
	c := &counts{
		server:    s,
		length:    describe("tidepole_queue_length", "Work on images, by what is to be done, how urgent it is, and whether somebody is at it (queued, running).", "stage", "priority", "state"),
		oldest:    describe("tidepole_queue_oldest_age_seconds", "How long the oldest queued work has waited; 0 where there is none.", "stage", "priority"),
		images:    describe("tidepole_images", "Images by analysis status.", "status"),
		imports:   describe("tidepole_imports_in_progress", "Import operations that are open."),
		processes: describe("tidepole_processes", "Servers and workers that are alive.", "kind"),
		places:    describe("tidepole_work_places", "Images that those of them that take work can work on at once."),
		built:     describe("tidepole_vulnerability_database_built_timestamp_seconds", "When the vulnerability database was built, in Unix time; 0 where there is none."),
	}
	m.all[len(m.all)-1].Shared = false // each has a copy of the database of its own
	return c
}

// Describe implements prometheus.Collector.
func (c *counts) Describe(out chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{c.length, c.oldest, c.images, c.imports, c.processes, c.places, c.built} {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (c *counts) Collect(out chan<- prometheus.Metric) {
	c.lock.Lock()
	defer c.lock.Unlock()
	if time.Since(c.at) > countsAge {
		ctx, cancel := context.WithTimeout(c.server.life, 10*time.Second)
		defer cancel()
		c.last, c.at = c.count(ctx), time.Now()
	}
	for _, m := range c.last {
		out <- m
	}
}

// count reads the rows. What cannot be read is an error in its place.
func (c *counts) count(ctx context.Context) []prometheus.Metric {
	view, now := c.server.store.View(), c.server.now()
	images, err := view.CountImages(ctx)
	open, err2 := view.CountOperations(ctx, wire.OperationPending, now)
	lines, err3 := view.Lines(ctx, queue.Bulk)
	processes, err4 := view.Processes(ctx)
	if err := errors.Join(err, err2, err3, err4); err != nil {
		return []prometheus.Metric{prometheus.NewInvalidMetric(c.images, err)}
	}
	var all []prometheus.Metric
	add := func(d *prometheus.Desc, value float64, labels ...string) {
		all = append(all, prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...))
	}
	for status := range statuses {
		add(c.images, float64(images[status]), status)
	}
	add(c.imports, float64(open))
	alive, places := map[string]int{wire.ProcessServer: 0, wire.ProcessWorker: 0}, 0
	for _, p := range processes {
		if c.server.lives(p) {
			alive[p.Kind]++
			if c.server.takes(p) {
				places += p.Capacity
			}
		}
	}
	for kind, n := range alive {
		add(c.processes, float64(n), kind)
	}
	add(c.places, float64(places))
	built := 0.0
	if d := c.server.database(ctx); d.Present {
		built = float64(d.Built.Unix())
	}
	add(c.built, built)
	for _, stage := range []string{queue.Analyze, queue.Assess} {
		for priority, bulk := range map[string]bool{"interactive": false, "bulk": true} {
			l, age := lines[stage][bulk], 0.0
			if !l.Oldest.IsZero() {
				age = max(now.Sub(l.Oldest).Seconds(), 0)
			}
			add(c.length, float64(l.Free), stage, priority, "queued")
			add(c.length, float64(l.Leased), stage, priority, "running")
			add(c.oldest, age, stage, priority)
		}
	}
	return all
}
