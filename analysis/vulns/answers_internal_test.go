package vulns

import (
	"fmt"
	"testing"

	"github.com/anchore/grype/grype/match"
)

func TestAnswersAreBounded(t *testing.T) {
	a := newAnswers(100)
	key := func(n int) answerKey { return answerKey([]byte(fmt.Sprintf("%032d", n))) }
	for n := range 1000 {
		a.put(key(n), answer{matches: make([]match.Match, n%7)})
		a.put(key(n), answer{matches: make([]match.Match, 5)}) // as two goroutines at once
	}
	if a.size > 100 || a.size < 90 {
		t.Errorf("size %d, want 90 to 100", a.size)
	}
	sum := 0
	for _, v := range a.known.Values() {
		sum += v.size()
	}
	if sum != a.size {
		t.Errorf("it counts %d, and has %d", a.size, sum)
	}
	if _, ok := a.get(key(0)); ok {
		t.Error("the oldest is still there")
	}
	if _, ok := a.get(key(999)); !ok {
		t.Error("the newest is not there")
	}
	a.put(key(2000), answer{matches: make([]match.Match, 50)})
	if _, ok := a.get(key(2000)); ok {
		t.Error("a large one took the place of many")
	}
}
