package importserver_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver"
)

// central is an engine whose registry has one image, which it analyses.
func central(t *testing.T) *engine {
	e, dir := &engine{}, t.TempDir()
	e.resolve = func(importserver.Target) (importserver.Resolved, error) {
		return importserver.Resolved{Digest: digestOf(1), ParentDigest: digestOf(2), ImageID: digestOf(3), Platform: "linux/amd64"}, nil
	}
	e.analyze = func(ctx context.Context, job importserver.Job, to importserver.Importer) error {
		b, err := makeBundle(dir, image{digest: job.Digest, tags: job.Tags})
		if err != nil {
			return err
		}
		b.ParentDigest = job.ParentDigest
		_, err = to.Import(ctx, b, wire.AddOptions{})
		return err
	}
	return e
}

func byTag(tag string) wire.ImageRequest {
	return wire.ImageRequest{Source: wire.ImageSource{Tag: &wire.TagSource{PullString: tag}}}
}

func (r *running) add(tag string, o wire.AddOptions) wire.Receipt {
	r.t.Helper()
	receipt, err := r.AddImage(r.t.Context(), byTag(tag), o)
	if err != nil {
		r.t.Fatal(err)
	}
	return receipt
}

func TestServerAnalysesWhatItIsAskedFor(t *testing.T) {
	e := central(t)
	var job importserver.Job
	analyze := e.analyze
	e.analyze = func(ctx context.Context, j importserver.Job, to importserver.Importer) error {
		job = j
		return analyze(ctx, j, to)
	}
	r := start(t, e, options(t.TempDir()))
	var i wire.Image
	r.call("POST", wire.RouteImages, toJSON(t, wire.ImageRequest{
		Annotations: map[string]string{"k": "v"},
		Source: wire.ImageSource{Tag: &wire.TagSource{
			PullString: "alpine", Platform: "linux/amd64", Dockerfile: base64.StdEncoding.EncodeToString([]byte("FROM x\n")),
		}},
	}), &i)
	i = r.await(digestOf(1), wire.Analyzed)
	if i.Origin != "server" || i.ParentDigest != digestOf(2) || i.Attempts != 1 || i.Detail[0].FullTag != "docker.io/alpine:latest" {
		t.Errorf("record: %s", toJSON(t, i))
	}
	job.Progress = nil
	if diff := cmp.Diff(importserver.Job{
		PullString: "docker.io/alpine@" + digestOf(2), Platform: "linux/amd64", Digest: digestOf(1), ParentDigest: digestOf(2),
		Tags: []string{"docker.io/alpine:latest"}, Dockerfile: []byte("FROM x\n"), Annotations: map[string]string{"k": "v"},
	}, job); diff != "" {
		t.Errorf("job: %s", diff)
	}
	if again := r.add("alpine", wire.AddOptions{}); !again.Known {
		t.Errorf("added again: %+v", again)
	}
	if again := r.add("alpine", wire.AddOptions{Force: true}); again.Known {
		t.Errorf("added again with force: %+v", again)
	}
	r.await(digestOf(1), wire.Analyzed)
	if n := e.analyses.Load(); n != 2 {
		t.Errorf("%d analyses, want 2", n)
	}
}

