package analysis

import (
	"errors"
	"path"
	"strings"
	"syscall"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/tidepole/tidepole/analysis/cache"
	"github.com/tidepole/tidepole/analysis/image"
	"github.com/tidepole/tidepole/analysis/secrets"
	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
)

// Request says which image to analyse and what to record with it.
type Request struct {
	Image       image.Request
	Name        string            // to record it as; "" is Image.Reference
	Dockerfile  []byte            // the one it was built from; nil where it is not known
	Annotations map[string]string // recorded with it
}

// Options say what an analysis does, and within which limits.
type Options struct {
	Secrets         *secrets.Matcher // searches all layers; nil: not searched
	Content         *secrets.Matcher // searches the final image; nil: not searched
	Retrieve        []string         // patterns of files to keep whole, as "/etc/**/*.conf"; nil is DefaultRetrieve, empty none
	RetrieveMaxSize int64            // bytes; a larger file is not kept; 0 is DefaultRetrieveMaxSize
	MaxEntries      int              // paths of all layers together; 0 is 8,000,000
	Cache           cache.Store      // keeps what was computed of a layer for the next analysis; nil: nothing is kept
	Quota           *cache.Quota     // of what is spilled to files without a name; nil is no bound
	TempDir         string           // everything spilled goes below it; "" is the system's
	Tool, Version   string           // the document's author; "" is tidepole
	Progress        func(image.Progress)
}

// DefaultRetrieve are the files that policies ask for.
var DefaultRetrieve = []string{"/etc/passwd"}

// Limits of retrieved files, in bytes.
const (
	DefaultRetrieveMaxSize = 1 << 20
	MaxRetrieved           = 32 << 20 // all files of an image together
)

// prepare checks what can be checked before an image is opened, and fills in
// defaults.
func prepare(req Request, o Options) (Request, Options, error) {
	if req.Name != "" {
		if _, err := reference.Parse(req.Name); err != nil {
			return req, o, err
		}
	}
	if len(req.Dockerfile) > bundle.MaxDockerfile {
		return req, o, fault.New(fault.TooLarge, "the Dockerfile of %d bytes is longer than %d", len(req.Dockerfile), bundle.MaxDockerfile)
	}
	if o.Retrieve == nil {
		o.Retrieve = DefaultRetrieve
	}
	patterns := make([]string, len(o.Retrieve))
	for i, p := range o.Retrieve {
		if !doublestar.ValidatePattern(p) {
			return req, o, fault.New(fault.Invalid, "%q is not a pattern of paths", p)
		}
		if patterns[i] = p; !path.IsAbs(p) && !strings.HasPrefix(p, "**/") {
			patterns[i] = "/" + p
		}
	}
	o.Retrieve = patterns
	if o.RetrieveMaxSize <= 0 {
		o.RetrieveMaxSize = DefaultRetrieveMaxSize
	}
	if o.Tool == "" {
		o.Tool = "tidepole"
	}
	if req.Image.Options.TempDir == "" {
		req.Image.Options.TempDir = o.TempDir
	}
	if req.Image.Options.Progress == nil {
		req.Image.Options.Progress = o.Progress
	}
	return req, o, nil
}

func (o Options) stage(name string, finished bool) {
	if o.Progress != nil {
		o.Progress(image.Progress{Stage: name, Finished: finished})
	}
}

// withHint makes a full disk a fault that says where.
func withHint(err error, dir string) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) || fault.Hint(err) != "" {
		return err
	}
	if dir == "" {
		dir = "the temporary folder"
	}
	full := fault.New(fault.Unavailable, "no space left in %s", dir).
		WithHint("an image's layers and its evidence are unpacked there: free space, or choose another folder")
	full.Err = err
	return full
}

// unreadable says what can be done about a disk that does not give back what was
// written to it.
func unreadable(err error, o Options) error {
	hint := "its disk may be failing: choose another temporary folder"
	if o.Cache != nil {
		hint = "the cache's disk may be failing: tidepole cache clear, or do without it: --no-cache"
	}
	return fault.New(fault.Unavailable, "%w, for the second time", err).WithHint("%s", hint)
}

// retrieves tells whether a path matches one of the patterns of files to keep.
func (o Options) retrieves(p string) bool {
	for _, pattern := range o.Retrieve {
		if ok, _ := doublestar.Match(pattern, p); ok {
			return true
		}
	}
	return false
}
