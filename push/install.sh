# Puts the agent in place. Set before: program, config, settings
# (text of a configuration that isn't there yet), manager (systemd, launchd or rc
# looks after the agent; empty: nobody does), service and unit (its file, and the
# text of that; empty: it stays as it is), sum (of the program, which comes on
# standard input; empty: it stays as it is), address and token (empty: it has
# joined), name (wished for), restart, inside (1: by way of the agent itself).
#
# All that takes room is written under other names first, then the device joins,
# and only then do files get their names. Whatever fails before leaves what was.
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export LC_ALL
umask 022
made=
tmp=.accord-push.$$
newline='
'

say() { printf 'accord-push %s=%s\n' "$1" "$2"; }
clean() {
  rm -rf "$(dirname "$program")/$tmp" "$(dirname "$config")/$tmp"
  [ -z "$service" ] || rm -rf "$(dirname "$service")/$tmp"
  IFS=$newline
  for folder in $made; do rmdir "$folder" 2>/dev/null; done
}
trap clean EXIT
trap 'exit 1' HUP INT TERM PIPE
fail() { # fail STEP WHAT-IT-SAID
  say failed "$1"
  say why "$(printf %s "$2" | tail -n 1)"
  exit 0
}
folder() { # makes a folder, and those that it lies in
  [ -d "$1" ] && return
  folder "$(dirname "$1")"
  why=$(mkdir "$1" 2>&1) || fail place "$why"
  made=$1$newline$made
}
keep() { # keep FILE TEXT: beside the file, under another name
  folder "$(dirname "$1")"
  why=$(printf '%s' "$2" | { cat >"$(dirname "$1")/$tmp"; } 2>&1) || fail write "$why"
}
sum() { { sha256sum "$1" || sha256 -r "$1" || shasum -a 256 "$1"; } 2>/dev/null | cut -c1-64; }
start() { # the agent, now and at each boot
  case $manager in
  systemd) systemctl daemon-reload && systemctl enable --now accord-agent.service ;;
  launchd)
    launchctl enable system/accord.agent || return
    launchctl print system/accord.agent >/dev/null 2>&1 || launchctl bootstrap system "$service"
    ;;
  rc)
    chmod 555 "$service" && sysrc accord_agent_enable=YES || return
    service accord_agent status || service accord_agent start
    ;;
  esac
}
again() { # starts it anew
  case $manager in
  systemd) systemctl restart accord-agent.service ;;
  launchd) launchctl kickstart -k system/accord.agent ;;
  rc) service accord_agent restart ;;
  esac
}
leftovers() { # of a push that was killed
  for old in "$1"/.accord-push.*; do
    [ -e "$old" ] && ! kill -0 "${old##*.}" 2>/dev/null && rm -rf "$old"
  done
}
leftovers "$(dirname "$program")"
leftovers "$(dirname "$config")"

as=$program
if [ -n "$sum" ]; then
  new=$(dirname "$program")/$tmp
  folder "$(dirname "$program")"
  why=$(mkdir "$new" 2>&1) || fail place "$why"
  why=$({ cat >"$new/accord"; } 2>&1) || fail write "$why"
  got=$(sum "$new/accord")
  [ -n "$got" ] || fail nosum ''
  [ "$got" = "$sum" ] || fail cut ''
  chmod 755 "$new/accord"
  why=$("$new/accord" version 2>&1) || fail run "$why"
  say version "$(printf %s "$why" | head -n 1)"
  as=$new/accord
fi
from=$config
if [ ! -e "$config" ]; then
  keep "$config" "$settings"
  from=$(dirname "$config")/$tmp
fi
[ -z "$unit" ] || keep "$service" "$unit"
if [ -n "$token" ]; then
  set -- join --keep --config "$from"
  [ -z "$name" ] || set -- "$@" --name "$name"
  why=$(printf '%s\n' "$token" | "$as" "$@" "$address" - 2>&1) || fail join "$why"
  say hint "$(printf %s "$why" | grep '^Another device has' | head -n 1)"
  say device "$(printf %s "$why" | sed -n 's/^This device is \([^ ]*\) of .*/\1/p' | head -n 1)"
fi

[ -z "$sum" ] || why=$(mv -f "$as" "$program" 2>&1) || fail place "$why"
[ "$from" = "$config" ] || why=$(mv -f "$from" "$config" 2>&1) || fail place "$why"
made=
if [ -n "$manager" ]; then
  if [ -n "$unit" ]; then
    why=$(mv -f "$(dirname "$service")/$tmp" "$service" 2>&1) || fail place "$why"
  fi
  why=$(start 2>&1) || fail start "$why"
  if [ "$restart" = 1 ]; then
    # Not the one that this push goes through: it would be cut off half way.
    if [ "$inside" = 1 ] || grep -q accord-agent /proc/self/cgroup 2>/dev/null; then
      say later 1
    else
      why=$(again 2>&1) || fail start "$why"
    fi
  fi
fi
say done 1
