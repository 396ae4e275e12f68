#!/usr/bin/env bash
# Upgrades a gateway and a device from an older commit to this tree, with a visit
# in every combination of the two, and back again from the backup that was made
# before. Where the history is not whole, name a commit that is there:
#   packaging/try-upgrade.sh [COMMIT]
# It needs git, go, ssh and ssh-keygen, no root, and some free ports on loopback.
set -euo pipefail
cd "$(dirname "$0")/.."
old=${1:-$(git describe --tags --abbrev=0 2>/dev/null || git rev-parse HEAD~40)}

work=$(mktemp -d)
declare -A pids=()
finish() { for p in "${pids[@]}"; do kill "$p" 2>/dev/null || true; done; wait 2>/dev/null || true; rm -rf "$work"; }
trap finish EXIT
say() { printf '== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; tail -n 15 "$work"/*.log >&2 || true; exit 1; }
await() { # await SENTENCE COMMAND… : at most 40 seconds
  local what=$1; shift
  for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  fail "in vain waited until $what"
}

say "build $(git log -1 --format='%h, %s' "$old") and this tree"
mkdir "$work/source" "$work/old" "$work/new"
git archive "$old" | tar -x -C "$work/source"
(cd "$work/source" && CGO_ENABLED=0 go build -trimpath -ldflags '-X main.version=old' -o "$work/old/accord" .)
CGO_ENABLED=0 go build -trimpath -ldflags '-X main.version=new' -o "$work/new/accord" .
cd "$work"
export HOME=$work
unset SSH_AUTH_SOCK

port=$((20000 + RANDOM % 20000))
ssh-keygen -qt ed25519 -N '' -f key
cat >config.toml <<TEXT
[gateway]
listen = "127.0.0.1:$port"
agents = "127.0.0.1:$((port + 1))"
state = "$work/state/gateway"
organisation = "Example Care"
[recordings]
dir = "$work/state/recordings"
min_free_mib = 1
[policy]
reason_required = false
[[policy.group]]
name = "night"
members = ["alice"]
[agent]
state = "$work/device"
name = "laptop"
redial = "1s"
class = "unattended"
[[agent.standing]]
name = "the night shift"
groups = ["night"]
capabilities = ["shell"]
[[people]]
name = "alice"
keys = ["$(cat key.pub)"]
roles = ["technician", "supervisor", "auditor"]
[[people]]
name = "ada"
keys = ["$(ssh-keygen -qt ed25519 -N '' -f ada && cat ada.pub)"]
roles = ["admin"]
TEXT
chmod 600 config.toml

start() { # start gateway|agent old|new
  "$work/$2/accord" "$1" --config config.toml >>"$1.log" 2>&1 &
  pids[$1]=$!
}
stop() {
  kill "${pids[$1]}" && wait "${pids[$1]}" || true
  unset "pids[$1]"
}
gw() { ssh -F none -p "$port" -i "$1" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$work/known" "${@:2}"; }
alice() { gw key "$@" 127.0.0.1; }
online() { gw ada 127.0.0.1 devices --json | grep -q '"state": "online"'; }
as() { gw ada 127.0.0.1 devices --json | grep -q "\"agent\": \"$1\""; }
visits=0
visit() { # visit WORD: one more, whose output is WORD
  await "the device is there" online
  gw key laptop@127.0.0.1 "echo $1" >out 2>err || { cat err; fail "a visit: $1"; }
  grep -qx "$1" out || fail "the visit says $(cat out), not $1"
  visits=$((visits + 1))
}
evidence() { # every visit so far is recorded and verifies, and the log proves itself
  "$work/$1/accord" version
  local ids
  ids=$(gw key 127.0.0.1 recordings --json | sed -n 's/.*"visit": "\(.*\)".*/\1/p')
  [ "$(wc -w <<<"$ids")" = "$visits" ] || fail "there are recordings of $(wc -w <<<"$ids") visits, not of $visits"
  for id in $ids; do gw key 127.0.0.1 verify "$id" | grep -q 'as it was written' || fail "the recording $id"; done
  gw key 127.0.0.1 audit --check | grep -q 'what was signed' || fail "the audit log"
  "$work/new/accord" receipts --config config.toml | grep -c . >/dev/null || fail "the receipts of the device"
}

say "the older ones together"
start gateway old
await "the gateway listens" gw ada 127.0.0.1 devices
read -r _ _ address token < <(gw ada 127.0.0.1 enroll 2>/dev/null)
old/accord join --config config.toml "$address" "$token"
start agent old
visit old-old
evidence old
cp -a state before
stop gateway

say "the newer gateway, the older agent"
start gateway new
await "the older agent is back" online
visit old-agent
evidence new

say "the newer agent, too"
stop agent
start agent new
await "the newer agent is there" as new
visit new-new
evidence new
"$work/new/accord" doctor --config config.toml >doctor.out || [ $? = 1 ] || { cat doctor.out; fail "the doctor finds something bad"; }
new/accord backup --config config.toml backup
stop gateway

say "the older gateway again, from what was kept before the upgrade, with the newer agent"
if timeout 20 old/accord gateway --config config.toml >refused.log 2>&1; then
  echo "(the form of the database has not changed, so the older one starts from it)"
elif grep -q 'newer accord' refused.log; then
  echo "(it refuses the newer database, as it must)"
fi
rm -rf state
cp -a before state
visits=1
start gateway old
await "the newer agent is back" as new
visit new-agent
evidence old
stop gateway

say "and from the backup of the newer one"
rm -rf state
mkdir state
cp -a backup/gateway backup/recordings state
visits=3
start gateway new
visit restored
evidence new
say "all is there"
