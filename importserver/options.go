package importserver

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/tidepole/tidepole/formats/bundle"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/logs"
	"github.com/tidepole/tidepole/formats/policy"
	"github.com/tidepole/tidepole/formats/report"
	"github.com/tidepole/tidepole/formats/wire"
)

// Functions are the analysis that a server is handed; it links no engine itself.
// All of them are called from several goroutines at once.
type Functions struct {
	// Resolve asks the registry which image a name stands for, without its layers.
	// Its faults are answered to the client.
	Resolve func(context.Context, Target) (Resolved, error)
	// Analyze pulls and analyses an image and calls Importer.Import once.
	// A fault that is Invalid, Denied, Forbidden, NotFound, Conflict, TooLarge or
	// Unsupported fails the image at once; any other error is tried again.
	Analyze func(context.Context, Job, Importer) error
	// Match finds the vulnerabilities of a bundle's packages.
	Match func(context.Context, *bundle.Bundle) (report.Matches, error)
	// Lookup is what the database of Match knows of vulnerabilities of some names, one
	// for each package that a record is about, whose version is the range that is
	// affected. It may be nil: then only what was found in images is known.
	Lookup func(ctx context.Context, names []string) ([]report.Vulnerability, error)
	// Evaluate judges an image by a policy.
	Evaluate func(context.Context, policy.Policy, *bundle.Bundle, report.Matches, report.Image, string) (report.Evaluation, error)
	// CheckPolicy lists every defect of a policy in one fault.Invalid.
	CheckPolicy func(policy.Policy) error
	// DefaultPolicy is active in an account that has none yet.
	DefaultPolicy policy.Policy
	// Encode writes a syft document in one of SBOMFormats.
	Encode      func(ctx context.Context, format string, syftJSON io.Reader, w io.Writer) error
	SBOMFormats []string
	// PolicySpec describes the gates that policies may use.
	PolicySpec []wire.GateSpec
	// Ping tells whether a registry takes a login. Its faults are answered to the
	// client.
	Ping func(ctx context.Context, registry string, l *Login) error
	// Tags lists the tags of a repository, "registry/repository".
	Tags func(ctx context.Context, repository string, l *Login) ([]string, error)
	// Database is the vulnerability database that Match uses.
	Database Database
}

// Target is an image as a client asks for it.
type Target struct {
	PullString string // "registry/repository:tag" or "…@digest"
	Platform   string // os/arch[/variant]; "" is the analyser's choice
	Login      *Login // nil: the server's own, if any
}

// Resolved is the image that a target stands for at this moment.
type Resolved struct {
	Digest       string // of the platform's manifest: the image's identity
	ParentDigest string // of the list or index; "" or Digest where there is none
	ImageID      string // of the configuration
	Platform     string // the platform chosen; "" where there was no choice
	Size         int64  // bytes of the layers together, as the registry stores them; less than 1: unknown
}

// Job is an analysis to be made.
type Job struct {
	PullString   string // "registry/repository@digest": of the list where the image came from one
	Platform     string // with the above, leads to Digest
	Login        *Login
	Digest       string // the image expected; the evidence of any other is refused
	ParentDigest string
	Tags         []string // full tags to record the evidence under
	Dockerfile   []byte   // nil where none was given
	Annotations  map[string]string
	Progress     func(stage string) // says what is being done; never nil
}

// Importer takes a bundle in.
type Importer interface {
	Import(context.Context, *bundle.Bundle, wire.AddOptions) (wire.Receipt, error)
}

// Database is the vulnerability database of a server.
type Database interface {
	Status(context.Context) report.Database
	// Import takes one in. Once all of r was read and a sound database was found in it,
	// accept is told of that, unless it is nil: its error leaves all as it was.
	Import(ctx context.Context, r io.Reader, name, checksum string, accept func(report.Database) error) (report.Database, error)
	// Update fetches the newest one if that is newer, or in any case where again is set.
	// It also writes the archive that it fetched to a writer that is not nil.
	Update(ctx context.Context, archive io.Writer, again bool, accept func(report.Database) error) (db report.Database, changed bool, err error)
}

