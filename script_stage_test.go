package main

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/rogpeppe/go-internal/testscript"
)

// stage is where one script plays.
type stage struct {
	dir       string
	env       []string
	socket    string // of its tmux server
	technical int    // ports on loopback
	agents    int
	settings  []string       // "KEY VALUE" of the configuration
	openings  map[string]int // how often a terminal of a name was opened
	keys      map[string]string
	cleanups  [][]string
	roles     map[string][]string // of people whose roles the script says
	more      []string            // people whom the script has added
	traits    map[string][]string // of people: lines of their entries
	appended  []string            // text at the end of the configuration
	code      string              // the last one-time code that was typed
}

// stageKey is where a script's stage is kept.
type stageKey struct{}

func stageOf(ts *testscript.TestScript) *stage {
	return ts.Value(stageKey{}).(*stage) //nolint:forcetypeassert // setUp put it there
}

// setUp prepares people, ssh and ports. Nothing of the caller's is used: no
// ~/.ssh, no agent, no tmux, no locale.
func setUp(e *testscript.Env, bin string) error {
	s := &stage{dir: e.WorkDir, socket: filepath.Join(e.WorkDir, "tmux.sock"), keys: map[string]string{}, openings: map[string]int{}}
	e.Values[stageKey{}] = s
	// Accounts that a visit may use reach through the folder; it is the
	// people's own otherwise.
	if err := os.Chmod(e.WorkDir, 0o755); err != nil { //nolint:gosec // see above
		return err
	}
	ports, err := freePorts(2)
	if err != nil {
		return err
	}
	s.technical, s.agents = ports[0], ports[1]
	mark := strconv.Itoa(10_000_000 + os.Getpid()%10_000*1000 + int(marks.Add(1)))
	for _, kv := range []string{
		"HOME=" + s.dir, "SSH_AUTH_SOCK=", "TMUX=", "TMUX_PANE=", "LANG=C.UTF-8", "LC_ALL=", "LANGUAGE=", "TERM=xterm-256color", "NO_COLOR=",
		"SHELL=/bin/sh", "ACCORD_PLAIN=", "ACCORD_SCRIPT=" + s.dir, "PORT=" + strconv.Itoa(s.technical), "AGENTS=" + strconv.Itoa(s.agents),
		"MARK=" + mark, "BIN=" + bin, "ACCORD_REASON=The printer is stuck", "PATH=" + filepath.Join(s.dir, "bin") + ":" + bin + ":" + os.Getenv("PATH"),
	} {
		name, value, _ := strings.Cut(kv, "=")
		e.Setenv(name, value)
	}
	if err := s.people(e.Vars); err != nil {
		return err
	}
	s.env = e.Vars
	e.Defer(func() { s.strike(e.T()) })
	return nil
}

// marks makes command lines that belong to one script.
var marks atomic.Int64

// lastPort is counted from anywhere, so that no two stories get the same one, which
// nobody may listen on yet, nor two runs of all stories side by side.
var lastPort = func() *atomic.Int64 {
	var n atomic.Int64
	n.Store(rand.Int64N(20_000)) //nolint:gosec // any number
	return &n
}()

// freePorts finds ports that nobody listens on. They are below those that the system
// gives to who asks for any: such a one could be a client's before the gateway
// listens there.
func freePorts(n int) ([]int, error) {
	var free []int
	for try := 0; len(free) < n; try++ {
		port := 10_000 + int(lastPort.Add(1))%20_000
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err != nil && try < 100 {
			continue // somebody listens there
		}
		if err != nil {
			return nil, err
		}
		_ = l.Close()
		free = append(free, port)
	}
	return free, nil
}

