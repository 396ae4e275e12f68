#!/bin/sh
# After files are in place, at an install and at an upgrade (.deb and .rpm).
set -e

if ! getent passwd accord >/dev/null; then
  useradd --system --user-group --home-dir /var/lib/accord --no-create-home --shell /usr/sbin/nologin accord
fi
# The gateway's account reads its configuration and nobody else does: it may hold
# secrets of webhooks.
if [ -e /etc/accord/gateway.toml ]; then
  chgrp accord /etc/accord/gateway.toml
  chmod 0640 /etc/accord/gateway.toml
fi
if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
  # What runs goes on with the new program; nothing is started that wasn't. A
  # restart ends the visits that are open: not the one that this upgrade is made
  # in, or it would be cut off half way.
  systemctl try-restart accord-gateway.service || true
  if grep -q accord-agent /proc/self/cgroup 2>/dev/null; then
    echo "The agent still runs the program of before. When this visit is over: systemctl restart accord-agent"
  else
    systemctl try-restart accord-agent.service || true
  fi
fi
if [ "$1" = configure ] && [ -z "$2" ] || [ "$1" = 1 ]; then
  cat <<'TEXT'
Accord is installed and nothing of it runs.
  This machine is a device:   accord join GATEWAY:PORT TOKEN
                              systemctl enable --now accord-agent
  This machine is a gateway:  edit /etc/accord/gateway.toml, at least [[people]]
                              systemctl enable --now accord-gateway
TEXT
fi
