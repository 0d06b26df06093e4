package importserver

import (
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metric is one that a server shows, as its documentation has it. No label has a
// value that users choose: there are few, whatever is in the store.
type Metric struct {
	Name   string
	Kind   string // counter, gauge or histogram
	Labels []string
	Help   string
	Shared bool // read from the rows: every process on a store shows the same
}

// Metrics are all that there are, but for those of Go and of the process.
func Metrics() []Metric { return newMetrics(nil).all }

// metrics are what Prometheus is shown. Each server has a registry of its own.
type metrics struct {
	registry *prometheus.Registry
	all      []Metric

	attempts *prometheus.CounterVec
	took     *prometheus.HistogramVec
	stages   *prometheus.HistogramVec
	lost     *prometheus.CounterVec
	requests *prometheus.CounterVec
	answered *prometheus.HistogramVec
	flying   *prometheus.GaugeVec
	rows     *prometheus.HistogramVec
	rowsBad  *prometheus.CounterVec
	blobs    *prometheus.HistogramVec
	blobsBad *prometheus.CounterVec
}

// Buckets of durations, in seconds.
var (
	fast = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	slow = []float64{.1, .5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600}
)

func newMetrics(s *Server) *metrics {
	m := &metrics{registry: prometheus.NewRegistry()}
	m.attempts = m.counter("tidepole_work_attempts_total", "Attempts at work on images that have ended: done, failed, lost (to another lease, or to a user who cancelled) or given_back (as the worker was to end).", "stage", "outcome")
	m.took = m.histogram("tidepole_work_duration_seconds", "How long attempts at work on images took.", slow, "stage", "outcome")
	m.stages = m.histogram("tidepole_stage_duration_seconds", "How long the stages of attempts took.", slow, "stage")
	m.lost = m.counter("tidepole_leases_lost_total", "Leases that this process took back from workers that fell silent.")
	m.requests = m.counter("tidepole_http_requests_total", "Requests answered.", "route", "code")
	m.answered = m.histogram("tidepole_http_request_duration_seconds", "How long requests took, transfers included.", fast, "route")
	m.flying = m.gauge("tidepole_http_requests_in_flight", "Requests that are being answered.")
	m.rows = m.histogram("tidepole_store_operation_duration_seconds", "How long the database took: to read, for a transaction, or until it was one's turn to write.", fast, "operation")
	m.rowsBad = m.counter("tidepole_store_failures_total", "Operations that the database failed at.", "operation")
	m.blobs = m.histogram("tidepole_blob_operation_duration_seconds", "How long the blob store took.", fast, "operation")
	m.blobsBad = m.counter("tidepole_blob_failures_total", "Operations that the blob store failed at.", "operation")
	m.lost.WithLabelValues() // so that it shows while it is 0
	m.flying.WithLabelValues()
	m.registry.MustRegister(newCounts(s, m),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) counter(name, help string, labels ...string) *prometheus.CounterVec {
	v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: help}, labels)
	m.add(v, Metric{Name: name, Kind: "counter", Labels: labels, Help: help})
	return v
}

func (m *metrics) gauge(name, help string, labels ...string) *prometheus.GaugeVec {
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, labels)
	m.add(v, Metric{Name: name, Kind: "gauge", Labels: labels, Help: help})
	return v
}

func (m *metrics) histogram(name, help string, buckets []float64, labels ...string) *prometheus.HistogramVec {
	v := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: help, Buckets: buckets}, labels)
	m.add(v, Metric{Name: name, Kind: "histogram", Labels: labels, Help: help})
	return v
}

func (m *metrics) add(c prometheus.Collector, as Metric) {
	m.registry.MustRegister(c)
	m.all = append(m.all, as)
}

// attempt notes the end of an attempt.
func (m *metrics) attempt(stage, outcome string, took time.Duration) {
	m.attempts.WithLabelValues(stage, outcome).Inc()
	m.took.WithLabelValues(stage, outcome).Observe(took.Seconds())
}

// knownStages are the stages of attempts that are told apart.
var knownStages = []string{"resolve", "pull", "catalog", "write", "import", "read", "match", "evaluate"}

// stage notes the end of a stage of an attempt.
func (m *metrics) stage(name string, took time.Duration) {
	if !slices.Contains(knownStages, name) {
		name = "other"
	}
	m.stages.WithLabelValues(name).Observe(took.Seconds())
}

// request notes an answer. The route is the pattern, so that there are few.
func (m *metrics) request(route string, code int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(code)).Inc()
	m.answered.WithLabelValues(route).Observe(took.Seconds())
}

// row notes an operation of the database.
func (m *metrics) row(operation string, took time.Duration, failed bool) {
	m.rows.WithLabelValues(operation).Observe(took.Seconds())
	if failed {
		m.rowsBad.WithLabelValues(operation).Inc()
	}
}

// blob notes an operation of the blob store.
func (m *metrics) blob(operation string, took time.Duration, failed bool) {
	m.blobs.WithLabelValues(operation).Observe(took.Seconds())
	if failed {
		m.blobsBad.WithLabelValues(operation).Inc()
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 4})
}
