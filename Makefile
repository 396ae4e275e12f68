# What can be done here: make help

SHELL       := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

GO       ?= go
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
LDFLAGS  := -s -w -X main.version=$(VERSION)
TOOLS    := $(CURDIR)/bin/tools
FUZZTIME ?= 10s

# Tools are built from source by the Go module proxy, at these versions.
LINT_VERSION := v2.15.0
VULN_VERSION := v1.9.0
NFPM_VERSION := v2.45.0
LINT         := $(TOOLS)/golangci-lint-$(LINT_VERSION)
VULN         := $(TOOLS)/govulncheck-$(VULN_VERSION)
NFPM         := $(TOOLS)/nfpm-$(NFPM_VERSION)

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: build
build: ## make bin/accord, one static binary
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o bin/accord .

.PHONY: dist
dist: $(NFPM) ## make programs and packages for four kinds of Linux, macOS, FreeBSD and Windows in dist/ (ARCH=amd64: for one Linux)
	packaging/dist.sh $(VERSION) $(NFPM) $(ARCH)

# Each takes one to two minutes the first time: the database is translated C.
.PHONY: build-all
build-all: ## compile for Windows, macOS and FreeBSD, and vet what is not a test
	@packaging/build-all.sh

.PHONY: try-dist
try-dist: ## install the package of make dist on a copy of this machine, visit, upgrade, purge (root on Debian)
	packaging/try.sh

# It needs ssh, git and the history back to OLD, a commit or a tag; without it the
# newest tag, else 40 commits back.
.PHONY: try-upgrade
try-upgrade: ## upgrade gateway and device from an older commit (OLD=COMMIT), visit in each combination, back again, 2 minutes
	packaging/try-upgrade.sh $(OLD)

# It needs tmux, Xvfb, xterm, sway, foot and what types into them; it says which are
# missing.
.PHONY: try-surfaces
try-surfaces: ## ask a person in tmux, X11, Wayland and on a console, answer as they would, 2 minutes (root; SHOTS=FOLDER)
	packaging/try-surfaces.sh $(SHOTS)

# It needs wine and x86_64-w64-mingw32-gcc; it says what is missing.
.PHONY: try-windows
try-windows: ## run the agent for Windows under wine: join, call home, a service, 1 minute (root; KEPT=FOLDER)
	packaging/try-windows.sh $(KEPT)

# It needs ssh and ssh-keygen; as root it fills a disk, too.
.PHONY: try-update
try-update: ## order signed releases on two devices, forged and broken ones too, and go back, 1 minute
	packaging/try-update.sh

.PHONY: run
run: build ## try it: a gateway, an agent for this machine, and its user's screen, here
	bin/accord up

# Agents write on the terminals of their account, so one of their packages is run
# at a time; the others have nothing to do with them and run beside. More stories at
# once than processors read what other stories' agents say on the shells of visits.
AGENTS := '^accord(/agent(/.*)?)?$$'

# A package may take this long on the slowest of machines; a hang is found by it.
LONGEST := -timeout 25m

.PHONY: test
test: ## run all tests
	@failed=0; all=$$($(GO) list ./...); \
	$(GO) test $(LONGEST) -p 1 $$(grep -E $(AGENTS) <<<"$$all") & agents=$$!; \
	$(GO) test $(LONGEST) -p 1 $$(grep -vE $(AGENTS) <<<"$$all") || failed=1; \
	wait $$agents || failed=1; exit $$failed

.PHONY: check
check: format vet lint race vuln ## all that must pass before a commit

.PHONY: format
format: ## every file is formatted by gofmt
	@files=$$(gofmt -l $$(git ls-files --cached --others --exclude-standard '*.go')); \
	if [ -n "$$files" ]; then echo "gofmt wants to change:"; echo "$$files"; exit 1; fi

.PHONY: vet
vet: ## go vet
	$(GO) vet ./...

.PHONY: tools
tools: $(LINT) ## build what make lint needs, once

.PHONY: lint
lint: $(LINT) ## golangci-lint: the rules and import arrows of .golangci.yml
	$(LINT) run

.PHONY: race
race: ## run all tests but the stories with the race detector (it needs a C compiler)
	@export CGO_ENABLED=1; failed=0; all=$$($(GO) list ./...); \
	$(GO) test $(LONGEST) -race -p 1 -skip '^TestScripts$$' $$(grep -E $(AGENTS) <<<"$$all") & agents=$$!; \
	$(GO) test $(LONGEST) -race -p 1 $$(grep -vE $(AGENTS) <<<"$$all") || failed=1; \
	wait $$agents || failed=1; exit $$failed # the stories run the real binary, which has no detector in it

