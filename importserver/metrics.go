package importserver

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are what Prometheus is shown. Each server has a registry of its own.
type metrics struct {
	registry *prometheus.Registry
	attempts *prometheus.CounterVec
	took     *prometheus.HistogramVec
	requests *prometheus.CounterVec
	answered *prometheus.HistogramVec
	lost     prometheus.Counter
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidepole_work_attempts_total", Help: "Attempts at work on images that have ended.",
		}, []string{"stage", "outcome"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tidepole_work_seconds", Help: "How long attempts at work on images took.",
			Buckets: []float64{.1, .5, 1, 5, 10, 30, 60, 120, 300, 600, 1800, 3600},
		}, []string{"stage", "outcome"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "tidepole_http_requests_total", Help: "Requests answered.",
		}, []string{"route", "code"}),
		answered: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "tidepole_http_request_seconds", Help: "How long requests took.", Buckets: prometheus.DefBuckets,
		}, []string{"route"}),
		lost: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "tidepole_leases_lost_total", Help: "Leases of workers that fell silent.",
		}),
	}
	m.registry.MustRegister(m.attempts, m.took, m.requests, m.answered, m.lost, &rowCounts{server: s},
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// attempt notes the end of an attempt.
func (m *metrics) attempt(stage string, took time.Duration, err error) {
	outcome := "done"
	if err != nil {
		outcome = "failed"
	}
	m.attempts.WithLabelValues(stage, outcome).Inc()
	m.took.WithLabelValues(stage, outcome).Observe(took.Seconds())
}

// request notes an answer. The route is the pattern, so that there are few.
func (m *metrics) request(route string, code int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(code)).Inc()
	m.answered.WithLabelValues(route).Observe(took.Seconds())
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// rowCounts counts rows when it is asked.
type rowCounts struct{ server *Server }

var (
	queueLength = prometheus.NewDesc("tidepole_queue_length", "Work on images, by stage and state (queued, running).", []string{"stage", "state"}, nil)
	queueAge    = prometheus.NewDesc("tidepole_queue_oldest_seconds", "How long the oldest queued work has waited.", []string{"stage"}, nil)
	imageCount  = prometheus.NewDesc("tidepole_images", "Images by analysis status.", []string{"status"}, nil)
)

// Describe implements prometheus.Collector.
func (c *rowCounts) Describe(out chan<- *prometheus.Desc) {
	out <- queueLength
	out <- queueAge
	out <- imageCount
}

// Collect implements prometheus.Collector.
func (c *rowCounts) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	view := c.server.store.View()
	images, err := view.CountImages(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(imageCount, err)
	}
	for status := range statuses {
		out <- prometheus.MustNewConstMetric(imageCount, prometheus.GaugeValue, float64(images[status]), status)
	}
	backlog, err := view.Backlog(ctx)
	if err != nil {
		out <- prometheus.NewInvalidMetric(queueLength, err)
	}
	for _, stage := range []string{"analyze", "assess"} {
		b, age := backlog[stage], 0.0
		if !b.Oldest.IsZero() {
			age = max(c.server.now().Sub(b.Oldest).Seconds(), 0)
		}
		out <- prometheus.MustNewConstMetric(queueLength, prometheus.GaugeValue, float64(b.Free), stage, "queued")
		out <- prometheus.MustNewConstMetric(queueLength, prometheus.GaugeValue, float64(b.Leased), stage, "running")
		out <- prometheus.MustNewConstMetric(queueAge, prometheus.GaugeValue, age, stage)
	}
}
