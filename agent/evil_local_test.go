package agent

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"accord/tui"
	"accord/wire"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// The test binary plays another local client: it sends the lines of its
// environment to the agent's socket and prints what comes back.
const (
	roleVar  = "AGENT_TEST_SOCKET"
	linesVar = "AGENT_TEST_LINES"
	crowdVar = "AGENT_TEST_CROWD" // take as many places as this, silently
)

func playLocal() int {
	if n, _ := strconv.Atoi(os.Getenv(crowdVar)); n > 0 {
		return playCrowd(n)
	}
	conn, err := net.Dial("unix", os.Getenv(roleVar))
	if err != nil {
		fmt.Println(err)
		return 1
	}
	if _, err := io.WriteString(conn, os.Getenv(linesVar)); err != nil {
		fmt.Println(err)
		return 1
	}
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	in := bufio.NewScanner(conn)
	in.Buffer(nil, maxLocal)
	for in.Scan() {
		fmt.Println(in.Text())
	}
	return 0
}

// playCrowd takes places at the socket and takes them again when it is shown
// out, until it is killed.
func playCrowd(n int) int {
	var all sync.WaitGroup
	first := make(chan struct{}, n)
	for range n {
		all.Go(func() {
			for {
				conn, err := net.Dial("unix", os.Getenv(roleVar))
				if err != nil {
					fmt.Println(err)
					return
				}
				select {
				case first <- struct{}{}:
				default:
				}
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			}
		})
	}
	for range n {
		<-first
	}
	fmt.Println("all here")
	all.Wait()
	return 0
}

// local runs the test binary as another account of this device.
func (e *evil) local(uid uint32, lines string) string {
	e.t.Helper()
	exe := filepath.Join(e.dir, "client")
	text, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		e.t.Fatal(err)
	}
	if err := os.WriteFile(exe, text, 0o755); err != nil {
		e.t.Fatal(err)
	}
	cmd := exec.CommandContext(e.t.Context(), exe)
	cmd.Env = []string{roleVar + "=" + e.agent.Socket(), linesVar + "=" + lines}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	out, err := cmd.CombinedOutput()
	if err != nil {
		e.t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}

const nobodyUID = 65534

// Another account of the device can neither answer nor stop, but it can see
// what there was.
func TestAnotherUID(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can become another account")
	}
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	w := l.ask(request())
	asked := p.asked()
	yes := fmt.Sprintf(`{"op":"answer","id":%q,"answer":{"Choice":"approve","Granted":["shell"]}}`+"\n", asked.ID)
	for name, lines := range map[string]string{
		"answer":       `{"op":"answer","surface":"x"}` + "\n" + yes,
		"answer by id": `{"op":"answer","id":"` + asked.ID + `"}` + "\n" + yes,
		"resident":     `{"op":"user"}` + "\n" + yes,
		"stop":         `{"op":"stop"}` + "\n",
		"stop one":     `{"op":"stop","id":"` + v.req.Visit + `"}` + "\n",
	} {
		if out := e.local(nobodyUID, lines); !strings.Contains(out, `"error"`) || strings.Contains(out, asked.ID) {
			t.Errorf("%s: %s", name, out)
		}
	}
	if !l.mark(v.req.Visit) {
		t.Error("another account stopped a visit")
	}
	w.write(&wire.Open{Head: zeroHead()})
	l.mustNot(w.req.Visit, "answered by another account")
	if out := e.local(nobodyUID, `{"op":"receipts"}`+"\n"); !strings.Contains(out, v.req.Visit) {
		t.Errorf("another account can't read the receipts: %s", out)
	}
}

// What runs in a visit can't answer for the user, nor stop, whatever its
// account, parents and tricks.
func TestInsideAVisit(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	w := l.ask(request())
	asked := p.asked()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	lines := fmt.Sprintf(`{"op":"user"}`+"\n"+`{"op":"answer","id":%q,"answer":{"Choice":"approve","Granted":["shell"]}}`+"\n"+`{"op":"stop"}`+"\n", asked.ID)
	for name, how := range map[string]string{
		"plain":        "%s",
		"background":   "(%s &) ; wait",
		"own group":    "setsid -f %s",
		"forked twice": "(setsid -f sh -c '%s') & wait",
	} {
		out := filepath.Join(e.dir, "out-"+strings.ReplaceAll(name, " ", "-"))
		client := "env " + roleVar + "=" + e.agent.Socket() + " " + linesVar + `="$LINES_TO_SAY" ` + exe + " > " + out
		_ = l.run(v.req.Visit, "export LINES_TO_SAY='"+lines+"'; "+fmt.Sprintf(how, client))
		eventually(t, name+" is answered", func() bool {
			text, _ := os.ReadFile(out)
			return strings.Contains(string(text), "\n")
		})
		if text, _ := os.ReadFile(out); !strings.Contains(string(text), "error") || strings.Contains(string(text), asked.ID) {
			t.Errorf("%s: %s", name, text)
		}
	}
	w.write(&wire.Open{Head: zeroHead()})
	l.mustNot(w.req.Visit, "answered from inside another visit")
	if !l.mark(v.req.Visit) {
		t.Error("the visit was stopped from inside")
	}
}

