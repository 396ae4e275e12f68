#!/usr/bin/env bash
# Asks a person on every surface that a request can reach them on, for real, and
# answers there as a person would: a line, tmux, xterm on X11, foot under Wayland, a
# console of this machine; with a second account beside who must not be able to. It
# keeps what stood on each in a folder, as text or picture, and prints a table. As
# root: packaging/try-surfaces.sh [FOLDER]
# It needs ssh, tmux, perl, Xvfb, xterm, xdotool and import (ImageMagick), sway, foot,
# wtype and grim; what is missing, and a machine without consoles, is said. It changes
# nothing outside of namespaces of its own but the console in front, for seconds.
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1-}" != inside ]; then
  [ "$(id -u)" = 0 ] || { echo "try-surfaces: run it as root; it has two accounts asked and answer" >&2; exit 2; }
  shots=${1:-$(mktemp -d /tmp/try-surfaces.XXXXXX)}
  mkdir -p "$shots"
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  CGO_ENABLED=0 go build -o "$work/accord" .
  chmod 711 "$work"
  # Two accounts that exist only here, terminals of its own, and processes that all
  # end with this.
  status=0
  timeout --foreground 420 unshare --mount --pid --fork --kill-child --mount-proc --ipc --uts bash -euo pipefail -c '
    mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts /dev/pts
    mount --bind /dev/pts/ptmx /dev/ptmx
    for file in passwd group; do cp "/etc/$file" "$1/$file"; done
    for who in ada:4201 bob:4202; do
      echo "${who%:*}:x:${who#*:}:${who#*:}::$1/${who%:*}:/bin/sh" >>"$1/passwd"
      echo "${who%:*}:x:${who#*:}:" >>"$1/group"
      mkdir -m 700 "$1/${who%:*}" "$1/${who%:*}/run"
      chown -R "${who#*:}:${who#*:}" "$1/${who%:*}"
    done
    for file in passwd group; do mount --bind "$1/$file" "/etc/$file"; done
    [ ! -d /tmp/.X11-unix ] || mount -t tmpfs tmpfs /tmp/.X11-unix
    mkdir -p /tmp/.X11-unix; chmod 1777 /tmp/.X11-unix
    exec packaging/try-surfaces.sh inside "$1" "$2"
  ' try "$work" "$shots" || status=$?
  echo "What stood on each is in $shots"
  exit $status
fi

work=$2 shots=$3
accord=$work/accord
export HOME=$work
unset SSH_AUTH_SOCK DISPLAY WAYLAND_DISPLAY TMUX
verdicts=() failed=0
say() { printf '== %s\n' "$*"; }
verdict() { # verdict SURFACE WORD SENTENCE
  verdicts+=("$(printf '%-22s %-8s %s' "$@")")
  [ "$2" != FAILED ] || failed=1
}
have() { local p; for p; do command -v "$p" >/dev/null || { verdict "$surface" skipped "$p is not installed"; return 1; }; done; }
await() { # await SENTENCE COMMAND… : at most 40 seconds; 1 if in vain
  local what=$1; shift
  for _ in $(seq 200); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  echo "in vain waited until $what" >&2
  return 1
}
ada=(setpriv --reuid ada --regid ada --init-groups --reset-env)
bob=(setpriv --reuid bob --regid bob --init-groups --reset-env)
begin() { "$@" >>"$work/started.log" 2>&1 & }