func TestRegistryFaultsAreTheRequests(t *testing.T) {
	e := central(t)
	r := start(t, e, options(t.TempDir()))
	for kind, code := range map[fault.Kind]string{
		fault.NotFound: "REGISTRY_IMAGE_NOT_FOUND", fault.Denied: "REGISTRY_PERMISSION_DENIED",
		fault.Unavailable: "REGISTRY_NOT_ACCESSIBLE", fault.Unsupported: "REGISTRY_NOT_SUPPORTED", fault.TooLarge: "UNKNOWN",
	} {
		e.resolve = func(importserver.Target) (importserver.Resolved, error) {
			return importserver.Resolved{}, fault.New(kind, "pull: no").WithHint("do this")
		}
		got := r.refused("POST", wire.RouteImages, toJSON(t, byTag("alpine")), nil)
		if got.Code != 400 || got.Message != "pull: no" || !strings.HasPrefix(fmt.Sprint(got.Detail["hint"]), "do this") || !strings.Contains(toJSON(t, got.Detail["error_codes"]), code) {
			t.Errorf("%s: %+v", kind, got)
		}
	}
	e.resolve = func(importserver.Target) (importserver.Resolved, error) {
		return importserver.Resolved{}, errors.New("secret detail of the server")
	}
	got := r.refused("POST", wire.RouteImages, toJSON(t, byTag("alpine")), nil)
	if got.Code != 500 || strings.Contains(toJSON(t, got), "secret") {
		t.Errorf("internal: %+v", got)
	}
	for _, bad := range []wire.ImageSource{
		{Tag: &wire.TagSource{PullString: "a b"}},
		{Tag: &wire.TagSource{PullString: "a@" + digestOf(1)}},
		{Digest: &wire.DigestSource{PullString: "a:1", Tag: "a:1"}},
		{Digest: &wire.DigestSource{PullString: "a@" + digestOf(1), Tag: "::"}},
		{Tag: &wire.TagSource{PullString: "a", Dockerfile: "not base64!"}},
	} {
		if got := r.refused("POST", wire.RouteImages, toJSON(t, wire.ImageRequest{Source: bad}), nil); got.Code != 400 {
			t.Errorf("%s: %+v", toJSON(t, bad), got)
		}
	}
}

func TestDockerfileOfAKnownImageNeedsForce(t *testing.T) {
	r := start(t, central(t), options(t.TempDir()))
	r.add("alpine", wire.AddOptions{})
	r.await(digestOf(1), wire.Analyzed)
	req := byTag("alpine")
	req.Source.Tag.Dockerfile = "RlJPTSB4Cg=="
	if _, err := r.AddImage(t.Context(), req, wire.AddOptions{}); fault.Of(err) != fault.Invalid || !strings.Contains(err.Error(), "Cannot specify dockerfile") {
		t.Errorf("without force: %v", err)
	}
	if _, err := r.AddImage(t.Context(), req, wire.AddOptions{Force: true}); err != nil {
		t.Error(err)
	}
}

func TestFaultsFailAnImageOrAreTriedAgain(t *testing.T) {
	for name, test := range map[string]struct {
		err      error
		attempts int
		says     string
	}{
		"denied":      {fault.New(fault.Denied, "pull: wrong password"), 1, "analyze: pull: wrong password"},
		"not found":   {fault.New(fault.NotFound, "pull: gone").WithHint("look"), 1, "analyze: pull: gone (look)"},
		"unavailable": {fault.New(fault.Unavailable, "pull: registry down"), 3, "gave up after 3 attempts: pull: registry down"},
		"unforeseen":  {errors.New("odd \x1b[31m thing"), 3, "gave up after 3 attempts: odd  [31m thing"},
		"no evidence": {nil, 3, "ended without evidence"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := central(t)
			e.analyze = func(context.Context, importserver.Job, importserver.Importer) error { return test.err }
			r := start(t, e, options(t.TempDir()))
			r.add("alpine", wire.AddOptions{})
			i := r.await(digestOf(1), wire.AnalysisFailed)
			if i.Attempts != test.attempts || !strings.Contains(i.StatusReason, test.says) {
				t.Errorf("after %d attempts: %s", i.Attempts, i.StatusReason)
			}
			e.analyze = central(t).analyze
			if receipt := r.add("alpine", wire.AddOptions{}); receipt.Known {
				t.Errorf("a failed image added again is known: %+v", receipt)
			}
			if i := r.await(digestOf(1), wire.Analyzed); i.StatusReason != "" || i.Attempts != 1 {
				t.Errorf("after it went well: %+v", i)
			}
		})
	}
}

func TestPanicFailsOneImageOnly(t *testing.T) {
	e := central(t)
	e.analyze = func(context.Context, importserver.Job, importserver.Importer) error { panic("a broken image") }
	r := start(t, e, options(t.TempDir()))
	r.add("alpine", wire.AddOptions{})
	if i := r.await(digestOf(1), wire.AnalysisFailed); !strings.Contains(i.StatusReason, "a broken image") {
		t.Errorf("reason: %s", i.StatusReason)
	}
	b := newBundle(t, image{digest: digestOf(9), tags: []string{"a:1"}})
	if _, err := r.Import(t.Context(), b, wire.AddOptions{}); err != nil {
		t.Fatal(err)
	}
	r.await(b.Digest, wire.Analyzed)
}

