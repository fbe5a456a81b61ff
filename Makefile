# Everything here needs only Go, but for check: its race detector wants a C compiler, its browser a browser.

GO      ?= go
TOOL     = $(GO) tool -modfile=tools/go.mod
FUZZTIME ?= 5s
FLAGS    = -trimpath -ldflags='-s -w -buildid='

.PHONY: build reproducible release test check lint vuln race fuzz test-browser browser screenshots bench crash microbench clean

build: ## the binary, static
	CGO_ENABLED=0 $(GO) build $(FLAGS) -o cubeconnect .

# Built a second time in another folder it is the same, bit by bit.
reproducible:
	@dir=$$(mktemp -d) && trap 'rm -rf "$$dir"' EXIT && git archive HEAD | (mkdir "$$dir/one" "$$dir/two" && tee "$$dir/tar" | tar -x -C "$$dir/one") && tar -x -C "$$dir/two" -f "$$dir/tar" && \
	for n in one two; do (cd "$$dir/$$n" && CGO_ENABLED=0 $(GO) build $(FLAGS) -buildvcs=false -o ../$$n.bin .) || exit 1; done && cmp "$$dir/one.bin" "$$dir/two.bin" && echo "two builds are the same"

release: ## dist/: binaries, what is in each (CycloneDX), and their SHA-256
	rm -rf dist && mkdir dist
	$(GO) build -modfile=tools/go.mod -o dist/.sbom github.com/CycloneDX/cyclonedx-gomod/cmd/cyclonedx-gomod
	set -e; for target in linux-amd64 linux-arm64 darwin-amd64 darwin-arm64; do \
		CGO_ENABLED=0 GOOS=$${target%-*} GOARCH=$${target#*-} $(GO) build $(FLAGS) -o dist/cubeconnect-$$target .; \
		dist/.sbom bin -json -noserial -output dist/cubeconnect-$$target.cdx.json dist/cubeconnect-$$target; \
	done
	rm dist/.sbom
	cd dist && sha256sum cubeconnect-* > SHA256SUMS

test: ## all tests, twice in a row: on one processor, and on four
	$(GO) test -count=1 -cpu=1,4 ./...
	cd bench && $(GO) test ./...
	cd acmetest && $(GO) test ./...

check: lint vuln reproducible race fuzz test-browser ## all that must hold before a change lands

lint:
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(TOOL) staticcheck ./...
	cd bench && $(GO) vet ./... && $(GO) tool -modfile=../tools/go.mod staticcheck ./...
	cd browsertest && $(GO) vet -tags=screenshots ./... && $(GO) tool -modfile=../tools/go.mod staticcheck -tags=screenshots ./...
	cd acmetest && $(GO) vet ./... && $(GO) tool -modfile=../tools/go.mod staticcheck ./... && $(GO) mod tidy -diff
	$(GO) mod verify
	$(GO) mod tidy -diff

# The database of known vulnerabilities is on the network: out of reach is said aloud, and is no fault.
vuln:
	@out=$$($(TOOL) govulncheck ./... 2>&1); code=$$?; \
	if [ $$code -ne 0 ] && echo "$$out" | grep -q 'fetching vulnerabilities'; then echo "govulncheck: its database is out of reach, nothing was checked"; \
	else echo "$$out"; exit $$code; fi

race:
	CGO_ENABLED=1 $(GO) test -race ./...
	cd acmetest && CGO_ENABLED=1 $(GO) test -race ./...

fuzz: ## each fuzz target for FUZZTIME
	@GO="$(GO)" FUZZTIME=$(FUZZTIME) tools/fuzz

test-browser: browser ## the console in a real browser
	cd browsertest && $(GO) test -count=1 -timeout=30m ./...

# Chromium, or another that CHROMIUM names, with fonts for both languages; and what looks for faults that
# keep people out, a script of which the tests know the hash.
AXE = browsertest/node_modules/axe-core/axe.min.js
browser:
	@if [ -z "$$CHROMIUM" ] && ! command -v chromium >/dev/null; then \
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends chromium fonts-noto-core; } \
		|| { echo "Chromium is missing and can't be installed: install it, or name another with CHROMIUM=/path" >&2; exit 1; }; fi
	@[ -f $(AXE) ] || npm install --prefix browsertest --no-save --no-package-lock --ignore-scripts --no-audit --no-fund axe-core@4.14.1 \
		|| { echo "axe-core is missing and can't be installed: it takes npm" >&2; exit 1; }

screenshots: browser ## the pictures in docs/, of the demo
	@command -v pngquant >/dev/null || apt-get install -y --no-install-recommends pngquant
	cd browsertest && $(GO) test -count=1 -tags=screenshots -run=TestScreenshots ./...
	pngquant --force --ext=.png --strip --speed=1 --quality=80-100 docs/console/*.png

bench: ## the whole program under load, beside yardsticks; about an hour, 15 GB of disk
	cd bench && $(GO) run . -repeat 3 -fill 10GiB -pending 1000000 -out RESULTS.md

crash: ## 200 kills under mixed load, and thousands of power cuts
	$(GO) test -count=1 -timeout=60m -run=TestKillLosesNothing -v . -kills 200
	$(GO) test -count=1 -timeout=60m -run=TestPowerCut -v ./store -cuts 4800

microbench: ## benchmarks of the hot paths
	$(GO) test -run='^$$' -bench=. -benchmem ./...

clean:
	rm -f cubeconnect
