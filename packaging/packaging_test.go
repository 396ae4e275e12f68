package packaging

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSettings: each side gets its own tables and nothing of the other's, with
// what is commented there; a gateway listens for everybody.
func TestSettings(t *testing.T) {
	sample, err := os.ReadFile("../config.toml")
	if err != nil {
		t.Fatal(err)
	}
	for side, want := range map[string][3]string{
		"agent":   {"\n[agent]\n", "\n# [[agent.standing]]\n", "[gateway]"},
		"gateway": {"\nlisten = \":2222\"", "\n# [[people]]\n", "[agent]"},
	} {
		text, err := Settings(side, string(sample))
		if err != nil || !strings.Contains(text, want[0]) || !strings.Contains(text, want[1]) || strings.Contains(text, "\n"+want[2]+"\n") {
			t.Errorf("%s: %v\n%s", side, err, text)
		}
	}
	if _, err := Settings("user", string(sample)); err == nil {
		t.Error("a side that is none was taken")
	}
}

// TestUnit: the program and the configuration that packages and push install are
// those that the unit starts.
func TestUnit(t *testing.T) {
	if !strings.Contains(agentUnit, "\nExecStart="+Program+" agent --config /etc/accord/agent.toml\n") {
		t.Error(agentUnit)
	}
	for _, manager := range []string{Systemd, Launchd, RC} {
		s := AgentService(manager)
		if !strings.Contains(s.Text, "/usr/local/bin/accord") || !strings.Contains(s.Text, "/etc/accord/agent.toml") || !strings.HasPrefix(s.Path, "/") {
			t.Errorf("%s: %+v", manager, s)
		}
	}
	if s := AgentService(""); s.Path != "" || s.Text != "" {
		t.Errorf("without a manager: %+v", s)
	}
}

// TestJob: launchd's files are well-formed, the agent's has the name by which the
// agent knows itself as a job, and the script of rc(8) is one of sh.
func TestJob(t *testing.T) {
	for _, file := range []string{"launchd/accord.agent.plist", "launchd/accord.helper.plist"} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for d := xml.NewDecoder(bytes.NewReader(text)); err == nil; {
			_, err = d.Token()
		}
		name := strings.TrimSuffix(filepath.Base(file), ".plist")
		if !errors.Is(err, io.EOF) || !strings.Contains(string(text), "<key>Label</key>\n\t<string>"+name+"</string>") {
			t.Errorf("%s: %v\n%s", file, err, text)
		}
	}
	if out, err := exec.CommandContext(t.Context(), "sh", "-n", "rc.d/accord_agent").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
