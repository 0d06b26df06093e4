package bundle

import (
	"fmt"
	"regexp"
	stdstrings "strings"
)

// shell is the prefix that builders put before a RUN step, and the marker they
// put before a step that makes no layer.
var (
	classicStep  = regexp.MustCompile(`^/bin/sh -c #\(nop\)\s+`)
	classicRun   = regexp.MustCompile(`^(?:\|\d+ (?:[^ ]+ )*?)?/bin/sh -c `)
	buildkitNote = regexp.MustCompile(`\s+# buildkit$`)
	runNote      = regexp.MustCompile(`^RUN (?:\|\d+ (?:[^ ]+ )*?)?/bin/sh -c `)
	instruction  = regexp.MustCompile(`^(?:ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)\s`)
)

// guessDockerfile turns an image's history into the Dockerfile it may have been
// made with. Bases are unknown: it starts from scratch.
func guessDockerfile(history []History) string {
	var b stdstrings.Builder
	b.WriteString("FROM scratch\n")
	for _, h := range history {
		if step := guessStep(h.CreatedBy); step != "" {
			fmt.Fprintln(&b, step)
		}
	}
	return b.String()
}

// guessStep is one line of the Dockerfile: a step as the classic builder, as
// BuildKit, or as another tool writes it.
func guessStep(by string) string {
	by = stdstrings.TrimSpace(stdstrings.Map(oneLine, by))
	switch {
	case by == "":
		return ""
	case classicStep.MatchString(by):
		return classicStep.ReplaceAllString(by, "")
	case buildkitNote.MatchString(by):
		by = buildkitNote.ReplaceAllString(by, "")
		return runNote.ReplaceAllString(by, "RUN ")
	case instruction.MatchString(by):
		return runNote.ReplaceAllString(by, "RUN ")
	case classicRun.MatchString(by):
		return "RUN " + classicRun.ReplaceAllString(by, "")
	}
	return "RUN " + by
}

// oneLine keeps a step from breaking out of its line.
func oneLine(r rune) rune {
	if r == '\n' || r == '\r' {
		return ' '
	}
	return r
}
