package secrets

// hit marks, in a transition, a state in which keywords end.
const hit = int32(1 << 30)

// automaton finds the keywords of all rules in one pass over a file: a dense
// Aho-Corasick automaton that folds ASCII case. A state is the offset of its
// row in next, so that a step is one addition and one load.
type automaton struct {
	next    []int32    // row + class of the byte -> row, with hit set where a keyword ends
	class   [256]uint8 // byte -> column; 0 is every byte that no keyword has
	classes int
	ends    [][]keyword // row/classes -> the keywords that end there
}

// keyword is one rule's word.
type keyword struct {
	rule   int // index
	length int
}

func newAutomaton(rules []*rule) *automaton {
	a := &automaton{}
	words := map[string][]keyword{}
	for i, r := range rules {
		for _, k := range r.Keywords {
			words[k] = append(words[k], keyword{i, len(k)})
		}
	}
	a.classify(words)
	t := a.trie(words)
	t.link(a.classes)
	a.flatten(t)
	return a
}

// classify gives every byte that occurs in a keyword a column of its own.
func (a *automaton) classify(words map[string][]keyword) {
	a.classes = 1
	for w := range words {
		for i := range len(w) {
			if a.class[w[i]] == 0 {
				a.class[w[i]] = uint8(a.classes)
				a.classes++
			}
		}
	}
	for c := 'A'; c <= 'Z'; c++ {
		a.class[c] = a.class[c+'a'-'A']
	}
}

// trie is the automaton while it is built: a table of states.
type trie struct {
	next []int32 // state*classes + class -> state; 0 is none
	fail []int32
	ends [][]keyword
}

func (a *automaton) trie(words map[string][]keyword) *trie {
	t := &trie{}
	t.grow(a.classes)
	for w, ks := range words {
		state := 0
		for i := range len(w) {
			at := state*a.classes + int(a.class[w[i]])
			if t.next[at] == 0 {
				t.next[at] = int32(len(t.fail))
				t.grow(a.classes)
			}
			state = int(t.next[at])
		}
		t.ends[state] = append(t.ends[state], ks...)
	}
	return t
}

func (t *trie) grow(classes int) {
	t.next = append(t.next, make([]int32, classes)...)
	t.fail = append(t.fail, 0)
	t.ends = append(t.ends, nil)
}

// link completes the transitions, breadth first: where a state has none, it
// has that of the longest proper suffix that is a state too.
func (t *trie) link(classes int) {
	queue := []int32{0}
	for len(queue) > 0 {
		state := queue[0]
		queue = queue[1:]
		for c := range int32(classes) {
			at := state*int32(classes) + c
			to, suffix := t.next[at], t.next[t.fail[state]*int32(classes)+c]
			if to == 0 {
				t.next[at] = suffix
				continue
			}
			if state != 0 {
				t.fail[to] = suffix
				t.ends[to] = append(t.ends[to], t.ends[suffix]...)
			}
			queue = append(queue, to)
		}
	}
}

func (a *automaton) flatten(t *trie) {
	a.ends = t.ends
	a.next = make([]int32, len(t.next))
	for i, to := range t.next {
		a.next[i] = to * int32(a.classes)
		if len(t.ends[to]) > 0 {
			a.next[i] |= hit
		}
	}
}

// scan calls visit with every place after a keyword and the keywords that end there.
func (a *automaton) scan(text []byte, visit func(end int, ended []keyword)) {
	row := int32(0)
	next, class := a.next, &a.class
	for i, c := range text {
		row = next[row+int32(class[c])]
		if row >= hit {
			row &^= hit
			visit(i+1, a.ends[row/int32(a.classes)])
		}
	}
}