# The list of known vulnerabilities comes from vuln.go.dev. Without a way there
# this says so and passes: it would be no news about this code.
.PHONY: vuln
vuln: ## known vulnerabilities in what we depend on, where vuln.go.dev can be reached
	@if curl -fsSL --max-time 10 -o /dev/null https://vuln.go.dev/index/db.json 2>/dev/null; then \
	  $(MAKE) --no-print-directory $(VULN) && $(VULN) ./...; \
	else \
	  echo "vuln: SKIPPED, https://vuln.go.dev can't be reached from here (or curl is missing); nothing was checked"; \
	fi

# It needs ssh, ssh-keygen and sshd (it need not run). BENCH=-quick takes less
# than two minutes. The inner parts have benchmarks of their own:
#   go test -run '^$' -bench . ./recordings ./wire ./tui ./gateway/store ./agent/proc
.PHONY: bench
bench: ## Accord beside OpenSSH, up to 10 minutes (BENCH=-quick: 2); go test -bench . ./wire … measures inner parts
	$(GO) run ./bench $(BENCH)

# It needs Xtigervnc, xterm, xclock, xdotool, ffmpeg and ImageMagick. BENCH=-quick
# takes two minutes; BENCH='-captures DIR' measures captures of servers too.
.PHONY: bench-screen
bench-screen: ## what keeping a screen costs, beside raw RFB, ZRLE, PNG and x264, 12 minutes (BENCH=-quick: 2)
	$(GO) run ./bench/screen $(BENCH)

# It needs the servers and viewers of docs/screen.md.
.PHONY: matrix-screen
matrix-screen: ## every VNC viewer that docs/screen.md names before every server: what they show, pixel by pixel
	$(GO) test -count=1 -run '^TestMatrix$$' -v ./recordings/rfb -matrix

# It needs the libraries of docs/tools.md; it says which are missing. Agents write on
# the terminals of their account, so it is no part of make test.
.PHONY: matrix-tools
matrix-tools: ## libraries of seven languages, 1 GB and 100,000 files through a gateway: what works (SIZE=, FILES=)
	testdata/matrix/tools.sh

# One target at a time is all that go test can fuzz; each package is built once. Where
# the time is over in the middle of an input, Go may call that a failure, with no other
# words than its own deadline: that is none.
.PHONY: fuzz
fuzz: ## fuzz each target for FUZZTIME (10s)
	@built=$$(mktemp -d); trap 'rm -rf "$$built"' EXIT; kept=$$($(GO) env GOCACHE)/fuzz; \
	for folder in $$(grep -rl --include='*_test.go' '^func Fuzz' . | xargs -n1 dirname | sort -u); do \
	  $(GO) test -c -o "$$built/fuzz.test" -fuzz=. "$$folder"; \
	  for target in $$(grep -ho '^func Fuzz[A-Za-z0-9_]*' "$$folder"/*_test.go | sed 's/^func //' | sort); do \
	    echo "fuzz: $$target in $$folder"; \
	    (cd "$$folder" && "$$built/fuzz.test" -test.run='^$$' -test.fuzz="^$$target\$$" -test.fuzztime=$(FUZZTIME) \
	      -test.fuzzcachedir="$$kept/$$($(GO) list .)" </dev/null) 2>&1 | tee "$$built/log" || \
	      { grep -q 'context deadline exceeded' "$$built/log" && ! grep -qE 'Failing input|panic:|hung' "$$built/log"; } || exit 1; \
	  done; \
	done

.PHONY: tidy
tidy: ## go.mod names what is used and nothing else
	$(GO) mod tidy -diff
	$(GO) mod verify

.PHONY: clean
clean: ## remove what was built, packages and tools too
	rm -rf bin dist

$(LINT):
	@echo "building golangci-lint $(LINT_VERSION), once; it takes some minutes"
	GOBIN=$(TOOLS) GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv $(TOOLS)/golangci-lint $@

$(NFPM):
	GOBIN=$(TOOLS) GOFLAGS= $(GO) install github.com/goreleaser/nfpm/v2/cmd/nfpm@$(NFPM_VERSION)
	mv $(TOOLS)/nfpm $@

$(VULN):
	GOBIN=$(TOOLS) GOFLAGS= $(GO) install golang.org/x/vuln/cmd/govulncheck@$(VULN_VERSION)
	mv $(TOOLS)/govulncheck $@
