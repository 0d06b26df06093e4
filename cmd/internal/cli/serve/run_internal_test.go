package serve

import (
	"testing"
	"time"
)

func TestADownloadThatFailedIsSoonTriedAgain(t *testing.T) {
	for _, test := range []struct {
		every  time.Duration
		failed int
		want   time.Duration
	}{
		{24 * time.Hour, 0, 24 * time.Hour},
		{24 * time.Hour, 1, time.Minute},
		{24 * time.Hour, 4, 8 * time.Minute},
		{24 * time.Hour, 12, 24 * time.Hour},
		{24 * time.Hour, 1000, 24 * time.Hour},
		{time.Second, 1, time.Second},
	} {
		if got := pause(test.every, test.failed); got != test.want {
			t.Errorf("%s, after %d that failed: %s, want %s", test.every, test.failed, got, test.want)
		}
	}
}
