package policy_test

import (
	"testing"

	"github.com/tidepole/tidepole/formats/bundle"
)

func TestDockerfileInstruction(t *testing.T) {
	image := fixture{config: object{"User": ""}, dockerfile: `# syntax=docker/dockerfile:1
FROM golang:1.26 AS build
run apt-get update && \
    # a comment in between
    apt-get install -y curl

RUN <<EOF
HEALTHCHECK NONE
EOF
FROM scratch
COPY --from=build /app /app
ONBUILD USER root
MAINTAINER someone
`}
	escaped := fixture{dockerfile: "# escape=`\nFROM a\nRUN dir c:\\ `\n  /s\n"}
	guessed := fixture{config: object{}, history: []string{`/bin/sh -c #(nop)  CMD ["sh"]`, "RUN /bin/sh -c make # buildkit"}}
	healthy := fixture{config: object{"Healthcheck": object{"Test": []string{"CMD", "/health"}}}}
	bare := fixture{config: object{"Labels": nil}}
	const trigger = "dockerfile/instruction"
	line := func(name, check, value, line string) string {
		return "Dockerfile directive '" + name + "' check '" + check + "' matched against '" + value + "' for line '" + line + "'"
	}
	const noHealthcheck = "Dockerfile directive 'HEALTHCHECK' not found, matching condition 'not_exists' check"
	const nothing = "no Dockerfile was given, and the image's configuration has neither history nor settings to reconstruct one from"
	run(t, []example{
		{
			name: "not there, though in a here-document", trigger: trigger, image: image, params: []string{"instruction", "HEALTHCHECK", "check", "not_exists"},
			fires: []string{noHealthcheck}, ids: []string{"41cb7cdf04850e33a11f80c42bf660b3"},
		},
		{name: "there", trigger: trigger, image: image, params: []string{"instruction", "maintainer", "check", "exists"}, fires: []string{line("MAINTAINER", "exists", "", "someone")}},
		{name: "in ONBUILD only", trigger: trigger, image: image, params: []string{"instruction", "USER", "check", "exists"}},
		{name: "equal", trigger: trigger, image: image, params: []string{"instruction", "FROM", "check", "=", "value", "scratch"}, fires: []string{line("FROM", "=", "scratch", "scratch")}},
		{name: "not equal", trigger: trigger, image: image, params: []string{"instruction", "FROM", "check", "!=", "value", "scratch"}, fires: []string{line("FROM", "!=", "scratch", "golang:1.26 AS build")}},
		{
			name: "like, over continued lines", trigger: trigger, image: image, params: []string{"instruction", "RUN", "check", "like", "value", ".*install"},
			fires: []string{line("RUN", "like", ".*install", "apt-get update && apt-get install -y curl")},
		},
		{name: "like matches from the start", trigger: trigger, image: image, params: []string{"instruction", "RUN", "check", "like", "value", "install"}},
		{name: "not like", trigger: trigger, image: image, params: []string{"instruction", "COPY", "check", "not_like", "value", "--chown"}, fires: []string{line("COPY", "not_like", "--chown", "--from=build /app /app")}},
		{name: "in", trigger: trigger, image: image, params: []string{"instruction", "FROM", "check", "in", "value", "a, scratch"}, fires: []string{line("FROM", "in", "a, scratch", "scratch")}},
		{name: "not in", trigger: trigger, image: image, params: []string{"instruction", "MAINTAINER", "check", "not_in", "value", "me,you"}, fires: []string{line("MAINTAINER", "not_in", "me,you", "someone")}},
		{name: "another escape character", trigger: trigger, image: escaped, params: []string{"instruction", "RUN", "check", "exists"}, fires: []string{line("RUN", "exists", "", `dir c:\ /s`)}},
		{name: "reconstructed", trigger: trigger, image: guessed, params: []string{"instruction", "RUN", "check", "exists"}, fires: []string{line("RUN", "exists", "", "make")}},
		{name: "only what was given", trigger: trigger, image: guessed, params: []string{"instruction", "RUN", "check", "exists", "actual_dockerfile_only", "true"}},
		{name: "the configuration knows", trigger: trigger, image: healthy, params: []string{"instruction", "HEALTHCHECK", "check", "not_exists"}},
		{name: "the configuration has none", trigger: trigger, image: fixture{config: object{"Cmd": nil}}, params: []string{"instruction", "HEALTHCHECK", "check", "not_exists"}, fires: []string{noHealthcheck}},
		{name: "nothing to reconstruct from", trigger: trigger, image: bare, params: []string{"instruction", "HEALTHCHECK", "check", "not_exists"}, lacks: []string{nothing}},
		{
			name: "no configuration", trigger: trigger, image: fixture{without: []bundle.Kind{bundle.ImageConfig}}, params: []string{"instruction", "RUN", "check", "exists"},
			lacks: []string{"the evidence has no dockerfile"},
		},
		{name: "no value", trigger: trigger, params: []string{"instruction", "RUN", "check", "="}, invalid: []string{"parameter value is missing, which check = needs"}},
		{
			name: "no such instruction", trigger: trigger, params: []string{"instruction", "GO", "check", "exists"},
			invalid: []string{`parameter instruction: "GO" is none of: ADD, ARG, COPY, CMD, ENTRYPOINT, ENV, EXPOSE, FROM, HEALTHCHECK, LABEL, MAINTAINER, ONBUILD, USER, RUN, SHELL, STOPSIGNAL, VOLUME, WORKDIR`},
		},
		{
			name: "no expression", trigger: trigger, params: []string{"instruction", "RUN", "check", "like", "value", "("},
			invalid: []string{"parameter value: \"(\" is not a regular expression that RE2 knows: error parsing regexp: missing closing ): `(`"},
		},
	})
}

