package policy

import (
	"regexp"
	"slices"
	"strings"
)

// dockerfile is a Dockerfile's instructions in order.
type dockerfile struct {
	instructions []instruction
}

// instruction is one instruction: its name in capitals, and what follows on the
// same logical line.
type instruction struct {
	name, args string
}

var (
	escapeDirective = regexp.MustCompile("(?i)^#[ \t]*escape[ \t]*=[ \t]*([\\\\`])[ \t]*$")
	otherDirective  = regexp.MustCompile(`^#[ \t]*[a-zA-Z][a-zA-Z0-9]*[ \t]*=`)
	heredoc         = regexp.MustCompile(`<<-?["']?([a-zA-Z_][a-zA-Z0-9_.]*)["']?`)
)

// parseDockerfile reads instructions as Docker does: comments and empty lines
// are dropped, also between continued lines, a line that ends in the escape
// character goes on, and here-documents belong to their instruction. It takes
// any text; a line whose first word is no instruction is one all the same.
func parseDockerfile(text string) dockerfile {
	var d dockerfile
	lines := strings.Split(strings.ReplaceAll(strings.TrimPrefix(text, "\ufeff"), "\r\n", "\n"), "\n")
	p := dockerfileParser{lines: lines, escape: escapeOf(lines)}
	for p.at < len(p.lines) {
		line := p.logicalLine()
		if line == "" {
			continue
		}
		i := splitInstruction(line)
		if i.name == "RUN" || i.name == "COPY" || i.name == "ADD" {
			p.skipHeredocs(i.args)
		}
		d.instructions = append(d.instructions, i)
	}
	return d
}

// dockerfileParser goes through a Dockerfile's lines.
type dockerfileParser struct {
	lines  []string
	at     int // the next line
	escape string
	places map[string][]int // where each line stands; made for the first here-document
}

// escapeOf is the escape character, which a directive at the top may change.
func escapeOf(lines []string) string {
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if m := escapeDirective.FindStringSubmatch(line); m != nil {
			return m[1]
		}
		if !otherDirective.MatchString(line) {
			break
		}
	}
	return `\`
}

// logicalLine joins the next line with those that continue it.
func (p *dockerfileParser) logicalLine() string {
	var b strings.Builder
	for p.at < len(p.lines) {
		raw := p.lines[p.at]
		line := strings.TrimSpace(raw)
		p.at++
		if line == "" || strings.HasPrefix(line, "#") {
			if b.Len() == 0 {
				return ""
			}
			continue
		}
		if b.Len() > 0 && raw[0] != line[0] && !strings.HasSuffix(b.String(), " ") {
			b.WriteByte(' ')
		}
		part, goesOn := strings.CutSuffix(line, p.escape)
		b.WriteString(part)
		if !goesOn {
			break
		}
	}
	return strings.TrimSpace(b.String())
}

func splitInstruction(line string) instruction {
	name, args := line, ""
	if i := strings.IndexAny(line, " \t"); i >= 0 {
		name, args = line[:i], strings.TrimSpace(line[i:])
	}
	return instruction{strings.ToUpper(name), args}
}

// skipHeredocs drops the bodies of the here-documents that the instruction
// opens. One without an end is none.
func (p *dockerfileParser) skipHeredocs(args string) {
	for _, m := range heredoc.FindAllStringSubmatch(args, -1) {
		if p.places == nil {
			p.places = map[string][]int{}
			for i, l := range p.lines {
				l = strings.TrimLeft(l, "\t")
				p.places[l] = append(p.places[l], i)
			}
		}
		ends := p.places[m[1]]
		if i, _ := slices.BinarySearch(ends, p.at); i < len(ends) {
			p.at = ends[i] + 1
		}
	}
}

// named are the instructions of that name in all stages.
func (d dockerfile) named(name string) []instruction {
	var list []instruction
	for _, i := range d.instructions {
		if i.name == name {
			list = append(list, i)
		}
	}
	return list
}

// stage is a part of a Dockerfile that begins with FROM.
type stage struct {
	base         *stage // the stage that it is built on, if it is one of the file's
	instructions []instruction
}

// final are the instructions of the last stage and, before them, of the stages
// that it is built on.
func (d dockerfile) final() []instruction {
	last, names := &stage{}, map[string]*stage{}
	for i, in := range d.instructions {
		if in.name == "FROM" {
			base, name := splitFrom(in.args)
			last = &stage{base: names[strings.ToLower(base)]}
			if name != "" {
				names[strings.ToLower(name)] = last
			}
		}
		last.instructions = append(last.instructions, d.instructions[i])
	}
	var chain [][]instruction
	for s := last; s != nil; s = s.base {
		chain = append(chain, s.instructions)
	}
	slices.Reverse(chain)
	return slices.Concat(chain...)
}

// splitFrom takes "[--platform=…] base [AS name]" apart.
func splitFrom(args string) (base, name string) {
	words := slices.DeleteFunc(strings.Fields(args), func(w string) bool { return strings.HasPrefix(w, "--") })
	if len(words) > 0 {
		base = words[0]
	}
	if len(words) == 3 && strings.EqualFold(words[1], "as") {
		name = words[2]
	}
	return base, name
}

// user is the last stage's last USER, or root.
func (d dockerfile) user() string {
	user := "root"
	for _, i := range d.final() {
		if i.name == "USER" && i.args != "" {
			user = strings.Trim(i.args, "[]")
		}
	}
	return user
}

// exposed are the words that follow the last stage's EXPOSE.
func (d dockerfile) exposed() []string {
	var words []string
	for _, i := range d.final() {
		if i.name == "EXPOSE" {
			words = append(words, strings.Fields(i.args)...)
		}
	}
	return words
}
