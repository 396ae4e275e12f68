#!/usr/bin/env bash
# Installs the .deb of dist/ on a copy of this machine that is thrown away (an
# overlay in a namespace of its own), joins, visits, upgrades and purges, as
# their people would. As root on Debian, after make dist: packaging/try.sh
set -euo pipefail
cd "$(dirname "$0")/.."

if [ "${1-}" != inside ]; then
  work=$(mktemp -d)
  trap 'rm -rf "$work"' EXIT
  mkdir "$work/root"
  cp dist/*_"$(dpkg --print-architecture)".deb "$work/accord.deb"
  cp packaging/try.sh "$work/try.sh"
  unshare --mount --pid --fork --kill-child --uts bash -euo pipefail -c '
    mount -t tmpfs tmpfs "$1/root"
    mkdir "$1/root/upper" "$1/root/work" "$1/root/all"
    mount -t overlay overlay -o lowerdir=/,upperdir="$1/root/upper",workdir="$1/root/work" "$1/root/all"
    cd "$1/root/all"
    mount -t proc proc proc
    mount --rbind /dev dev
    mkdir -p tmp/try
    cp "$1/accord.deb" "$1/try.sh" tmp/try/
    exec chroot . /bin/bash /tmp/try/try.sh inside
  ' try "$work"
  exit
fi

say() { printf '== %s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }
await() { # await SENTENCE COMMAND… : at most 20 seconds
  local what=$1; shift
  for _ in $(seq 100); do "$@" >/dev/null 2>&1 && return; sleep 0.2; done
  cat err agent.log gateway.log 2>/dev/null | tail -20; tmux -S tmux capture-pane -p -t user 2>&1 | head -30
  fail "in vain waited until $what"
}
cd /tmp/try
hostname try
export HOME=/tmp/try/home
unset SSH_AUTH_SOCK
mkdir -p "$HOME"

say install
dpkg -i accord.deb >install.log 2>&1 || { cat install.log; fail "dpkg -i"; }
grep -q 'nothing of it runs' install.log || fail "the installation says nothing of what comes next"
accord version
accord check /etc/accord/gateway.toml >/dev/null
accord check /etc/accord/agent.toml >/dev/null
man -l /usr/share/man/man1/accord.1.gz 2>/dev/null | grep -q 'accord join' || echo "(no man here)"
[ "$(stat -c '%U:%G %a' /etc/accord/gateway.toml)" = "root:accord 640" ] || fail "the gateway's configuration is not the gateway's"

say "the gateway, under its own account"
ssh-keygen -qt ed25519 -N '' -f key
cat >>/etc/accord/gateway.toml <<TEXT

[[people]]
name = "alice"
keys = ["$(cat key.pub)"]
roles = ["technician", "supervisor", "admin"]
TEXT
sed -i 's/":2222"/"127.0.0.1:12222"/; s/":2223"/"127.0.0.1:12223"/' /etc/accord/gateway.toml
install -d -o accord -g accord -m 700 /var/lib/accord/gateway /var/lib/accord/recordings # systemd does, by StateDirectory
setpriv --reuid accord --regid accord --init-groups accord gateway --config /etc/accord/gateway.toml 2>gateway.log &
gateway=$!
ssh=(ssh -q -p 12222 -i key -o IdentitiesOnly=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null 127.0.0.1)
await "the gateway answers" "${ssh[@]}" help

say "join, as the line says"
line=$("${ssh[@]}" enroll | grep -o 'accord join .*' | head -1)
sed 's/accord1[^ ]*/TOKEN/' <<<"$line"
$line
$line 2>/dev/null && fail "a token served twice"
accord agent 2>agent.log &
agent=$!
await "the device is online" sh -c "$(printf '%q ' "${ssh[@]}") devices | grep -q online"

say visit
tmux -S tmux -f /dev/null new-session -d -x 100 -y 40 -s user 'accord user'
SSH_REASON='ACCORD_REASON="the printer is stuck"'
"${ssh[@]:0:12}" -o "SetEnv $SSH_REASON" try@127.0.0.1 id -un >out 2>err &
tech=$!
await "the user is asked" sh -c "tmux -S tmux capture-pane -p -t user | grep -q 'type [0-9][0-9]'"
sleep 2 # as a person reads
code=$(tmux -S tmux capture-pane -p -t user | grep -o 'type [0-9][0-9]' | head -1 | cut -d' ' -f2)
tmux -S tmux send-keys -t user "${code:0:1}"; sleep 0.3; tmux -S tmux send-keys -t user "${code:1:1}"
wait $tech || { cat err; fail "the visit"; }
[ "$(cat out)" = root ] || fail "the visit printed $(cat out)"
accord receipts | head -3
[ -n "$(find /var/lib/accord/recordings -name seal)" ] || sleep 2
[ -n "$(find /var/lib/accord/recordings -name seal)" ] || fail "no sealed recording"

say upgrade
before=$(cat /etc/accord/gateway.toml | sha256sum)
dpkg-deb -R accord.deb newer
sed -i 's/^Version: .*/&.1/' newer/DEBIAN/control
dpkg-deb -b newer newer.deb >/dev/null
dpkg -i newer.deb >upgrade.log 2>&1 </dev/null || { cat upgrade.log; fail upgrade; }
[ "$before" = "$(cat /etc/accord/gateway.toml | sha256sum)" ] || fail "the upgrade changed the configuration"
kill $agent; wait $agent || true
accord agent 2>>agent.log &
agent=$!
await "the device is online again, with the key it had" sh -c "$(printf '%q ' "${ssh[@]}") devices | grep -q online"

say purge
kill $agent $gateway; wait
tmux -S tmux kill-server || true
dpkg --purge accord >purge.log 2>&1 || { cat purge.log; fail purge; }
cat purge.log
[ ! -e /etc/accord ] && [ ! -e /var/lib/accord/agent ] && [ ! -e /usr/bin/accord ] || fail "something is left: $(ls -d /etc/accord /var/lib/accord/* /usr/bin/accord 2>/dev/null)"
[ -d /var/lib/accord/recordings ] || fail "the evidence is gone"
rm -rf /var/lib/accord
say "all as it should be"
