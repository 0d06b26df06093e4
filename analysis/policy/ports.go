package policy

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// ports is a range of ports of one protocol, most often of one port.
type ports struct {
	from, to int
	protocol string
}

func (p ports) has(n int) bool { return p.from <= n && n <= p.to }

// String is "22", "8000-8010" or, where it is not tcp, "53/udp".
func (p ports) String() string {
	s := strconv.Itoa(p.from)
	if p.to != p.from {
		s = fmt.Sprintf("%d-%d", p.from, p.to)
	}
	if p.protocol != "tcp" {
		s += "/" + p.protocol
	}
	return s
}

// portText is a port or a range, also as builders write it into an image's
// history: "map[8080/tcp:{}]", "[22/tcp 80/tcp]".
var portText = regexp.MustCompile(`^(?:map\[|\[)?"?(\d{1,5})(?:-(\d{1,5}))?(?:/([a-zA-Z]{2,5}))?"?(?::\{\})?\]?$`)

// portsOf reads ports from several lists, each once and in order. What is no
// port, as an argument of the build that was never set, is passed over.
func portsOf(lists ...[]string) []ports {
	var all []ports
	for _, text := range slices.Concat(lists...) {
		m := portText.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		p := ports{protocol: cmp.Or(strings.ToLower(m[3]), "tcp")}
		p.from, _ = strconv.Atoi(m[1])
		if p.to, _ = strconv.Atoi(m[2]); p.to < p.from {
			p.to = p.from
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b ports) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to), cmp.Compare(a.protocol, b.protocol))
	})
	return slices.Compact(all)
}
