package importserver

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"

	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/importserver/access"
)

const (
	// reportRoom is what reports may take together that answers are made from. One that
	// takes more has it alone.
	reportRoom = 512 << 20
	// matchRoom is about what a match takes in a report, in the answer and as JSON.
	matchRoom = 8 << 10
	// answersAtOnce are made from reports at a time, and waitingQuestions is how many
	// requests of one account may wait for a place.
	answersAtOnce    = 16
	waitingQuestions = 1000
	// shortAnswer is what an answer may take in memory while its client takes it.
	shortAnswer = 1 << 20
	// spoolRoom is what answers may take together in files.
	spoolRoom = 8 << 30
)

// spool is an answer that was made as a whole and waits for its client, who may be
// slow: in memory where it is short, in a file where it is long.
type spool struct {
	server *Server
	held   bytes.Buffer
	file   *os.File
	size   int64 // of the file
}

func (s *spool) Write(p []byte) (int, error) {
	if s.file == nil && s.held.Len()+len(p) <= shortAnswer {
		return s.held.Write(p)
	}
	if s.file == nil {
		f, err := os.CreateTemp(filepath.Join(s.server.options.Dir, "tmp"), "answer-")
		if err != nil {
			return 0, err
		}
		s.file = f
	}
	if !s.server.spooled.TryAcquire(int64(len(p))) {
		return 0, fault.New(fault.Unavailable, "%d MiB of answers wait for clients who read slowly", spoolRoom>>20).WithHint("ask again later")
	}
	s.size += int64(len(p))
	return s.file.Write(p)
}

// copyTo gives the answer to its client.
func (s *spool) copyTo(w io.Writer) error {
	if _, err := w.Write(s.held.Bytes()); err != nil || s.file == nil {
		return err
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, s.file)
	return err
}

func (s *spool) discard() {
	if s.file != nil {
		s.file.Close()
		os.Remove(s.file.Name())
		s.server.spooled.Release(s.size)
	}
}

// made writes to w what fill writes, once that is whole and what it needed was given
// back by leave.
func (s *Server) made(w io.Writer, leave func(), fill func(io.Writer) error) error {
	out := spool{server: s}
	defer out.discard()
	err := func() error {
		defer leave()
		return fill(&out)
	}()
	if err != nil {
		return err
	}
	return out.copyTo(w)
}

// answerMade answers with what is made.
func (s *Server) answerMade(w http.ResponseWriter, mediaType string, leave func(), fill func(io.Writer) error) error {
	return s.made(&late{w: w, mediaType: mediaType}, leave, fill)
}

// answerReport is answerMade for what is made from an image's report, and its base
// image's: within reportRoom, for which accounts wait in turn.
func (a *Account) answerReport(w http.ResponseWriter, r *http.Request, mediaType, base string, more int64, fill func(io.Writer) error) error {
	ctx := r.Context()
	leave, err := a.enter(ctx, a.server.answers)
	if err != nil {
		return err
	}
	room := min(a.roomFor(ctx, r.PathValue("image_digest"), base)+more, reportRoom)
	if err := a.server.reports.Acquire(ctx, room); err != nil {
		leave()
		return err
	}
	return a.server.answerMade(w, mediaType, func() { a.server.reports.Release(room); leave() }, fill)
}

// enter waits for one of the places, in turn with other accounts.
func (a *Account) enter(ctx context.Context, places *access.Turns) (leave func(), err error) {
	leave, err = places.Enter(ctx, a.name)
	if errors.Is(err, access.ErrBusy) {
		return nil, fault.New(fault.Unavailable, "%d questions of account %s wait already for a place", waitingQuestions, a.name).
			WithHint("ask fewer at a time")
	}
	return leave, err
}

// place waits for a place among the heavy requests; leave gives it back. Who has one
// sends nothing to a client, who may be slow.
func (a *Account) place(ctx context.Context) (leave func(), err error) {
	return a.enter(ctx, a.server.heavy)
}

// roomFor is about what the report of an image takes, or that of its base image where
// that is larger: they are not needed at the same time. Of what cannot be found it is
// nothing; that is told by who asks for it.
func (a *Account) roomFor(ctx context.Context, digest, base string) int64 {
	view := a.server.store.View()
	i, err := view.Image(ctx, a.name, digest)
	if err != nil {
		return 0
	}
	n, err := view.CountMatches(ctx, i.ID)
	if err != nil {
		return 0
	}
	if b, err := a.baseOf(ctx, i, base); err == nil && b != nil {
		if of, err := view.CountMatches(ctx, b.ID); err == nil {
			n = max(n, of)
		}
	}
	return int64(n) * matchRoom
}

// jsonOf makes an answer of a value.
func jsonOf[T any](v func() (T, error)) func(io.Writer) error {
	return func(out io.Writer) error {
		made, err := v()
		if err != nil {
			return err
		}
		return json.NewEncoder(out).Encode(made)
	}
}
