package packaging

import (
	"os"
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
	if !strings.Contains(AgentUnit, "\nExecStart="+Program+" agent --config /etc/accord/agent.toml\n") {
		t.Error(AgentUnit)
	}
}