func TestDockerfileGiven(t *testing.T) {
	run(t, []example{
		{name: "given", trigger: "dockerfile/no_dockerfile_provided", image: fixture{dockerfile: "FROM a"}},
		{
			name: "not given", trigger: "dockerfile/no_dockerfile_provided", image: fixture{history: []string{"a"}},
			fires: []string{"Image was not analyzed with an actual Dockerfile"},
		},
	})
}

func TestEffectiveUser(t *testing.T) {
	const trigger = "dockerfile/effective_user"
	denied := func(u string) []string {
		return []string{"User " + u + " found as effective user, which is explicity not allowed list"}
	}
	stages := fixture{dockerfile: "FROM a AS base\nUSER app\nFROM b\nUSER other\nFROM base\nRUN x\n"}
	run(t, []example{
		{name: "nobody is root", trigger: trigger, image: fixture{config: object{"User": ""}}, params: []string{"users", "root", "type", "blacklist"}, fires: denied("root")},
		{name: "root by number", trigger: trigger, image: fixture{config: object{"User": "0:0"}}, params: []string{"users", "root", "type", "denylist"}, fires: denied("0:0")},
		{name: "another", trigger: trigger, image: fixture{config: object{"User": "app"}}, params: []string{"users", "root", "type", "denylist"}},
		{
			name: "not allowed", trigger: trigger, image: fixture{config: object{"User": "app"}}, params: []string{"users", "web,www", "type", "whitelist"},
			fires: []string{"User app found as effective user, which is not on the allowed list"},
		},
		{name: "allowed with its group", trigger: trigger, image: fixture{config: object{"User": "app:app"}}, params: []string{"users", "app", "type", "allowlist"}},
		{name: "of the stage that the last is built on", trigger: trigger, image: stages, params: []string{"users", "app", "type", "denylist"}, fires: denied("app")},
		{name: "neither list", trigger: trigger, params: []string{"users", "app", "type", "graylist"}, invalid: []string{`parameter type: "graylist" is none of: denylist, allowlist`}},
	})
}

func TestExposedPorts(t *testing.T) {
	const trigger = "dockerfile/exposed_ports"
	ssh := fixture{config: object{"ExposedPorts": object{"22/tcp": object{}, "53/udp": object{}}}}
	deniedPort := func(p string) string {
		return "Dockerfile exposes port (" + p + ") which is in policy file DENIEDPORTS list"
	}
	otherPort := func(p string) string {
		return "Dockerfile exposes port (" + p + ") which is not in policy file ALLOWEDPORTS list"
	}
	run(t, []example{
		{name: "denied", trigger: trigger, image: ssh, params: []string{"ports", "22,80", "type", "denylist"}, fires: []string{deniedPort("22")}},
		{name: "any denied", trigger: trigger, image: ssh, params: []string{"ports", "0", "type", "blacklist"}, fires: []string{deniedPort("22"), deniedPort("53/udp")}},
		{name: "not allowed", trigger: trigger, image: ssh, params: []string{"ports", "22", "type", "allowlist"}, fires: []string{otherPort("53/udp")}},
		{name: "any allowed", trigger: trigger, image: ssh, params: []string{"ports", "0", "type", "whitelist"}},
		{
			name: "as builders write history", trigger: trigger, params: []string{"ports", "0", "type", "denylist"},
			image: fixture{history: []string{"EXPOSE map[8080/tcp:{}]", "EXPOSE [22/tcp 80/tcp]", "/bin/sh -c #(nop)  EXPOSE 443", "EXPOSE $PORT"}},
			fires: []string{deniedPort("22"), deniedPort("80"), deniedPort("443"), deniedPort("8080")},
		},
		{
			name: "a range", trigger: trigger, params: []string{"ports", "8005", "type", "denylist"}, image: fixture{dockerfile: "FROM a\nEXPOSE 8000-8010\n"},
			fires: []string{deniedPort("8000-8010")},
		},
		{name: "of another stage", trigger: trigger, params: []string{"ports", "22", "type", "denylist"}, image: fixture{dockerfile: "FROM a\nEXPOSE 22\nFROM b\n"}},
		{name: "only what was given", trigger: trigger, image: ssh, params: []string{"ports", "22", "type", "denylist", "actual_dockerfile_only", "TRUE"}},
		{name: "no port", trigger: trigger, params: []string{"ports", "ssh", "type", "denylist"}, invalid: []string{`parameter ports: "ssh" has "ssh", which is not a whole number from 0 to 2147483647`}},
	})
}