// A visit's process, or another account, that takes every place at the local
// socket must not keep the user from the stop.
func TestLocalSocketCannotBeFilledAgainstTheUser(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.open(p)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	up := filepath.Join(e.dir, "up")
	crowd := fmt.Sprintf("env %s=%s %s=100 %s > %s", roleVar, e.agent.Socket(), crowdVar, exe, up)
	go func() { _ = l.run(v.req.Visit, crowd) }()
	eventually(t, "the crowd has come", func() bool {
		text, _ := os.ReadFile(up)
		return len(text) > 0
	})
	eventually(t, "the user can stop", func() bool {
		ended, err := Stop(t.Context(), e.agent.Socket(), v.req.Visit)
		return err == nil && len(ended) == 1
	})
	p.ended(v.req.Visit)
}

func TestMalformedLocalLines(t *testing.T) {
	e := newEvil(t, nil)
	l, p := e.link(), e.sit()
	v := l.ask(request())
	asked := p.asked()
	for name, lines := range map[string]string{
		"nothing":       "",
		"empty":         "\n",
		"no JSON":       "GET / HTTP/1.0\r\n\r\n",
		"array":         "[]\n",
		"unknown field": `{"op":"user","uid":0}` + "\n",
		"unknown op":    `{"op":"root"}` + "\n",
		"too long":      `{"op":"user","locale":"` + strings.Repeat("x", 1<<20) + `"}` + "\n",
		"deep":          strings.Repeat("[", 60<<10) + "\n",
		"nul":           "\x00\x00\n",
		"bad answer":    `{"op":"answer"}` + "\n" + `{"op":"answer","id":"` + asked.ID + `","answer":[]}` + "\n",
		"no answer":     `{"op":"answer"}` + "\n" + `{"op":"answer","id":"` + asked.ID + `"}` + "\n",
		"wrong nonce":   `{"op":"answer"}` + "\n" + `{"op":"answer","id":"AAAA","answer":{"Choice":"approve","Granted":["shell"]}}` + "\n",
		"empty nonce":   `{"op":"answer"}` + "\n" + `{"op":"answer","answer":{"Choice":"approve","Granted":["shell"]}}` + "\n",
		"visit's id":    `{"op":"answer"}` + "\n" + `{"op":"answer","id":"` + v.req.Visit + `","answer":{"Choice":"approve","Granted":["shell"]}}` + "\n",
	} {
		conn, err := net.Dial("unix", e.agent.Socket())
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		_, _ = io.WriteString(conn, lines)
		_ = conn.(*net.UnixConn).CloseWrite()
		if _, err := io.Copy(io.Discard, conn); err != nil && !strings.Contains(err.Error(), "reset") {
			t.Errorf("%s: %v", name, err)
		}
		_ = conn.Close()
	}
	v.write(&wire.Open{Head: zeroHead()})
	l.mustNot(v.req.Visit, "malformed lines")
	p.give(asked.ID, approval())
}

// Of two answers the first counts.
func TestTwoAnswersRace(t *testing.T) {
	e := newEvil(t, nil)
	l, first, second := e.link(), e.sit(), e.sit()
	v := l.ask(request())
	id := first.asked().ID
	second.asked()
	first.give(id, tui.Answer{Choice: tui.None})
	if c := l.answer(v); c.Choice != wire.None {
		t.Fatalf("signed: %+v", c)
	}
	second.give(id, approval())
	v.write(&wire.Open{Head: zeroHead()})
	l.mustNot(v.req.Visit, "the second answer counted")
	second.until("the request is gone", func(m toClient) bool { return m.Gone != nil })
}

// A screen that reads nothing holds nobody up: the user answers on another.
func TestClientThatNeverReads(t *testing.T) {
	e := newEvil(t, nil)
	l := e.link()
	deaf, err := dialLocal(t.Context(), e.agent.Socket())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = deaf.conn.Close() }()
	_ = deaf.conn.(*net.UnixConn).SetReadBuffer(1) //nolint:forcetypeassert // it was dialled as unix
	if err := deaf.write(fromClient{Op: opUser, Surface: "resident"}); err != nil {
		t.Fatal(err)
	}
	p := e.sit()
	for range 40 {
		v := l.open(p)
		_ = v.ch.Close()
		p.ended(v.req.Visit)
	}
	v := l.open(p)
	if ended, err := Stop(t.Context(), e.agent.Socket(), ""); err != nil || len(ended) != 1 {
		t.Errorf("stop: %v, %v", ended, err)
	}
	p.ended(v.req.Visit)
}
