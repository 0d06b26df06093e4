// Package importserver takes evidence in, keeps it, has it assessed and serves
// the reports: the HTTP API and the workers behind it.
//
// It links no engine: the functions that analyse, match and judge are handed to
// it. See Functions.
package importserver

import (
	"context"
	"errors"
	"net/http"
)

// Server is an import server on one data directory.
type Server struct {
	options   Options
	functions Functions
}

// Open prepares the data directory: it takes the directory's lock, migrates the
// rows, and hands work that an earlier process left unfinished back to the queue.
// A directory that another server holds is fault.Conflict.
func Open(ctx context.Context, o Options, f Functions) (*Server, error) {
	return nil, errors.New("open server: not built yet")
}

// Handler serves the API. The caller's http.Server should set ReadHeaderTimeout
// (10 s) and IdleTimeout, and neither ReadTimeout nor WriteTimeout: uploads and
// downloads are as long as they are, and each is watched for progress.
func (s *Server) Handler() http.Handler { return nil }

// Run works off the queue and keeps house until ctx ends. Then it claims nothing
// more, waits Options.Grace for what runs, and puts the rest back into the queue.
func (s *Server) Run(ctx context.Context) error { return nil }

// Close ends the use of the data directory.
func (s *Server) Close() error { return nil }