# A gateway, and an agent as root whose person is ada.
port=$((20000 + RANDOM % 20000))
ssh-keygen -qt ed25519 -N '' -f "$work/key"
cat >"$work/config.toml" <<TEXT
[gateway]
listen = "127.0.0.1:$port"
agents = "127.0.0.1:$((port + 1))"
state = "$work/gateway"
organisation = "Example Care"
[recordings]
dir = "$work/recordings"
min_free_mib = 1
[policy]
reason_required = true
[agent]
state = "$work/agent"
name = "laptop"
user = "ada"
pam = false
redial = "1s"
prompt = "60s"
socket = "$work/agent.sock"
surfaces = ["tmux", "window", "console", "line"]
[[people]]
name = "alice"
full = "Alice Martin"
keys = ["$(cat "$work/key.pub")"]
roles = ["technician", "admin"]
TEXT
ssh=(ssh -F none -q -p "$port" -i "$work/key" -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new -o UserKnownHostsFile="$work/known")
"$accord" gateway --config "$work/config.toml" 2>"$work/gateway.log" &
await "the gateway answers" "${ssh[@]}" 127.0.0.1 help || { cat "$work/gateway.log"; exit 1; }
$("${ssh[@]}" 127.0.0.1 enroll 2>/dev/null | grep -o 'accord join .*' | head -1 | sed "s|^accord join|$accord join --config $work/config.toml|") >/dev/null
"$accord" agent --config "$work/config.toml" 2>"$work/agent.log" &
online() { "${ssh[@]}" 127.0.0.1 devices | grep -q online; }
await "the device is online" online || { cat "$work/agent.log"; exit 1; }

