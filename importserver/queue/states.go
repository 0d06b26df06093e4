package queue

import (
	"github.com/tidepole/tidepole/formats/wire"
)

// moves are the steps that an image's analysis may take. "" is an image that was
// not there before.
var moves = map[string][]string{
	"":                  {wire.NotAnalyzed},
	wire.NotAnalyzed:    {wire.Analyzing, wire.AnalysisFailed}, // failed: cancelled before it was taken up
	wire.Analyzing:      {wire.Analyzed, wire.AnalysisFailed, wire.NotAnalyzed},
	wire.Analyzed:       {wire.NotAnalyzed},
	wire.AnalysisFailed: {wire.NotAnalyzed},
}

// Allowed tells whether an image may go from one status to another.
func Allowed(from, to string) bool {
	for _, s := range moves[from] {
		if s == to {
			return true
		}
	}
	return false
}
