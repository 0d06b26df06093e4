package images

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/tidepole/tidepole/cmd/internal/cli/config"
	"github.com/tidepole/tidepole/cmd/internal/cli/engine"
	"github.com/tidepole/tidepole/cmd/internal/cli/env"
	"github.com/tidepole/tidepole/cmd/internal/cli/exit"
	"github.com/tidepole/tidepole/cmd/internal/cli/output"
	"github.com/tidepole/tidepole/cmd/internal/cli/remote"
	"github.com/tidepole/tidepole/formats/fault"
	"github.com/tidepole/tidepole/formats/reference"
	"github.com/tidepole/tidepole/formats/wire"
)

var checkFormats = []string{output.Text, output.JSON, output.JSONRaw, output.CSV}

const checkHelp = `Judge an image by a policy: the server's active one, or the one named.

With --local everything happens in this process: the image is analysed here and
matched against the local vulnerability database (tidepole vulndb update --local),
and no server is asked. --policy is then a file.

The exit code is 0 whatever the verdict, unless --fail-based-on-results,
--require-complete or --max-db-age is given; see "tidepole help exit-codes".`

// localFlags say how an image is analysed and matched in this process.
var localFlags = append([]string{"from", "platform", "dockerfile", "annotation", "db", "vulndb-url"}, env.HereFlags...)

type checkOptions struct {
	detail   bool
	history  bool
	policy   string
	tag      string
	gate     gate
	local    bool
	target   engine.Target
	database engine.Local
}

// gate says when a verdict becomes an exit code.
type gate struct {
	fail     bool
	code     int
	complete bool
	maxAge   output.Age
}

func check(e *env.Env) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use: "check IMAGE", Aliases: []string{"evaluate"}, Short: "Judge an image by a policy", Long: checkHelp, Args: cobra.ExactArgs(1),
		Example: `  tidepole image check shop/web:1.4 --detail
  tidepole image check shop/web:1.4 -f --max-db-age 5d   # in a build: exit code 2 where the policy fails
  tidepole image check shop/web:1.4 --local              # without a server`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := engine.OnlyLocal(cmd.Flags(), o.local, localFlags...); err != nil {
				return err
			}
			return runCheck(cmd.Context(), e, o, args[0])
		},
	}
	fs := cmd.Flags()
	fs.BoolVar(&o.detail, "detail", false, "show the findings too; with -v their trigger ids, which allowlists name")
	fs.BoolVar(&o.history, "history", false, "show earlier evaluations too")
	fs.StringVarP(&o.policy, "policy", "p", "", "`NAME or ID` of the policy; with --local its file (default: the server's active one)")
	fs.StringVarP(&o.tag, "tag", "t", "", "`TAG` to judge the image under")
	fs.BoolVarP(&o.gate.fail, "fail-based-on-results", "f", false, "end with 2 where the policy fails")
	fs.IntVar(&o.gate.code, "exit-code", exit.Refused, "with --fail-based-on-results: `N` instead of 2")
	fs.BoolVar(&o.gate.complete, "require-complete", false, "end with 3 where evidence is incomplete or was never taken, the database is absent or has no records of the distribution, or no rule is about the image")
	fs.Var(&o.gate.maxAge, "max-db-age", "end with 3 where the database is absent or older than `AGE`, as in 5d or 36h")
	fs.BoolVar(&o.local, "local", false, "analyse and judge in this process, without a server")
	o.target.RegisterLong(fs, fromUsage+" (with --local)")
	o.database.Register(fs)
	e.Analysis.RegisterHere(fs)
	for flag, key := range map[string]string{
		"detail": "image.check.detail", "history": "image.check.history", "policy": "image.check.policy", "tag": "image.check.tag",
		"fail-based-on-results": "fail-based-on-results", "exit-code": "image.check.exit-code",
		"require-complete": "image.check.require-complete", "max-db-age": "image.check.max-db-age", "local": "image.check.local",
	} {
		config.Key(fs, flag, key)
	}
	output.Flag(cmd, &e.Global.Format, checkFormats...)
	return cmd
}

func runCheck(ctx context.Context, e *env.Env, o checkOptions, name string) error {
	format, err := output.Choose(e.Global.Format, checkFormats...)
	if err != nil {
		return err
	}
	if o.gate.code < 1 || o.gate.code > 255 {
		return fault.New(fault.Invalid, "--exit-code %d is not between 1 and 255", o.gate.code).
			WithHint("leave it out for %d; see tidepole help exit-codes", exit.Refused)
	}
	look := checkRemote
	if o.local {
		look = checkLocal
	}
	j, err := look(ctx, e, o, format, name)
	if err != nil {
		return err
	}
	if err := j.show(e, format, o); err != nil {
		return err
	}
	return o.gate.decide(e.Now(), j)
}

// judgement is a check's answer and what else decides over the exit code.
type judgement struct {
	check  wire.Check
	gaps   int      // files that could not be read in full
	absent []string // what was never looked at; known where completeness is asked for
}

// checkRemote asks the server.
func checkRemote(ctx context.Context, e *env.Env, o checkOptions, format, name string) (judgement, error) {
	c, err := remote.Connect(e, nil)
	if err != nil {
		return judgement{}, err
	}
	found, err := remote.Find(ctx, e, c, name)
	if err != nil {
		return judgement{}, err
	}
	r := wire.CheckRequest{Tag: found.Tag, Detail: o.detail || format == output.CSV, History: o.history}
	if o.tag != "" {
		ref, err := reference.Parse(o.tag)
		if err != nil {
			return judgement{}, err
		}
		r.Tag = ref.FullTag()
	}
	if o.policy != "" {
		if r.PolicyID, err = remote.PolicyID(ctx, c, o.policy); err != nil {
			return judgement{}, err
		}
	}
	answer, err := c.Check(ctx, found.Digest, r)
	if err != nil {
		return judgement{}, err
	}
	if len(answer.Evaluations) == 0 {
		return judgement{}, fault.New(fault.NotFound, "check %s: the server has no evaluation of it", name).
			WithHint("tidepole image get %s shows whether it is analysed", found.Digest)
	}
	j := judgement{check: answer, gaps: found.Gaps}
	if o.gate.complete {
		j.absent, err = untakenRemote(ctx, c, found.Digest)
	}
	return j, err
}

// latest is the evaluation that counts.
func (j judgement) latest() wire.Evaluation {
	latest := j.check.Evaluations[0]
	for _, e := range j.check.Evaluations[1:] {
		if e.Time.After(latest.Time) {
			latest = e
		}
	}
	return latest
}

// decide turns a verdict into an exit code, as far as that was asked for.
func (g gate) decide(now time.Time, j judgement) error {
	e := j.latest()
	if g.fail && e.Status != passed {
		return exit.Silently(g.code)
	}
	var why []string
	if g.complete {
		why = append(why, j.absent...)
	}
	if other := g.undecided(now, j, e); other != "" {
		why = append(why, other)
	}
	if len(why) == 0 {
		return nil
	}
	return exit.With(exit.Undecided, fault.New(fault.Unavailable, "undecided: %s", strings.Join(why, "; ")).WithHint("%s", j.next()))
}
