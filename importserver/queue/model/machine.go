package model

// Machine is the protocol at a size that can be looked through.
type Machine struct {
	Images, Workers int
	MaxAttempts     int8
	Flaw            Flaw // what is wrong with it on purpose
}

// Changes are the steps that are possible in a state.
func (m Machine) Changes(s State) []Change {
	var all []Change
	add := func(step Step, do func(*run)) {
		r := run{Machine: m, s: s}
		do(&r)
		if m.Flaw != OneToken {
			r.s = r.s.renamed()
		}
		r.judge()
		if r.s != s || r.wrong != "" {
			all = append(all, Change{Step: step, To: r.s, Moves: r.moves, Wrong: r.wrong})
		}
	}
	for n := range int8(m.Images) {
		m.asked(s, n, add)
	}
	add(Step{Kind: Refresh}, (*run).refresh)
	for w := range int8(m.Workers) {
		m.worked(s, w, add)
	}
	for n := range int8(m.Images) {
		if i := s.Images[n].Work; i.Token != 0 && i.Over && !s.Search.There {
			add(Step{Kind: Look, Image: n}, func(r *run) { r.look(n) })
		}
	}
	if s.Search.There {
		add(Step{Kind: Take}, (*run).take)
	}
	add(Step{Kind: TakeAll}, (*run).takeAll)
	add(Step{Kind: Forward}, (*run).forward)
	add(Step{Kind: Back}, (*run).back)
	return all
}

// asked are the steps of users.
func (m Machine) asked(s State, n int8, add func(Step, func(*run))) {
	add(Step{Kind: SubmitAnalyze, Image: n}, func(r *run) { r.submit(n, Analyze) })
	add(Step{Kind: SubmitAssess, Image: n}, func(r *run) { r.submit(n, Assess) })
	add(Step{Kind: Cancel, Image: n}, func(r *run) { r.cancel(n) })
	add(Step{Kind: Retry, Image: n}, func(r *run) { r.retry(n) })
	if s.Images[n].Status != Absent {
		add(Step{Kind: Delete, Image: n}, func(r *run) { r.remove(n) })
	}
}

// worked are the steps of a worker. Where the connection may break before it hears
// what became of a step, it goes on as one that only knows that it failed.
func (m Machine) worked(s State, w int8, add func(Step, func(*run))) {
	l := s.Workers[w]
	if !l.There {
		for n := range int8(m.Images) {
			if i := s.Images[n].Work; i.There && i.Ready && (i.Token == 0 || m.Flaw == ClaimsTaken) {
				add(Step{Kind: Claim, Worker: w, Image: n}, func(r *run) { r.claim(w, n) })
				add(Step{Kind: Claim, Worker: w, Image: n, Lost: true}, func(r *run) { r.claim(w, n); r.s.Workers[w] = Lease{} })
			}
		}
		return
	}
	both := func(k Kind, do func(*run, *Lease) (done bool)) {
		add(Step{Kind: k, Worker: w}, func(r *run) {
			if l := &r.s.Workers[w]; !do(r, l) || k == Finish || k == Fail || k == GiveUp || k == PutOff || k == Release {
				*l = Lease{} // it is lost, or settled
			}
		})
		add(Step{Kind: k, Worker: w, Lost: true}, func(r *run) {
			l := &r.s.Workers[w]
			before := *l
			if !do(r, l) {
				*l = Lease{}
				return
			}
			// Work that was given up as deaf goes on as if nothing were; all else
			// that is unheard is a failure to the worker.
			before.Holds = l.Holds
			before.Failing = before.Failing || k != Fail && k != GiveUp
			*l = before
		})
	}
	add(Step{Kind: Crash, Worker: w}, func(r *run) { r.s.Workers[w] = Lease{} })
	add(Step{Kind: Beat, Worker: w}, func(r *run) {
		if l := &r.s.Workers[w]; !r.beat(l) {
			*l = Lease{}
		}
	})
	both(Fail, func(r *run, l *Lease) bool { return r.fail(l, false) })
	both(GiveUp, func(r *run, l *Lease) bool { return r.fail(l, true) })
	both(PutOff, (*run).putOff)
	both(Release, (*run).release)
	switch {
	case l.Failing:
	case !l.Holds: // it may be at either
		both(Advance, (*run).advance)
		both(Finish, (*run).finish)
	case l.Stage == Analyze:
		both(Advance, (*run).advance)
	default:
		both(Finish, (*run).finish)
	}
}
