package push

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"accord/packaging"
)

// machine is a folder with commands that only note how they were called, and with
// what they are to answer.
type machine struct {
	t   *testing.T
	dir string
}

func newMachine(t *testing.T, commands map[string]string) machine {
	t.Helper()
	m := machine{t, t.TempDir()}
	for name, does := range commands {
		text := "#!/bin/sh\necho " + name + ` "$@" >>'` + m.path("calls") + "'\n" + does + "\n"
		if err := os.WriteFile(m.path(name), []byte(text), 0o700); err != nil { //nolint:gosec // it is to be run
			t.Fatal(err)
		}
	}
	return m
}

func (m machine) path(name string) string { return filepath.Join(m.dir, name) }

// run runs a script there.
func (m machine) run(script string) answers {
	m.t.Helper()
	cmd := exec.CommandContext(m.t.Context(), "sh", "-c", script)
	cmd.Env = append(os.Environ(), "PATH="+m.dir+":"+os.Getenv("PATH"), "HOME="+m.dir, "ACCORD_VISIT=")
	out, err := cmd.Output()
	if err != nil {
		m.t.Fatalf("%v: %s", err, out)
	}
	return parseAnswers(string(out))
}

func (m machine) calls() []string {
	text, _ := os.ReadFile(m.path("calls")) // none
	return strings.Split(strings.TrimSpace(string(text)), "\n")
}

// TestManagers: who looks after services is found, has the agent's file, and starts
// it, at once and at each boot; a newer program starts it anew.
func TestManagers(t *testing.T) {
	for manager, c := range map[string]struct {
		commands map[string]string
		start    []string
		again    string
	}{
		packaging.Systemd: {
			map[string]string{"systemctl": ""},
			[]string{"systemctl daemon-reload", "systemctl enable --now accord-agent.service"}, "systemctl restart accord-agent.service",
		},
		packaging.Launchd: {
			map[string]string{"launchctl": "[ $1 != print ]"},
			[]string{"launchctl enable system/accord.agent", "launchctl print system/accord.agent", "launchctl bootstrap system SERVICE"},
			"launchctl kickstart -k system/accord.agent",
		},
		packaging.RC: {
			map[string]string{"service": "[ $2 != status ]", "sysrc": ""},
			[]string{"sysrc accord_agent_enable=YES", "service accord_agent status", "service accord_agent start"}, "service accord_agent restart",
		},
	} {
		t.Run(manager, func(t *testing.T) {
			m := newMachine(t, c.commands)
			service := m.path("services/" + filepath.Base(packaging.AgentService(manager).Path))
			var script strings.Builder
			for name, value := range map[string]string{
				"program": m.path("bin/accord"), "config": m.path("agent.toml"), "settings": "[agent]\n", "sum": "", "token": "", "address": "", "name": "",
				"unit": packaging.AgentService(manager).Text, "manager": manager, "service": service, "restart": "1", "inside": "",
			} {
				script.WriteString(name + "=" + quote(value) + "\n")
			}
			if said := m.run(script.String() + installScript); said["done"] == "" {
				t.Fatalf("got %v", said)
			}
			want := append(slices.Clone(c.start), c.again)
			for i := range want {
				want[i] = strings.ReplaceAll(want[i], "SERVICE", service)
			}
			if got := m.calls(); !slices.Equal(got, want) {
				t.Errorf("it called %q, want %q", got, want)
			}
			text, err := os.ReadFile(service)
			if err != nil || !strings.Contains(string(text), "/usr/local/bin/accord") {
				t.Errorf("got %q, %v", text, err)
			}
			if manager != packaging.RC {
				return
			}
			if info, err := os.Stat(service); err != nil || info.Mode().Perm() != 0o555 {
				t.Errorf("rc(8) can't run it: %v, %v", info, err)
			}
		})
	}
}

// TestLookAtOtherSystems: a Mac and a FreeBSD are told by what they call themselves.
func TestLookAtOtherSystems(t *testing.T) {
	for system, c := range map[string]struct {
		commands        map[string]string
		manager, active string
	}{
		"Darwin":  {map[string]string{"launchctl": "echo '	state = running'"}, packaging.Launchd, "active"},
		"FreeBSD": {map[string]string{"service": "exit 1"}, packaging.RC, ""},
	} {
		c.commands["id"] = "case $1 in -u) echo 0 ;; *) echo root ;; esac"
		c.commands["uname"] = "case $1 in -m) echo arm64 ;; *) echo " + system + " ;; esac"
		said := newMachine(t, c.commands).run("home=\n" + lookScript)
		if said["manager"] != c.manager || said["active"] != c.active || platform(said["os"], said["arch"]) == "" {
			t.Errorf("%s: got %v", system, said)
		}
	}
}