// people makes keys and an ssh that knows nothing but them.
func (s *stage) people(env []string) error {
	var hosts strings.Builder
	for name, host := range map[string]string{"alice": "gw", "bob": "gw-bob", "ada": "gw-ada", "mallory": "gw-mallory"} {
		if _, err := runIn(s.dir, env, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", filepath.Join(s.dir, "key-"+name)); err != nil {
			return err
		}
		text, err := os.ReadFile(filepath.Join(s.dir, "key-"+name+".pub"))
		if err != nil {
			return err
		}
		s.keys[name] = strings.TrimSpace(string(text))
		fmt.Fprintf(&hosts, "Host %s\n  IdentityFile %s/key-%s\n", host, s.dir, name)
	}
	fmt.Fprintf(&hosts, `Host *
  HostName 127.0.0.1
  Port %d
  IdentitiesOnly yes
  UserKnownHostsFile %s/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking accept-new
  HashKnownHosts no
  UpdateHostKeys no
  SendEnv LANG ACCORD_*
  ConnectTimeout 40
`, s.technical, s.dir)
	if err := os.WriteFile(filepath.Join(s.dir, "ssh_config"), []byte(hosts.String()), 0o600); err != nil {
		return err
	}
	real, err := exec.LookPath("ssh")
	if err != nil {
		return err
	}
	// ssh takes the home folder from the account, not from HOME.
	wrapper := fmt.Sprintf("#!/bin/sh\nexec %s -F %s/ssh_config \"$@\"\n", real, s.dir)
	if err := os.MkdirAll(filepath.Join(s.dir, "bin"), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(s.dir, "bin", "ssh"), []byte(wrapper), 0o755); err != nil { //nolint:gosec // a program
		return err
	}
	// sftp and scp start the ssh of their own folder, whatever PATH says.
	for _, tool := range []string{"sftp", "scp"} {
		real, err := exec.LookPath(tool)
		if err != nil {
			return err
		}
		wrapper := fmt.Sprintf("#!/bin/sh\nexec %s -S %s/bin/ssh \"$@\"\n", real, s.dir)
		if err := os.WriteFile(filepath.Join(s.dir, "bin", tool), []byte(wrapper), 0o755); err != nil { //nolint:gosec // a program
			return err
		}
	}
	return os.WriteFile(filepath.Join(s.dir, "bin", "in-terminal"), []byte(inTerminal), 0o755) //nolint:gosec // a program
}

// inTerminal runs a command in a terminal and keeps its pid and its status,
// which tmux tells only sometimes: in-terminal FILE COMMAND…
//
// A technician's terminal is made another account's, where that can be done:
// agents of other stories would write on it what they tell their user, who is
// the same account here.
const inTerminal = `#!/bin/sh
file=$1; shift
case "$*" in *ssh*) chown 65534 "$(tty)" 2>/dev/null ;; esac
trap : INT QUIT
sh -c 'echo $$ >"$0.pid"; exec "$@"' "$file" "$@"
echo $? >"$file.new" && mv "$file.new" "$file.status"
`

// cmdConfig: config KEY VALUE, the value as TOML spells it.
func cmdConfig(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	s := stageOf(ts)
	s.settings = append(s.settings, args[0]+" "+args[1])
}

// writeConfig writes the configuration of the gateway and of one device and
// returns its path. A later setting of the same key wins.
func (s *stage) writeConfig(device string) (string, error) {
	folder := filepath.Join(s.dir, ".accord")
	values := map[string]map[string]string{
		"gateway": {
			"listen": quote("127.0.0.1:" + strconv.Itoa(s.technical)), "agents": quote("127.0.0.1:" + strconv.Itoa(s.agents)),
			"state": quote(folder + "/gateway"), "organisation": quote("Example Care"),
		},
		"agent": {
			"state": quote(s.agentState(device)), "name": quote(device), "redial": quote("1s"), "screen.server": quote("off"),
			"surfaces": `["tmux", "line"]`, // whatever displays this machine's user has
		},
		"recordings": {"dir": quote(folder + "/recordings"), "min_free_mib": "1"},
	}
	for _, line := range s.settings {
		key, value, _ := strings.Cut(line, " ")
		section, name, _ := strings.Cut(key, ".")
		if values[section] == nil {
			values[section] = map[string]string{}
		}
		values[section][name] = value
	}
	var b strings.Builder
	for section, keys := range values {
		fmt.Fprintf(&b, "[%s]\n", section)
		for name, value := range keys {
			fmt.Fprintf(&b, "%s = %s\n", name, value)
		}
	}
	for _, p := range s.cast() {
		fmt.Fprintf(&b, "[[people]]\nname = %q\nfull = %q\nkeys = [%q]\nroles = [%s]\n", p.name, p.full, s.keys[p.name], p.roles)
		fmt.Fprintln(&b, strings.Join(s.traits[p.name], "\n"))
	}
	fmt.Fprintln(&b, strings.Join(s.appended, "\n"))
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // see setUp
		return "", err
	}
	path := filepath.Join(s.dir, device+".toml")
	return path, os.WriteFile(path, []byte(b.String()), 0o600)
}

