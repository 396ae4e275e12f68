#!/usr/bin/env bash
# Makes dist/: static programs, packages, a list of what is in them, checksums
# (make dist). Two runs on one commit give the same bytes: times are those of
# the commit, and no path or clock of this machine gets in.
#
#   packaging/dist.sh VERSION NFPM [ARCH…]
set -euo pipefail
cd "$(dirname "$0")/.."

version=$1 nfpm=$2
shift 2
architectures=("$@") others=()
[ $# -gt 0 ] || {
  architectures=(amd64 arm64 arm riscv64)
  others=(freebsd/amd64 freebsd/arm64 darwin/amd64 darwin/arm64 windows/amd64 windows/arm64)
}

SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
MTIME=$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y-%m-%dT%H:%M:%SZ)
# A package's version begins with a number, has no dash, and grows.
VERSION=$(sed 's/^v//; s/-/+/; s/-/./g' <<<"$version")
[[ $VERSION == [0-9]*.[0-9]* ]] || VERSION=0.0.0+$(date -u -d "@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S).$VERSION
export SOURCE_DATE_EPOCH MTIME VERSION

rm -rf dist
mkdir -p dist
STAGE=$(mktemp -d)
trap 'rm -rf "$STAGE"' EXIT
export STAGE

program() { # program ARCH FILE [SYSTEM]
  GOOS=${3:-linux} GOARCH=$1 GOARM=7 CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -buildid= -X main.version=$version -X main.made=$MTIME" -o "$2" .
}

echo "man page, completions and configuration"
program "$(go env GOHOSTARCH)" "$STAGE/here" "$(go env GOHOSTOS)"
"$STAGE/here" help --man | gzip -9n >"$STAGE/accord.1.gz"
"$STAGE/here" completion bash >"$STAGE/accord.bash"
"$STAGE/here" completion zsh >"$STAGE/_accord"
"$STAGE/here" completion fish >"$STAGE/accord.fish"
packaging/settings.sh gateway <config.toml >"$STAGE/gateway.toml"
packaging/settings.sh agent <config.toml >"$STAGE/agent.toml"
chmod go-w "$STAGE"/*.toml
"$STAGE/here" check "$STAGE/gateway.toml" >/dev/null
"$STAGE/here" check "$STAGE/agent.toml" >/dev/null

for ARCH in "${architectures[@]}"; do
  echo "linux/$ARCH"
  program "$ARCH" "$STAGE/accord"
  install -m 755 "$STAGE/accord" "dist/accord-$version-linux-$ARCH"
  export ARCH=${ARCH/%arm/arm7} # as packages call it
  for kind in deb rpm; do
    "$nfpm" package --config packaging/nfpm.yaml --packager $kind --target dist/ >"$STAGE/log" || { cat "$STAGE/log"; exit 1; }
  done
done

archive() { # archive SYSTEM/ARCH FILE MORE…: a program with what its system needs besides
  local folder=$STAGE/archive/accord-$version
  rm -rf "$STAGE/archive"
  mkdir -p "$folder"
  install -m 755 "$2" "$folder/accord"
  gzip -dc "$STAGE/accord.1.gz" >"$folder/accord.1"
  cp "$STAGE/agent.toml" "${@:3}" "$folder/"
  tar --sort=name --mtime="@$SOURCE_DATE_EPOCH" --owner=0 --group=0 --numeric-owner --mode=go-w -C "$STAGE/archive" -cf - . | gzip -9n >"dist/accord_${VERSION}_${1/\//_}.tar.gz"
}
for other in "${others[@]}"; do
  echo "$other"
  name=dist/accord-$version-${other/\//-}
  [[ $other == windows/* ]] && name+=.exe
  program "${other#*/}" "$name" "${other%/*}"
  case $other in
  darwin/*) archive "$other" "$name" packaging/launchd/*.plist ;;
  freebsd/*) archive "$other" "$name" packaging/rc.d/accord_agent ;;
  esac
done

echo "what the program is made of"
go run ./packaging/sbom "$version" "$MTIME" "dist/accord-$version-linux-${architectures[0]}" >"dist/accord-$version.cdx.json"

echo "what a release is, for its signature (docs/operating.md)"
go run ./packaging/release dist "$version" "$(git rev-parse HEAD)" "$MTIME"

(cd dist && sha256sum -- * >SHA256SUMS)
ls -l dist