# Somebody asks. The answer is no concern of the surfaces: a refusal asks as much.
request() {
  "${ssh[@]}" -o 'SetEnv=ACCORD_REASON="The printer on the second floor is stuck"' laptop@127.0.0.1 id -un >"$work/out" 2>"$work/err" &
  asked=$!
}
opened() { # opened SURFACE: the visit was, by an answer given there, as ada
  wait "$asked" || { cat "$work/err" >&2; return 1; }
  [ "$(cat "$work/out")" = ada ] || return 1
  "$accord" receipts --config "$work/config.toml" --limit 1 --json | grep -q "\"surface\": \"$1\""
}
eyes() { tmux -S "$work/eyes" -f /dev/null "$@"; }
eyes new-session -d -s keep cat # else the server ends with the last seat
# The code stands on other screens of ada's too: where the surface is a picture, it is
# read there.
peek() { eyes new-session -d -x 84 -y 30 -s peek "setpriv --reuid ada --regid ada --init-groups --reset-env $accord answer --socket $work/agent.sock"; }
pane() { eyes capture-pane -p -t "$1" 2>/dev/null; }
sees() { pane "$1" | grep -q "$2"; }
code() { grep -oE '(type|tapez) [0-9]{2}' | head -1 | grep -o '[0-9]*'; }
code_on() { local text; text=$("$@"); [ -n "$(code <<<"$text")" ]; }
answered() { ! kill -0 "$asked" 2>/dev/null; }
# A person types the code after they have read; again, where that came too early.
type_until() { # type_until CODE COMMAND… : the command types one character
  local digits=$1; shift
  for _ in 1 2 3 4 5 6; do
    sleep 2
    "$@" "${digits:0:1}"; sleep 0.2; "$@" "${digits:1:1}"
    for _ in 1 2 3 4 5 6 7 8 9 10; do ! answered || return 0; sleep 0.2; done
  done
  return 1
}
# seat NAME ACCOUNT COMMAND…: a terminal of an account's
seat() {
  local name=$1 who=$2; shift 2
  eyes new-session -d -x 100 -y 30 -s "$name" \
    "chown $who \$(tty); exec setpriv --reuid $who --regid $who --init-groups --reset-env env TERM=screen-256color LC_ALL=${LOCALE:-C.UTF-8} $*"
}
unseat() { eyes kill-session -t "$1" 2>/dev/null || true; }
finish() {
  [ -z "${front-}" ] || leave_console
  cp "$work"/*.log "$shots/" 2>/dev/null || true
  say "verdicts"
  [ "${#verdicts[@]}" = 0 ] || printf '%s\n' "${verdicts[@]}"
  eyes kill-server 2>/dev/null || true
}
trap finish EXIT

surface=line; say "a line on a terminal"
if have script; then
  seat line ada "script -qfc sh $work/ada/line.txt"
  request
  if await "the line is there" grep -q 'accord answer' "$work/ada/line.txt"; then
    cp "$work/ada/line.txt" "$shots/line.txt"
    eyes send-keys -t line "$accord answer --socket $work/agent.sock" Enter
    await "the prompt is there" code_on pane line || true
    pane line >"$shots/line-answered.txt"
    type_until "$(pane line | code)" eyes send-keys -t line || true
  fi
  if opened terminal; then verdict line works "it says to run accord answer, and that was answered"; else verdict line FAILED "see $shots"; fi
  unseat line
fi

surface=tmux; say "a popup in tmux"
if have tmux; then
  seat tmux ada "tmux -S $work/ada/tmux -f /dev/null new-session -s work sh"
  await "ada's tmux is there" sees tmux '\[work\]' || true
  request
  await "the popup is there" code_on pane tmux || true
  pane tmux >"$shots/tmux.txt"
  type_until "$(pane tmux | code)" eyes send-keys -t tmux || true
  if opened tmux; then verdict "popup in tmux" works "answered in the popup"; else verdict "popup in tmux" FAILED "see $shots"; fi
  "${ada[@]}" tmux -S "$work/ada/tmux" kill-server || true
  unseat tmux
fi

surface="window on X11"; say "a window on X11"
if have Xvfb xterm xdotool import; then
  begin "${ada[@]}" Xvfb :31 -screen 0 1024x768x24 -nolisten tcp
  x=$!
  await "X11 is there" test -S /tmp/.X11-unix/X31 || true
  begin "${ada[@]}" env DISPLAY=:31 sleep 400
  on=$!
  request
  if await "the window is there" "${ada[@]}" env DISPLAY=:31 xdotool search --onlyvisible --name 'asks for access|Accord'; then
    sleep 1; "${ada[@]}" env DISPLAY=:31 import -window root "$work/ada/x11.png" && cp "$work/ada/x11.png" "$shots/x11.png"
    peek; await "the code can be read" code_on pane peek || true
    "${ada[@]}" env DISPLAY=:31 xdotool mousemove 200 200
    type_until "$(pane peek | code)" "${ada[@]}" env DISPLAY=:31 xdotool type || true
  fi
  if opened window; then verdict "$surface" works "answered in xterm"; else verdict "$surface" FAILED "see $shots"; fi
  sleep 1; "${ada[@]}" env DISPLAY=:31 import -window root "$work/ada/x11-after.png" && cp "$work/ada/x11-after.png" "$shots/x11-after.png" || true
  "${ada[@]}" env DISPLAY=:31 xdotool key q || true
  unseat peek; kill "$on" "$x" 2>/dev/null || true
fi

surface="window on Wayland"; say "a window on Wayland, for an account whose locale is French"
if have sway foot wtype grim; then
  echo 'output HEADLESS-1 resolution 1024x768' >"$work/sway.conf"
  begin "${ada[@]}" env XDG_RUNTIME_DIR="$work/ada/run" WLR_BACKENDS=headless WLR_LIBINPUT_NO_DEVICES=1 WLR_RENDERER=pixman sway -c "$work/sway.conf"
  w=$!
  await "Wayland is there" test -S "$work/ada/run/wayland-1" || true
  wayland=("${ada[@]}" env XDG_RUNTIME_DIR="$work/ada/run" WAYLAND_DISPLAY=wayland-1)
  begin "${wayland[@]}" LC_ALL=fr_FR.UTF-8 sleep 400
  on=$!
  request
  if await "a window is there" pgrep -U ada -x foot; then
    sleep 3; "${wayland[@]}" grim "$work/ada/wayland.png" && cp "$work/ada/wayland.png" "$shots/wayland.png"
    peek; await "the code can be read" code_on pane peek || true
    type_until "$(pane peek | code)" "${wayland[@]}" wtype || true
  fi
  if opened window; then verdict "$surface" works "answered in foot"; else verdict "$surface" FAILED "see $shots"; fi
  sleep 1; "${wayland[@]}" grim "$work/ada/wayland-after.png" && cp "$work/ada/wayland-after.png" "$shots/wayland-after.png" || true
  "${wayland[@]}" wtype q || true
  unseat peek; kill "$on" "$w" 2>/dev/null || true
fi

# login NUMBER ACCOUNT LOCALE: as a login would leave a console
shown_before=
enter_console() { # enter_console ACCOUNT [NAME=VALUE…]: as a login leaves a console
  local who=$1; shift
  front=12 shown_before=$(cat /sys/class/tty/tty0/active)
  chown "$who" "/dev/tty$front"; chmod 600 "/dev/tty$front"
  setpriv --reuid "$who" --regid "$who" --init-groups --reset-env setsid -c env TERM=linux "$@" sh -i <"/dev/tty$front" >"/dev/tty$front" 2>&1 &
  disown
  chvt "$front"
  sleep 0.5
}
leave_console() {
  pkill -KILL -t "tty$front" 2>/dev/null || true
  [ "$(cat /sys/class/tty/tty0/active)" != "tty$front" ] || chvt "${shown_before#tty}"
  sleep 0.3
  chown root "/dev/tty$front"; deallocvt "$front" 2>/dev/null || true
  front=
}
in_front() { cat /sys/class/tty/tty0/active; }
turned() { [ "$(in_front)" != "tty$front" ]; }
back() { [ "$(in_front)" = "tty$front" ]; }
screen() { perl -e 'open F, "<", "/dev/vcsu$ARGV[0]" or exit 1; read F, $b, 80*25*4; binmode STDOUT, ":utf8"; @c = unpack "L*", $b; while (@c) { $l = join "", map { chr } splice @c, 0, 80; $l =~ s/ +$//; print "$l\n" }' "${1#tty}"; }
screen_in_front() { screen "$(in_front)"; }
console_key() { perl -e 'open F, "+<", "/dev/$ARGV[0]" or die; ioctl F, 0x5412, $_ or die $! for split //, $ARGV[1]' "$(in_front)" "$1"; }

surface=console; say "a console of its own"
if ! consoles=$(cat /sys/class/tty/tty0/active 2>/dev/null) || [ ! -e /dev/tty12 ]; then
  verdict console skipped "this machine has no consoles"
elif have chvt deallocvt perl setsid; then
  for locale in C.UTF-8 fr_FR.UTF-8; do
    enter_console ada LC_ALL="$locale" PS1='ada@laptop$ '
    screen_in_front >"$shots/console-before-$locale.txt"
    request
    await "the request is in front" turned || true
    await "the code is there" code_on screen_in_front || true
    screen_in_front >"$shots/console-$locale.txt"
    ls -l "/dev/$(in_front)" >"$shots/console-$locale.permissions"
    type_until "$(screen_in_front | code)" console_key || true
    if opened console && await "her own console is back" back; then verdict "console, $locale" works "answered there; her own console is back"; else verdict "console, $locale" FAILED "see $shots"; fi
    sleep 1; screen_in_front >"$shots/console-after-$locale.txt"
    leave_console
  done

  say "another account at the console"
  enter_console bob LC_ALL=C.UTF-8 PS1='bob@laptop$ '
  request
  sleep 5
  if turned; then verdict "bob at the console" FAILED "a prompt for ada stands before bob"; else verdict "bob at the console" works "nothing is put before bob"; fi
  if "${bob[@]}" "$accord" answer --plain --socket "$work/agent.sock" 2>"$work/bob.err" </dev/null || ! grep -q 'answered by ada, not by you' "$work/bob.err"; then
    verdict "bob answers" FAILED "$(cat "$work/bob.err")"
  else
    verdict "bob answers" works "refused: $(sed 's/^accord: //' "$work/bob.err")"
  fi
  kill "$asked" 2>/dev/null || true; wait "$asked" 2>/dev/null || true
  leave_console

  say "a console that is locked"
  cp "$(command -v sleep)" "$work/vlock"
  enter_console ada LC_ALL=C.UTF-8 PS1='ada@laptop$ '
  console_key "$work/vlock 300
"
  sleep 1
  request
  sleep 5
  if turned; then verdict "a locked console" FAILED "a prompt stands before whoever is there"; else verdict "a locked console" works "nothing is put before whoever is there"; fi
  kill "$asked" 2>/dev/null || true; wait "$asked" 2>/dev/null || true
  leave_console
fi

exit $failed