// stagePerson is somebody of the configuration; roles as TOML spells them.
type stagePerson struct{ name, full, roles string }

// cast are the people of the configuration.
func (s *stage) cast() []stagePerson {
	list := []stagePerson{
		{"alice", "Alice Martin", `"technician", "supervisor", "auditor"`},
		{"bob", "Bob Stone", `"technician"`},
		{"ada", "Ada Long", `"admin"`},
	}
	for _, name := range s.more {
		list = append(list, stagePerson{name: name})
	}
	var there []stagePerson
	for _, p := range list {
		if roles, said := s.roles[p.name]; said {
			p.roles = ""
			for _, r := range roles {
				p.roles += quote(r) + ","
			}
		}
		if p.roles != "" {
			there = append(there, p)
		}
	}
	return there
}

func quote(s string) string { return strconv.Quote(s) }

// agentState is a device's folder. That of laptop is where the verbs find it.
func (s *stage) agentState(device string) string {
	if device == "laptop" {
		return filepath.Join(s.dir, ".accord", "agent")
	}
	return filepath.Join(s.dir, ".accord", device)
}

// cmdUp: up [FLAGS] runs everything for the device laptop.
func cmdUp(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 0, -1)
	s := stageOf(ts)
	path, err := s.writeConfig("laptop")
	ts.Check(err)
	s.open(ts, "user", "80x24", append([]string{"accord", "up", "--config", path}, args...))
	s.see(ts, "user", `-p `+strconv.Itoa(s.technical))
}

// cmdGateway: gateway runs one and waits until it listens.
func cmdGateway(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 0, 0)
	s := stageOf(ts)
	path, err := s.writeConfig("laptop")
	ts.Check(err)
	s.open(ts, "gateway", "200x24", []string{"accord", "gateway", "--config", path})
	s.see(ts, "gateway", "listens for technicians")
}

// cmdJoin: join DEVICE [FLAGS] enrols a device as an admin does.
func cmdJoin(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, -1)
	s := stageOf(ts)
	path, err := s.writeConfig(args[0])
	ts.Check(err)
	line, err := runIn(s.dir, s.env, filepath.Join(s.dir, "bin", "ssh"), append([]string{"gw-ada", "enroll"}, args[1:]...)...)
	ts.Check(err)
	words := strings.Fields(line)
	if len(words) != 4 || !slices.Equal(words[:2], []string{"accord", "join"}) {
		ts.Fatalf("enroll printed %q", line)
	}
	ts.Check(ts.Exec("accord", "join", "--config", path, words[2], words[3]))
}

// cmdAgent: agent DEVICE runs one and waits until it is connected.
func cmdAgent(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, 1)
	s := stageOf(ts)
	path, err := s.writeConfig(args[0])
	ts.Check(err)
	name := "agent-" + args[0]
	s.open(ts, name, "200x24", []string{"accord", "agent", "--config", path})
	s.see(ts, name, "connected")
}

// cmdStartFails: start-fails VERB [FLAGS]: what it says is on stderr. It must
// end by itself.
func cmdStartFails(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, -1)
	path, err := stageOf(ts).writeConfig("laptop")
	ts.Check(err)
	command := append([]string{"40", "accord", args[0], "--config", path}, args[1:]...)
	if ts.Exec("timeout", command...) == nil {
		ts.Fatalf("it started and stopped")
	}
}

// cmdLimitFiles: limit-files gateway KIB: a disk that fills up, for who may not
// mount one.
func cmdLimitFiles(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 2, 2)
	s := stageOf(ts)
	path, err := s.writeConfig("laptop")
	ts.Check(err)
	s.open(ts, args[0], "200x24", []string{"bash", "-c", "ulimit -f " + args[1] + "; exec accord " + args[0] + " --config " + path})
	s.see(ts, args[0], "listens for technicians")
}

// cmdCleanup: cleanup COMMAND…
func cmdCleanup(ts *testscript.TestScript, neg bool, args []string) {
	only(ts, neg, args, 1, -1)
	s := stageOf(ts)
	s.cleanups = append(s.cleanups, args)
}