// Options say where a server keeps its data and how it works. A zero value is
// the default that its comment gives.
type Options struct {
	Dir           string // holds everything that is not elsewhere: rows, blobs, the admin password; made where absent
	Store         string // URL of the PostgreSQL database that holds the rows, with its password; "": a SQLite file in Dir
	Blobs         string // where evidence is kept, as blobs.Open has it: Dir/blobs
	Version       string
	AdminPassword string // counts when none was given it before; "": at first the one in Dir/admin-password, which is generated
	KeyFile       string // the key of the store's secrets: Dir/registry-key
	NewStore      bool   // the store may be without images although Dir has rows with some
	WorkOnly      bool   // a worker: it serves no API, and others have the store, too

	Workers      int           // images processed at once: 2; none where it is negative: others do the work
	LeaseTime    time.Duration // how long a silent worker keeps its work: 60 s
	Heartbeat    time.Duration // how often a worker shows that it lives: a quarter of LeaseTime
	PollInterval time.Duration // how often idle workers look for work that nobody announced: 1 s
	Grace        time.Duration // how long Run waits for running work once its context ended: 10 s
	JobTime      time.Duration // the longest that one attempt may take: 1 h
	MaxAttempts  int           // of a stage, before an image fails: 5
	RetryDelay   time.Duration // after the first failed attempt, doubled after each: 5 s
	Housekeeping time.Duration // how often rubbish is removed: 60 s
	ImportTTL    time.Duration // how long an import operation lives: 24 h
	MaxImports   int           // import operations that an account may have open: 1,000
	BlobAge      time.Duration // how long an unreferenced blob is kept: 1 h
	Scrub        time.Duration // how often blobs without a row are looked for: 24 h
	EventAge     time.Duration // how long an event is kept: 30 days
	MaxEvents    int           // events kept of an account: 100,000
	Standstill   time.Duration // how long a client may send, or take, nothing: 60 s
	LoginDelay   time.Duration // how long a failed login waits for its answer: 250 ms

	MaxOpen     int64 // bytes of the parts, unpacked, that an account's open import operations have received: 16 GiB
	MaxPart     int64 // bytes of one unpacked part: 1 GiB
	MaxImageMB  int   // million bytes of the layers of an image that is to be pulled, as they are stored: less than 1 is no limit
	MaxDatabase int64 // bytes of a vulnerability database as uploaded: 8 GiB

	Log    *slog.Logger     // nothing is logged where nil
	Tracer trace.Tracer     // nothing is traced where nil
	Now    func() time.Time // time.Now
	Host   string           // named in an image's history: the machine's name
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, fault.New(fault.Invalid, "open server: no data directory is given")
	}
	dir, err := filepath.Abs(o.Dir) // what is made of it must not depend on where this process is
	if err != nil {
		return o, fmt.Errorf("open data directory %s: %w", o.Dir, err)
	}
	o.Dir = dir
	set(&o.Blobs, BlobsDir(o.Dir))
	set(&o.Version, "unknown")
	set(&o.KeyFile, filepath.Join(o.Dir, KeyFile))
	set(&o.Workers, 2)
	o.Workers = max(o.Workers, 0)
	set(&o.LeaseTime, time.Minute)
	set(&o.Heartbeat, o.LeaseTime/4)
	set(&o.PollInterval, time.Second)
	set(&o.Grace, 10*time.Second)
	set(&o.JobTime, time.Hour)
	set(&o.MaxAttempts, 5)
	set(&o.RetryDelay, 5*time.Second)
	set(&o.Housekeeping, time.Minute)
	set(&o.ImportTTL, 24*time.Hour)
	set(&o.MaxImports, 1000)
	set(&o.BlobAge, time.Hour)
	set(&o.Scrub, 24*time.Hour)
	set(&o.EventAge, 30*24*time.Hour)
	set(&o.MaxEvents, 100_000)
	set(&o.Standstill, time.Minute)
	set(&o.LoginDelay, 250*time.Millisecond)
	set(&o.MaxOpen, 16<<30)
	set(&o.MaxPart, 1<<30)
	set(&o.MaxDatabase, 8<<30)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = slog.New(logs.Handler(o.Log.Handler()))
	if o.Tracer == nil {
		o.Tracer = noop.NewTracerProvider().Tracer("")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Host == "" {
		o.Host, _ = os.Hostname()
	}
	return o, nil
}

// BlobsDir is where the blobs of a data directory are, unless they are elsewhere.
func BlobsDir(dir string) string {
	if whole, err := filepath.Abs(dir); err == nil { // a relative path may look like a URL
		dir = whole
	}
	return filepath.Join(dir, "blobs")
}

// set gives an option its default where it has no value.
func set[T comparable](option *T, value T) {
	var zero T
	if *option == zero {
		*option = value
	}
}
