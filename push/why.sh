# Why the gateway does not see the agent that systemd has started here. It changes
# nothing. Set before: state, the folder of the agent's.
PATH=$PATH:/usr/sbin:/sbin
LC_ALL=C
export LC_ALL
say() { printf 'accord-push %s=%s\n' "$1" "$2"; }
say active "$(systemctl is-active accord-agent.service 2>/dev/null)"
say last "$(journalctl --unit accord-agent.service --lines 1 --output cat --no-pager 2>/dev/null | tail -n 1)"
say pin "$(tr -d '\r\n' <"$state/gateway.json" 2>/dev/null)"
say end 1
