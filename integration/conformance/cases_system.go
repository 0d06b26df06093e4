package main

var systemCases = []Case{
	{"ping", "the root answers with the API's version", func(r *Run) {
		var v string
		r.Call("ping", Options{}).JSON(&v)
		if v != "v2" {
			r.Failf("the root answers %q", v)
		}
	}},
}