func TestEvidenceOfAnotherImageIsRefused(t *testing.T) {
	e := central(t)
	other := newBundle(t, image{digest: digestOf(66)})
	e.analyze = func(ctx context.Context, job importserver.Job, to importserver.Importer) error {
		_, err := to.Import(ctx, other, wire.AddOptions{})
		return err
	}
	r := start(t, e, options(t.TempDir()))
	r.add("alpine", wire.AddOptions{})
	i := r.await(digestOf(1), wire.AnalysisFailed)
	if !strings.Contains(i.StatusReason, "the evidence is of image "+digestOf(66)) {
		t.Errorf("reason: %s", i.StatusReason)
	}
}

// stuck is an analysis that begins, and waits.
func stuck(e *engine) (begun chan struct{}, release chan struct{}) {
	begun, release = make(chan struct{}, 10), make(chan struct{})
	analyze := e.analyze
	e.analyze = func(ctx context.Context, job importserver.Job, to importserver.Importer) error {
		job.Progress("pull layer 3")
		begun <- struct{}{}
		select {
		case <-release:
			return analyze(ctx, job, to)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return begun, release
}

func TestKilledServerTakesItsWorkUpAgain(t *testing.T) {
	dir := t.TempDir()
	e := central(t)
	begun, release := stuck(e)
	o := options(dir)
	o.LeaseTime = time.Hour // nobody waits for the lease to end
	r := start(t, e, o)
	r.add("alpine", wire.AddOptions{})
	<-begun
	r.abandon()

	e2 := central(t)
	r2 := start(t, e2, o)
	i := r2.await(digestOf(1), wire.Analyzed)
	close(release)
	var steps []string
	for _, s := range i.StatusDetail {
		steps = append(steps, fmt.Sprintf("%s>%s %d", s.From, s.To, s.Attempt))
	}
	want := []string{">not_analyzed 0", "not_analyzed>analyzing 1", "analyzing>not_analyzed 1", "not_analyzed>analyzing 2", "analyzing>analyzed 2"}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Error(diff)
	}
	if why := i.StatusDetail[2].Reason; !strings.Contains(why, "attempt 1 of 3: the server ended without giving this work back") {
		t.Errorf("reason of the step back: %s", why)
	}

	var page wire.Events
	r2.call("GET", "/v2/events?event_type=system.image_analysis", "", &page)
	var told []string
	for _, e := range slices.Backward(page.Results) {
		d := e.Event.Details
		told = append(told, fmt.Sprintf("%s>%s %v", d["from_status"], d["analysis_status"], d["attempt"]))
	}
	if diff := cmp.Diff(want[1:], told); diff != "" {
		t.Error("events:", diff)
	}
	worker := i.StatusDetail[1].Source.Worker
	if back := page.Results[2].Event; worker == "" || back.Details["worker"] != worker || i.StatusDetail[2].Source.Worker != worker ||
		back.Details["reason"] != i.StatusDetail[2].Reason || back.Type != wire.EventAnalysisRequeued {
		t.Errorf("%s had the image, and the event of the step back is %+v", worker, back)
	}
}

func TestKilledInTheAssessmentKeepsTheEvidence(t *testing.T) {
	dir := t.TempDir()
	e := central(t)
	matching := make(chan struct{}, 10)
	e.onMatch = func(ctx context.Context) error {
		matching <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
	o := options(dir)
	o.LeaseTime = shortLease // on a shared store it has to end
	r := start(t, e, o)
	r.add("alpine", wire.AddOptions{})
	<-matching
	r.abandon()

	e2 := central(t)
	r2 := start(t, e2, o)
	r2.await(digestOf(1), wire.Analyzed)
	if n := e2.analyses.Load(); n != 0 {
		t.Errorf("the image was analysed again, %d times, although its evidence was there", n)
	}
}

func TestShutdownGivesWorkBackAtOnce(t *testing.T) {
	e := central(t)
	begun, _ := stuck(e)
	o := options(t.TempDir())
	o.LeaseTime = time.Hour
	r := start(t, e, o)
	r.add("alpine", wire.AddOptions{})
	<-begun
	if i := r.await(digestOf(1), wire.Analyzing); i.Status != wire.Analyzing {
		t.Fatal(i.Status)
	}
	r.stop()
	i, err := r.Image(context.Background(), digestOf(1))
	if err != nil || i.Status != wire.NotAnalyzed || i.Waiting != 1 || i.StatusReason != "the worker is shutting down" {
		t.Errorf("after the shutdown: %s, %v", toJSON(t, i), err)
	}
}

func TestShutdownLetsWorkFinish(t *testing.T) {
	e := central(t)
	begun, release := stuck(e)
	o := options(t.TempDir())
	o.Grace = time.Minute
	r := start(t, e, o)
	r.add("alpine", wire.AddOptions{})
	<-begun
	time.AfterFunc(50*time.Millisecond, func() { close(release) })
	r.stop()
	if i, err := r.Image(context.Background(), digestOf(1)); err != nil || i.Status != wire.Analyzed {
		t.Errorf("after the shutdown: %s %s, %v", i.Status, i.StatusReason, err)
	}
}

func TestProgressIsShown(t *testing.T) {
	e := central(t)
	begun, release := stuck(e)
	r := start(t, e, options(t.TempDir()))
	r.add("alpine", wire.AddOptions{})
	<-begun
	r.until(digestOf(1), func(i wire.Image) bool { return i.StatusReason == "pull layer 3" })
	close(release)
	r.await(digestOf(1), wire.Analyzed)
}

func TestForceTakesRunningWorkAway(t *testing.T) {
	e := central(t)
	begun, release := stuck(e)
	o := options(t.TempDir())
	o.Workers = 1
	r := start(t, e, o)
	r.add("alpine", wire.AddOptions{})
	<-begun
	if known := r.add("alpine", wire.AddOptions{}); !known.Known {
		t.Errorf("added while it is analysed: %+v", known)
	}
	r.add("alpine", wire.AddOptions{Force: true})
	<-begun // the first attempt lost its lease, and its place
	close(release)
	r.await(digestOf(1), wire.Analyzed)
}

func TestDeletedImageEndsItsWork(t *testing.T) {
	e := central(t)
	begun, release := stuck(e)
	r := start(t, e, options(t.TempDir()))
	r.add("alpine", wire.AddOptions{})
	<-begun
	list, err := r.DeleteImages(t.Context(), []string{digestOf(1), digestOf(5)}, false)
	if err != nil || list[0].Status != "delete_failed" || list[1].Status != "not_found" {
		t.Errorf("without force: %+v, %v", list, err)
	}
	var one wire.Deletion
	r.call("DELETE", wire.Path(wire.RouteImage, digestOf(1))+"?force=true", "", &one)
	if one.Status != "deleting" {
		t.Errorf("with force: %+v", one)
	}
	if e := r.refused("GET", wire.Path(wire.RouteImage, digestOf(1)), "", nil); e.Code != 404 {
		t.Errorf("after it: %+v", e)
	}
	close(release)
	r.stop()
	if list, err := r.Images(context.Background(), wire.ImageFilter{}); err != nil || len(list) != 0 {
		t.Errorf("images left: %+v, %v", list, err)
	}
}

func TestDirectoryMayBeNamedFromWhereTheProcessIs(t *testing.T) {
	t.Chdir(t.TempDir())
	r := start(t, central(t), options("data"))
	r.add("alpine", wire.AddOptions{})
	r.await(digestOf(1), wire.Analyzed)
}

func TestSecondServerOnADirectoryFails(t *testing.T) {
	o := options(t.TempDir())
	first := open(t, &engine{}, o)
	_, err := importserver.Open(t.Context(), o, (&engine{}).functions())
	if fault.Of(err) != fault.Conflict || !strings.Contains(err.Error(), "another server uses it") {
		t.Errorf("second server: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, &engine{}, o)
}
