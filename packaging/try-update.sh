#!/usr/bin/env bash
# Updates two devices from a gateway with signed releases: orders one for both,
# offers a forged one, kills an agent, goes back, and gives one that doesn't run.
# It needs git, go, ssh and ssh-keygen, no root, and some free ports on loopback.
set -euo pipefail
cd "$(dirname "$0")/.."
tree=$PWD

work=$(mktemp -d)
chmod 755 "$work"
declare -A pids=()
finish() { for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$work"; }
trap finish EXIT
say() { printf '== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; updates >&2 || true; tail -n 15 "$work"/*.log >&2 || true; exit 1; }
await() { # await SENTENCE COMMAND… : at most 60 seconds
  local what=$1; shift
  for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  fail "in vain waited until $what"
}

say "build versions 1 and 2 of this tree"
build() { CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=v$1.0.0 -X main.made=2026-01-0$1T00:00:00Z" -o "$work/v$1/accord" .; }
build 1
build 2
go build -o "$work/make-release" ./packaging/release
cd "$work"
export HOME=$work
unset SSH_AUTH_SOCK
port=$((20000 + RANDOM % 20000))
for name in ada alice releases mallory; do ssh-keygen -qt ed25519 -N '' -f $name; done
mkdir offered
config() { # config DEVICE
  cat >"$1.toml" <<TEXT
[gateway]
listen = "127.0.0.1:$port"
agents = "127.0.0.1:$((port + 1))"
state = "$work/state/gateway"
releases = "$work/offered"
[recordings]
dir = "$work/state/recordings"
min_free_mib = 1
[policy]
reason_required = false
[[policy.group]]
name = "night"
members = ["alice"]
[agent]
state = "$work/$1"
name = "$1"
redial = "1s"
class = "unattended"
[agent.update]
signers = ["releases $(cut -d' ' -f1,2 releases.pub)"]
[[agent.standing]]
name = "the night shift"
groups = ["night"]
capabilities = ["shell"]
[[people]]
name = "alice"
keys = ["$(cat alice.pub)"]
roles = ["technician", "supervisor", "auditor"]
[[people]]
name = "ada"
keys = ["$(cat ada.pub)"]
roles = ["admin"]
TEXT
  chmod 600 "$1.toml"
}
gw() { ssh -F none -p "$port" -i "$1" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$work/known" "${@:2}"; }
admin() { gw ada 127.0.0.1 "$@"; }
updates() { admin devices updates; }
start() { # start DEVICE
  v1/accord agent --config "$1.toml" >>"$1.log" 2>&1 &
  pids[$1]=$!
}
shows() { updates | grep -Eq "$1"; }
release() { # release NUMBER PROGRAM KEY
  local at=offered/v$1
  mkdir -p "$at"
  cp "$2" "$at/accord-v$1.0.0-$(go env GOOS)-$(go env GOARCH)"
  ./make-release "$at" "v$1.0.0" "$(git -C "$tree" rev-parse HEAD)" "2026-01-0$1T00:00:00Z"
  ssh-keygen -q -Y sign -n release@accord -f "$3" "$at/RELEASE"
}

config web
config till
v1/accord gateway --config web.toml >gateway.log 2>&1 &
pids[gateway]=$!
await "the gateway listens" admin devices
for device in web till; do
  read -r _ _ address token < <(admin enroll 2>/dev/null)
  v1/accord join --config $device.toml "$address" "$token"
  start $device
done
for device in web till; do await "$device is there" shows "^$device +online"; done

say "a release for both"
release 2 v2/accord releases
v1/accord release --config web.toml offered/v2
admin "devices update name=*"
for device in web till; do await "$device runs it" shows "^$device +online +v2.0.0 .*done"; done
gw alice web@127.0.0.1 "echo a visit" 2>/dev/null | grep -qx "a visit" || fail "a visit"

say "a forged one"
release 3 v2/accord mallory
admin devices update web
await "it is refused" shows "^web +online +v2.0.0 .*refused: .*has signed this one"
rm -r offered/v3

say "an agent that is killed goes on with the release"
kill -9 "${pids[web]}"
await "web is away" shows "^web +away"
start web
await "web runs it" shows "^web +online +v2.0.0"

say "a full disk, which is one of 8 MiB here"
if [ "$(id -u)" = 0 ]; then
  config full
  admin enroll 2>/dev/null >line
  read -r _ _ address token <line
  # Its disk goes with the namespace that it is in.
  unshare --mount --kill-child bash -c 'mkdir full && mount -t tmpfs -o size=8m full full &&
    v1/accord join --config full.toml "$0" "$1" && exec v1/accord agent --config full.toml' "$address" "$token" >full.log 2>&1 &
  pids[full]=$!
  await "full is there" shows "^full +online"
  admin devices update full
  await "it is refused" shows "^full +online +v1.0.0 .*refused: .*no space left"
fi

say "a release that doesn't run is gone back from, to the one before"
printf '#!/bin/sh\n[ "$1" = version ] || exit 7\necho "{\\"version\\":\\"v4.0.0\\",\\"made\\":\\"2026-01-04T00:00:00Z\\"}"\n' >broken
release 4 broken releases
admin devices update web
await "web is back" shows "^web +online +v2.0.0 .*went back: .*exit status 7"

say "and at the admin's word, to the installed program"
admin devices update web --back
await "web is back" shows "^web +online +v1.0.0 .*done"
updates
gw alice 127.0.0.1 audit --kind device.update | cut -c1-150
say "all as it must be"
