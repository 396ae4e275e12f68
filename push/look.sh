# What a host is, and what of Accord it has. It changes nothing. Set before: home
# (1: for this account alone).
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export LC_ALL
say() { printf 'accord-push %s=%s\n' "$1" "$2"; }
sum() { { sha256sum "$1" || sha256 -r "$1" || shasum -a 256 "$1"; } 2>/dev/null | cut -c1-64; }

uid=$(id -u)
say os "$(uname -s)"
say arch "$(uname -m)"
say uid "$uid"
say user "$(id -un)"
say home "$HOME"
run= manager=
[ -z "$ACCORD_VISIT" ] || say inside 1
if [ "$home" = 1 ]; then
  program=$HOME/.local/bin/accord
  config=$HOME/.config/accord/agent.toml
  state=$HOME/.local/state/accord/agent
else
  if [ "$uid" != 0 ]; then
    run='sudo -n'
    if ! command -v sudo >/dev/null 2>&1; then
      say sudo none
      say end 1
      exit 0
    fi
    if ! why=$(sudo -n true 2>&1); then
      say sudo refused
      say why "$(printf %s "$why" | tail -n 1)"
      say end 1
      exit 0
    fi
  fi
  program=/usr/local/bin/accord
  config=/etc/accord/agent.toml
  state=/var/lib/accord/agent
  case $(uname -s) in
  Darwin) manager=launchd ;;
  FreeBSD) manager=rc ;;
  *) [ ! -d /run/systemd/system ] || manager=systemd ;;
  esac
  say manager "$manager"
  if [ -e /usr/lib/systemd/system/accord-agent.service ] && [ -e /usr/bin/accord ]; then
    say package 1
    program=/usr/bin/accord
  fi
fi
if $run test -e "$config"; then
  say config 1
  named=$($run sed -n 's/^state *= *"\(\/[^"\\]*\)".*/\1/p' "$config" | head -n 1)
  state=${named:-$state}
fi
say state "$state"
if $run test -x "$program"; then
  say version "$($run "$program" version 2>/dev/null | head -n 1)"
  say sum "$(sum "$program")"
fi
if $run test -e "$state/gateway.json"; then
  say pin "$($run cat "$state/gateway.json" | tr -d '\r\n')"
fi
case $manager in
launchd) ! $run launchctl print system/accord.agent 2>/dev/null | grep -q 'state = running' || say active active ;;
rc) ! $run service accord_agent status >/dev/null 2>&1 || say active active ;;
*) say active "$(systemctl is-active accord-agent.service 2>/dev/null)" ;;
esac
say end 1
