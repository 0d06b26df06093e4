package vulns

import "testing"

func TestSilenceIsBounded(t *testing.T) {
	s := newSilence(10)
	key := func(n int) packageKey { return packageKey{byte(n), byte(n >> 8)} }
	for n := range 1000 {
		s.add(key(n))
		if !s.has(key(0)) {
			t.Fatalf("what is asked for all the time is forgotten after %d", n)
		}
		if !s.has(key(n)) {
			t.Fatalf("%d is forgotten at once", n)
		}
	}
	if n := len(s.now) + len(s.before); n > 20 {
		t.Errorf("%d are kept, want 20 at most", n)
	}
	if s.has(key(500)) {
		t.Error("what nobody asked for is still there")
	}
}
