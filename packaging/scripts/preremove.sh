#!/bin/sh
# Before files go; at an upgrade they don't (.deb: "upgrade", .rpm: 1).
set -e

case "$1" in
upgrade | 1) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
  systemctl disable --now accord-agent.service accord-gateway.service || true
fi
