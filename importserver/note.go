package importserver

import (
	"context"
	"errors"
	"strings"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
	"github.com/tidepole/tidepole/importserver/store"
)

// event is something that happened and that users of an account may want to know.
type event struct {
	Type         string // one of wire's
	Level        string // info or error; "" is info
	Message      string
	ResourceType string
	ResourceID   string
	Service      string // who noticed it: api, worker, queue; "" is api
	Details      map[string]any
}

// Bounds of what an event keeps, in bytes.
const (
	maxEventText     = 2000
	maxEventResource = reference.MaxLength
)

// requestKey is where a context has the id of its request.
type requestKey struct{}

// withRequest gives a context the id of the request that it is of.
func withRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// note records an event in the caller's transaction.
func (a *Account) note(ctx context.Context, tx *store.Tx, e event) error {
	request, _ := ctx.Value(requestKey{}).(string)
	set(&e.Level, wire.LevelInfo)
	set(&e.Service, "api")
	return tx.PutEvent(ctx, store.Event{
		Account: a.name, At: a.server.now(), Type: e.Type, Level: e.Level, Message: cut(e.Message, maxEventText),
		ResourceType: e.ResourceType, ResourceID: cut(e.ResourceID, maxEventResource),
		Service: e.Service, Host: a.server.options.Host, Request: request, Details: e.Details,
	})
}

// noteAlone records an event of something that failed, and that has no
// transaction therefore. That it cannot is logged.
func (a *Account) noteAlone(ctx context.Context, e event) {
	ctx = context.WithoutCancel(ctx) // who asked may have gone
	err := a.inTx(ctx, func(tx *store.Tx) error { return a.note(ctx, tx, e) })
	if err != nil {
		a.server.log.ErrorContext(ctx, "event not recorded", "type", e.Type, "resource", e.ResourceID, "error", err)
	}
}

// cut bounds a text that may come from anywhere.
func cut(text string, limit int) string {
	if len(text) > limit {
		text = text[:limit]
	}
	return strings.ToValidUTF8(text, "")
}

// moved notes what a change of an image's status means to its account.
func (s *Server) moved(ctx context.Context, tx *store.Tx, m store.Transition) error {
	if m.From == "" {
		return s.noteTags(ctx, tx, m)
	}
	var system, user string
	level := wire.LevelInfo
	switch m.To {
	case wire.Analyzing:
		system = wire.EventAnalysisStarted
	case wire.Analyzed:
		system, user = wire.EventAnalysisCompleted, wire.EventImageCompleted
	case wire.AnalysisFailed:
		system, user, level = wire.EventAnalysisFailed, wire.EventImageFailed, wire.LevelError
	case wire.NotAnalyzed:
		system = wire.EventAnalysisRequeued
	default:
		return nil
	}
	i, err := tx.ImageByID(ctx, m.Image)
	if err != nil {
		return err
	}
	e := event{
		Type: system, Level: level, Message: movedMessage(m), ResourceType: resourceDigest, ResourceID: i.Digest, Service: m.Service,
		Details: map[string]any{"image_digest": i.Digest, "from_status": m.From, "analysis_status": m.To, "attempt": m.Attempt},
	}
	if m.Reason != "" {
		e.Details["reason"] = m.Reason
	}
	if m.Worker != "" {
		e.Details["worker"] = m.Worker
	}
	a := s.Account(i.Account)
	if err := a.note(ctx, tx, e); err != nil || user == "" {
		return err
	}
	tags, err := tx.Tags(ctx, m.Image)
	if err != nil {
		return err
	}
	e.Type, e.ResourceType = user, resourceTag
	for _, t := range tags {
		if t.Tag == "" {
			continue
		}
		e.ResourceID = nameOf(t).FullTag()
		if err := a.note(ctx, tx, e); err != nil {
			return err
		}
	}
	return nil
}

// movedMessage says what became of an image.
func movedMessage(m store.Transition) string {
	switch m.To {
	case wire.Analyzing:
		return "the analysis of the image was taken up"
	case wire.Analyzed:
		return "the image is analysed"
	case wire.NotAnalyzed:
		return "the image waits for its analysis again: " + m.Reason
	}
	return "the analysis of the image failed: " + m.Reason
}

// What events can be about.
const (
	resourceTag        = "image_tag"
	resourceDigest     = "image_digest"
	resourceReference  = "image_reference"
	resourceRepository = "repository"
	resourceRegistry   = "registry"
	resourcePolicy     = "policy"
	resourceFeeds      = "feeds"
	resourceService    = "service"
)

// noteTags notes which tags mean an image that is new, and meant another before.
func (s *Server) noteTags(ctx context.Context, tx *store.Tx, m store.Transition) error {
	tags, err := tx.Tags(ctx, m.Image)
	if err != nil {
		return err
	}
	for _, t := range tags {
		if t.Tag == "" {
			continue
		}
		now, last, err := tx.Meant(ctx, t)
		if errors.Is(err, store.ErrNone) || err == nil && now.ID != m.Image {
			continue
		}
		if err != nil {
			return err
		}
		err = s.Account(t.Account).note(ctx, tx, event{
			Type: wire.EventTagUpdated, Message: "the tag means another image now", ResourceType: resourceTag, ResourceID: nameOf(t).FullTag(),
			Details: map[string]any{"image_digest": now.Digest, "last_image_digest": last.Digest},
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// noteKnown notes that an import brought evidence of an image that was known, and
// that it was left as it was.
func (a *Account) noteKnown(ctx context.Context, tx *store.Tx, i store.Image) error {
	return a.note(ctx, tx, event{
		Type: wire.EventImportUnchanged, Message: "the image was known, and an import without force changed nothing of its evidence",
		ResourceType: resourceDigest, ResourceID: i.Digest,
		Details: map[string]any{"image_digest": i.Digest, "analysis_status": i.Status},
	})
}

// notePolicy notes what became of the account's active policy.
func (a *Account) notePolicy(ctx context.Context, tx *store.Tx, kind, message string, p store.Policy) error {
	return a.note(ctx, tx, event{
		Type: kind, Message: message, ResourceType: resourcePolicy, ResourceID: p.Policy.ID,
		Details: map[string]any{"policy_id": p.Policy.ID, "policy_digest": p.Digest},
	})
}

// noteLookup notes that a registry did not say what a name stands for.
func (a *Account) noteLookup(ctx context.Context, name string, cause error) {
	if errors.Is(cause, context.Canceled) {
		return
	}
	a.noteAlone(ctx, event{
		Type: wire.EventLookupFailed, Level: wire.LevelError, Message: "the image could not be looked up: " + told(cause),
		ResourceType: resourceReference, ResourceID: name, Details: map[string]any{"error_codes": codesOf(cause)},
	})
}

// told is an error as accounts may read it.
func told(err error) string {
	if fault.Of(err) == fault.Internal {
		return "the server's log says why"
	}
	return err.Error()
}

// codesOf are the contract's names of what went wrong at a registry.
func codesOf(err error) []string {
	var f *fault.Fault
	if errors.As(err, &f) {
		if codes, ok := f.Detail["error_codes"].([]string); ok {
			return codes
		}
	}
	if code, ok := errorCodes[fault.Of(err)]; ok {
		return []string{code}
	}
	return []string{"UNKNOWN"}
}
