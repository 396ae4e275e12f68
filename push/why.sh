# Why the gateway does not see the agent that was started here. It changes nothing.
# Set before: state, the folder of the agent's, and manager (see install.sh).
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export LC_ALL
say() { printf 'accord-push %s=%s\n' "$1" "$2"; }
case $manager in
systemd)
  say active "$(systemctl is-active accord-agent.service 2>/dev/null)"
  say last "$(journalctl --unit accord-agent.service --lines 1 --output cat --no-pager 2>/dev/null | tail -n 1)"
  ;;
launchd)
  launchctl print system/accord.agent 2>/dev/null | grep -q 'state = running' || say active 'not running'
  say last "$(tail -n 1 /var/log/accord-agent.log 2>/dev/null)"
  ;;
rc)
  service accord_agent status >/dev/null 2>&1 || say active 'not running'
  say last "$(grep accord-agent /var/log/messages 2>/dev/null | tail -n 1)"
  ;;
esac
say pin "$(tr -d '\r\n' <"$state/gateway.json" 2>/dev/null)"
say end 1
