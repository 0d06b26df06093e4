package client_test

import (
	"io"
	"log"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// quiet drops what a server says of clients that hang up.
var quiet = log.New(io.Discard, "", 0)

// settled are tests after which what is about to end has time to: on a busy machine that
// takes longer than goleak waits.
type settled struct{ *testing.M }

func (s settled) Run() int {
	code := s.M.Run()
	for end := time.Now().Add(time.Minute); code == 0 && goleak.Find() != nil && time.Now().Before(end); {
	}
	return code
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(settled{m}) }
