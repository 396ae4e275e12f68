#!/usr/bin/env bash
# Compiles and vets the program for the systems that it is not tested on (make
# build-all). Tests are left out: many are of Linux.
set -euo pipefail
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
for system in windows/amd64 darwin/arm64 freebsd/amd64; do
  export GOOS=${system%/*} GOARCH=${system#*/}
  echo "$system"
  go build ./...
  go list -f '{{if .GoFiles}}{{.Dir}} {{join .GoFiles " "}}{{end}}' ./... | while read -r folder files; do
    # shellcheck disable=SC2086 # names of files, without spaces
    (cd "$folder" && go vet $files)
  done
done
