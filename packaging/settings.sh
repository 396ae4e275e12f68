#!/usr/bin/env bash
# The configuration of one side of an installed Accord, cut from the commented
# sample: packaging/settings.sh gateway|agent <config.toml
set -euo pipefail

side=$1
case $side in
gateway)
  cat <<'TEXT'
# The gateway's configuration. It needs people before anybody can log in: see
# [[people]] below. Then: systemctl enable --now accord-gateway
TEXT
  keep='gateway|recordings|policy|people|authorities|charter'
  ;;
agent)
  cat <<'TEXT'
# This device's configuration. Set agent.user to the person who sits here; the rest will do. To join a gateway, use the line
# that its admin prints with `ssh GATEWAY enroll`: accord join HOST:PORT TOKEN
# Then: systemctl enable --now accord-agent
TEXT
  keep='agent'
  ;;
*)
  echo "settings.sh: gateway or agent, not $side" >&2
  exit 2
  ;;
esac
echo
# A block belongs to the first table it names; one that names none, to the one
# before it.
awk -v keep="^($keep)\$" '
  BEGIN { RS = ""; ORS = "\n\n" }
  match($0, /(^|\n)(# )?\[+[a-z]+/) { table = substr($0, RSTART, RLENGTH); gsub(/[^a-z]/, "", table) }
  table ~ keep { print }
' | sed -e 's/^listen = "127\.0\.0\.1:2222"/listen = ":2222"/; s/^agents = "127\.0\.0\.1:2223"/agents = ":2223"/' \
  -e '$ { /^$/d }'
