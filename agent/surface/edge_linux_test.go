package surface

import (
	"strings"
	"testing"
)

func (p *person) edge(text string) int {
	p.t.Helper()
	n, err := Edge(p.t.Context(), p.user, text, p.others)
	if err != nil {
		p.t.Fatal(err)
	}
	return n
}

// options are all that the session itself has set.
func (p *person) options() string { return p.tmux("show-options", "-t", "main") }

// TestEdge: a text is shown at the edge of a session that somebody looks at, and
// afterwards every option is as it was, whoever ends it.
func TestEdge(t *testing.T) {
	people(t, func(t *testing.T, p *person) {
		p.start()
		if n := p.edge("nobody looks"); n != 0 || strings.Contains(p.options(), "accord") {
			t.Errorf("shown on %d sessions that nobody looks at: %s", n, p.options())
		}
		s := p.attach()
		for _, before := range [][]string{
			nil,
			{"status-left", `it's "mine" #{session_name} 100%% $HOME \;`, "status", "off", "status-left-length", "7"},
		} {
			for i := 0; i < len(before); i += 2 {
				p.tmux("set-option", "-t", "main", before[i], before[i+1])
			}
			was := p.options()
			if n := p.edge("Ada #(touch " + p.dir + "/hacked) 100%H is connected, 12 min"); n != 1 {
				t.Errorf("shown on %d sessions", n)
			}
			p.until("it is shown", func() bool {
				return strings.Contains(s.String(), "Ada ＃(touch "+p.dir+"/hacked) 100%H is connected, 12 min")
			})
			if n := p.edge("11 min"); n != 1 || strings.Count(p.tmux("show-options", "-v", "-t", "main", "status-left"), "1 min") != 1 {
				t.Errorf("the second time: %d, %s", n, p.options())
			}
			p.until("the second is shown", func() bool { return strings.Contains(s.String(), "11 min") })
			if n := p.edge(""); n != 0 || p.options() != was {
				t.Errorf("left\n%s\nwas\n%s", p.options(), was)
			}
		}
		p.edge("1 min")
		p.tmux("set-option", "-t", "main", "status-left", "new")
		p.edge("0 min")
		p.edge("")
		if got := p.options(); !strings.Contains(got, "status-left new\n") || strings.Contains(got, "accord") {
			t.Errorf("what the user has set meanwhile: %s", got)
		}
	})
}
