#!/usr/bin/env bash
# Runs the agent's build for Windows under wine, which is not Windows: joins a gateway
# on this machine, calls home, and makes the agent a service and takes it away. Prints a
# table. Nobody is asked: visits were tried by hand. As root:
# packaging/try-windows.sh [FOLDER]; what the programs wrote is kept in the folder.
# It needs wine (64 bits), x86_64-w64-mingw32-gcc, ssh and ssh-keygen. All that it
# starts is in a process namespace that ends with it.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1-}" != inside ]; then
  [ "$(id -u)" = 0 ] || { echo "try-windows: run it as root; it needs namespaces of its own" >&2; exit 2; }
  for p in wine wineserver x86_64-w64-mingw32-gcc ssh ssh-keygen; do
    command -v "$p" >/dev/null || { echo "try-windows: $p is not installed" >&2; exit 2; }
  done
  kept=${1:-$(mktemp -d /tmp/try-windows.XXXXXX)}
  mkdir -p "$kept"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  CGO_ENABLED=0 go build -o "$work/accord" .
  CGO_ENABLED=0 GOOS=windows GOARCH=amd64 go build -o "$work/accord.exe" .
  status=0
  timeout --foreground 240 unshare --mount --pid --fork --kill-child --mount-proc --ipc --uts bash -euo pipefail -c '
    exec packaging/try-windows.sh inside "$1" "$2"
  ' try "$work" "$kept" || status=$?
  cp "$work"/*.log "$work"/*.out "$kept"/ 2>/dev/null || true
  echo "What was seen is in $kept"
  exit $status
fi

work=$2 kept=$3
export HOME=$work WINEPREFIX=$work/prefix WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=
unset SSH_AUTH_SOCK DISPLAY WAYLAND_DISPLAY LC_ALL LANG
verdicts=() failed=0
say() { printf '== %s\n' "$*"; }
verdict() { # verdict WHAT WORD SENTENCE
  verdicts+=("$(printf '%-28s %-7s %s' "$@")")
  [ "$2" != FAILED ] || failed=1
}
check() { # check WHAT SENTENCE COMMAND…
  local what=$1 sentence=$2; shift 2
  if "$@" >/dev/null 2>&1; then verdict "$what" works "$sentence"; else verdict "$what" FAILED "not so: $sentence"; fi
}
await() { # await SENTENCE COMMAND… : at most 60 seconds; 1 if in vain
  local what=$1; shift
  for _ in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  echo "in vain waited until $what" >&2
  return 1
}

say "a prefix of wine"
# Programs of Go need ProcessPrng, which wine 8 has not; SystemFunction036 does the same.
cat >"$work/prng.c" <<'C'
#include <windows.h>
BOOLEAN NTAPI SystemFunction036(PVOID, ULONG);
__declspec(dllexport) BOOL WINAPI ProcessPrng(PBYTE p, SIZE_T n) { return SystemFunction036(p, n); }
BOOL WINAPI DllMain(HINSTANCE h, DWORD why, LPVOID x) { return TRUE; }
C
x86_64-w64-mingw32-gcc -shared -o "$work/bcryptprimitives.dll" "$work/prng.c" -ladvapi32
timeout 120 wineboot -i >"$work/wineboot.log" 2>&1 || true
timeout 60 wineserver -w || true
[ -d "$WINEPREFIX/drive_c/windows/system32" ] || { echo "try-windows: wine made no prefix; see wineboot.log" >&2; exit 1; }
cp "$work/bcryptprimitives.dll" "$WINEPREFIX/drive_c/windows/system32/"
place="$WINEPREFIX/drive_c/Program Files/Accord"
data="$WINEPREFIX/drive_c/ProgramData/Accord"
mkdir -p "$place"
install -m 755 "$work/accord.exe" "$place/accord.exe"
accord() { timeout 60 wine 'C:\Program Files\Accord\accord.exe' "$@"; }

say "a gateway"
port=$((20000 + RANDOM % 20000))
for key in ada; do ssh-keygen -qt ed25519 -N '' -f "$work/$key"; done
cat >"$work/gateway.toml" <<TEXT
[gateway]
listen = "127.0.0.1:$port"
agents = "127.0.0.1:$((port + 1))"
state = "$work/gateway"
[recordings]
dir = "$work/recordings"
min_free_mib = 1
[policy]
reason_required = false
[[people]]
name = "ada"
keys = ["$(cat "$work/ada.pub")"]
roles = ["admin"]
TEXT
chmod 600 "$work/gateway.toml"
"$work/accord" gateway --config "$work/gateway.toml" 2>"$work/gateway.log" &
gw() { timeout 90 ssh -F none -q -p "$port" -i "$work/$1" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$work/known" "${@:2}"; }
admin() { gw ada 127.0.0.1 "$@"; }
is() { admin devices | grep -Eq "^win +$1"; }
await "the gateway listens" admin devices

say "joins"
read -r _ _ address token < <(admin enroll 2>/dev/null)
check "accord version" "the program runs" accord version
check "accord join" "joined" accord join --name win "$address" "$token"
printf '[agent]\nuser = "%s"\n' "$(id -un)" >"$data/agent.toml"
chmod 644 "$data/agent.toml"

say "calls home"
wine 'C:\Program Files\Accord\accord.exe' agent >"$work/agent.log" 2>&1 &
agent=$!
if await "the device is online" is online; then verdict "accord agent" works "online"; else verdict "accord agent" FAILED "not online"; fi

kill "$agent"
await "the device is away" is away || true

say "a service"
check "accord service install" "made and started" accord service install
if await "the device is online" is online; then verdict "the service" works "online"; else verdict "the service" FAILED "not online"; fi
check "its log" "is in the state folder" test -s "$data/agent/service.log"
cp "$data/agent/service.log" "$work/service.log" 2>/dev/null || true
check "accord service remove" "stopped and gone" accord service remove
check "afterwards" "the device is away" await "it is away" is away

printf '\n'
printf '%s\n' "${verdicts[@]}"
exit $failed
