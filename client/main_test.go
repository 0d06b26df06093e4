package client_test

import (
	"io"
	"log"
	"testing"

	"go.uber.org/goleak"
)

// quiet drops what a server says of clients that hang up.
var quiet = log.New(io.Discard, "", 0)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
