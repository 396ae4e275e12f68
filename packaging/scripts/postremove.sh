#!/bin/sh
# After files are gone. A purge takes configuration, keys and receipts with it.
# Recordings and the log of a gateway are evidence, which no package throws away.
set -e

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
[ "$1" = purge ] || exit 0
rm -rf /var/lib/accord/agent /etc/accord
if [ -d /var/lib/accord/recordings ] || [ -d /var/lib/accord/gateway ]; then
  echo "The recordings and the log of this gateway stay in /var/lib/accord, and so does their account, accord."
  echo "Where they need not be kept any longer: rm -r /var/lib/accord; userdel accord"
  exit 0
fi
rmdir /var/lib/accord 2>/dev/null || true
if getent passwd accord >/dev/null; then
  userdel accord || true
fi
