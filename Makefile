# make demo [IMAGE=…]   build, and take one image through the whole path
# make bench [BENCH=…]  measure it against its peers: docs/performance.md
# make bench-api        measure how the API's answers grow with the number of images
# make bench-server [SERVERBENCH=…] measure imports and assessments: docs/performance.md
# make faults [FAULTS=…] let go wrong what can, for long: docs/reliability.md
# make conformance URL=… ask a server of the Anchore API for everything that tidepole serves
# make test             install the real parts where missing, and run every test
export CGO_ENABLED = 0

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS = -s -w -X main.version=$(VERSION)
IMAGE ?=
PACKAGES ?= ./...
BENCH ?=
APIBENCH ?=
SERVERBENCH ?=
FAULTS ?= -steps 5000 -for 2h
URL ?= http://127.0.0.1:8228

.PHONY: build demo bench bench-api bench-server faults conformance test quick lint clean

build:
	go build -ldflags '$(LDFLAGS)' -o bin/tidepole ./cmd/tidepole

demo: build
	integration/demo.sh $(IMAGE)

# make bench BENCH="-only archive -image reference -runs 1"; -write docs renews the tables
bench: build
	integration/install.sh
	go build -o bin/bench ./integration/bench
	go run ./integration/testbed -- bin/bench -program bin/tidepole $(BENCH)

# make bench-api APIBENCH="-images 100,1000"
bench-api:
	go run ./integration/apibench $(APIBENCH)

# make bench-server SERVERBENCH="-images 100,1000 -workers 1,2"; -write docs renews the tables
bench-server: build
	integration/install.sh
	go build -o bin/serverbench ./integration/serverbench
	go run ./integration/testbed -- bin/serverbench -program bin/tidepole $(SERVERBENCH)

# make faults FAULTS="-seed 7 -steps 300 -v"; the full disk needs root
faults:
	go build -tags faults -ldflags '$(LDFLAGS)' -o bin/tidepole-faults ./cmd/tidepole
	go run ./integration/vulndbtest/cmd/demodb -age 1m -o bin/faults-1.tar.gz
	go run ./integration/vulndbtest/cmd/demodb -age 2m -o bin/faults-2.tar.gz
	go run ./integration/faults -program bin/tidepole-faults -database bin/faults-1.tar.gz,bin/faults-2.tar.gz $(FAULTS)

# The password is taken from TIDEPOLE_PASSWORD or ANCHORECTL_PASSWORD. VULNDB=FILE is an archive of a vulnerability
# database to upload, without which what needs one is not seen.
conformance:
	go run ./integration/conformance -url $(URL) $(if $(VULNDB),-vulndb $(VULNDB))

# On a machine whose parts must all be there, as in CI: make test REQUIRE=-require
test:
	integration/install.sh
	go run ./integration/testbed $(REQUIRE) -- go run ./integration/tally -timeout 30m $(PACKAGES)

# The packages that build in seconds.
quick:
	go run ./integration/tally ./formats/... ./client/... ./importserver/...

lint:
	@bad=$$(gofmt -l .); test -z "$$bad" || { echo "gofmt would change: $$bad" >&2; exit 1; }
	go vet ./...

clean:
	rm -rf bin .demo
