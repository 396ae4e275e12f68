package push

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPlatform(t *testing.T) {
	for said, want := range map[[2]string]string{
		{"Linux", "x86_64"}: "linux/amd64", {"Linux", "aarch64"}: "linux/arm64", {"Linux", "armv7l"}: "linux/arm",
		{"Linux", "riscv64"}: "linux/riscv64", {"Linux", "armv5tel"}: "", {"FreeBSD", "amd64"}: "freebsd/amd64", {"SunOS", "x86_64"}: "", {"", ""}: "",
	} {
		if got := platform(said[0], said[1]); got != want {
			t.Errorf("%v is %q, want %q", said, got, want)
		}
	}
}

// TestPrograms: one that fits, none, and two that could be meant.
func TestPrograms(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"accord-v1-2-linux-arm64", "accord-v1-linux-arm", "accord-v2-linux-arm", "SHA256SUMS"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := Programs{Self: "/nowhere", Version: "v3", Platform: "linux/amd64", Folder: dir}
	if got, err := p.For("linux/arm64"); err != nil || got.Version != "v1-2" || got.Size != 23 {
		t.Errorf("got %+v, %v", got, err)
	}
	for platform, want := range map[string]string{"linux/arm": "2 programs", "linux/riscv64": "has no accord-VERSION-linux-riscv64"} {
		if _, err := p.For(platform); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", platform, err)
		}
	}
	p.Folder = ""
	if _, err := p.For("linux/arm64"); err == nil || !strings.Contains(err.Error(), "--programs") {
		t.Errorf("without a folder: %v", err)
	}
}

// TestAnswers: what a login shell prints besides counts for nothing, and the last
// word on a thing is the script's.
func TestAnswers(t *testing.T) {
	said := parseAnswers("Welcome!\nos=Plan9\r\naccord-push os=Linux\r\n\x1b[31maccord-push os=x\naccord-push why=a=b\naccord-push end=1")
	if len(said) != 3 || said["os"] != "Linux" || said["why"] != "a=b" || said["end"] != "1" {
		t.Errorf("got %v", said)
	}
	if !sharing("host a\ncontrolpath /tmp/x\n") || sharing("controlpath none\n") || sharing("port 22\n") {
		t.Error("ssh -G is misread")
	}
}

// installed runs install.sh here, with a program that is a script.
func installed(t *testing.T, home, program, sum, token string) answers {
	t.Helper()
	var script strings.Builder
	for name, value := range map[string]string{
		"program": home + "/bin/accord", "config": home + "/it's/etc/agent.toml", "settings": "[agent]\n", "sum": sum, "token": token,
		"address": "gw:1", "name": "", "unit": "", "manager": "", "service": "", "restart": "", "inside": "",
	} {
		script.WriteString(name + "=" + quote(value) + "\n")
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script.String()+installScript)
	cmd.Stdin = strings.NewReader(program)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return parseAnswers(string(out))
}

// TestInstallIsWholeOrNothing: whatever fails leaves no file and no folder; what
// goes well leaves nothing but what it is for.
func TestInstallIsWholeOrNothing(t *testing.T) {
	good := "#!/bin/sh\ncase $1 in join) read -r t; [ \"$t\" = good ] || { echo accord: no >&2; exit 1; }; echo 'This device is till of us now.' ;; esac\n"
	sum := sha256.Sum256([]byte(good))
	digest := hex.EncodeToString(sum[:])
	bad := sha256.Sum256([]byte("\x7fELF"))
	for name, c := range map[string]struct{ program, sum, token, failed string }{
		"cut":          {good[:len(good)-2], digest, "good", "cut"},
		"nothing came": {"", digest, "good", "cut"},
		"does not run": {"\x7fELF", hex.EncodeToString(bad[:]), "good", "run"},
		"bad token":    {good, digest, "bad", "join"},
		"all is well":  {good, digest, "good", ""},
		"had joined":   {good, digest, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			home := t.TempDir()
			said := installed(t, home, c.program, c.sum, c.token)
			if said["failed"] != c.failed {
				t.Fatalf("got %v", said)
			}
			var files []string
			_ = filepath.WalkDir(home, func(path string, d os.DirEntry, _ error) error {
				if path != home && (!d.IsDir() || c.failed != "") {
					files = append(files, strings.TrimPrefix(path, home))
				}
				return nil
			})
			want := "/bin/accord /it's/etc/agent.toml"
			if c.failed != "" {
				want = ""
			}
			if got := strings.Join(files, " "); got != want {
				t.Errorf("left %q, want %q", got, want)
			}
			if c.failed == "" && c.token != "" && said["device"] != "till" {
				t.Errorf("said %v", said)
			}
		})
	}
}

// TestLeftoversGo: what a push that was killed has left is removed by the next,
// and what was there stays in use until it is replaced whole.
func TestLeftoversGo(t *testing.T) {
	home := t.TempDir()
	gone := exec.CommandContext(t.Context(), "true")
	if err := gone.Run(); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(home, "bin", ".accord-push."+strconv.Itoa(gone.Process.Pid))
	if err := os.MkdirAll(old, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(home, "bin", "accord"), []byte("before"), 0o600); err != nil {
		t.Fatal(err)
	}
	if said := installed(t, home, "short", strings.Repeat("0", 64), ""); said["failed"] != "cut" {
		t.Errorf("said %v", said)
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("the leftover is still there")
	}
	if text, err := os.ReadFile(filepath.Join(home, "bin", "accord")); err != nil || !bytes.Equal(text, []byte("before")) {
		t.Errorf("what was there is %q, %v", text, err)
	}
}

// fakeSSH puts a program in place of ssh.
func fakeSSH(t *testing.T, text string) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
}

// TestArrivals: what is said of hosts that were started, by what the gateway sees of
// them and, of those that do not come, by what they say themselves.
func TestArrivals(t *testing.T) {
	fakeSSH(t, `echo 'accord-push active=activating'
echo 'accord-push last={"level":"WARN","msg":"not connected","error":"dial tcp: refused"}'
echo "accord-push pin={\"device\":\"$NOW\"}"; echo accord-push end=1`)
	for name, c := range map[string]struct {
		now  string // what the device is called, as it says
		seen []Device
		err  error
		want Stage
		says string
	}{
		"online":       {seen: []Device{{Name: "till", State: "online", Agent: "v2"}}, want: Updated},
		"in time":      {now: "till-9", seen: []Device{{Name: "till", State: "away"}, {Name: "till-9", State: "online", Agent: "v2"}}, want: Updated},
		"the old one":  {now: "till", seen: []Device{{Name: "till", State: "online", Agent: "v1"}}, want: Failed, says: "is activating there, but the gateway has not seen it online for 45 s (dial tcp: refused). Look on shop"},
		"apart":        {seen: []Device{{Name: "till", State: "quarantined", Why: "two devices"}}, want: Failed, says: "quarantine at the gateway: two devices"},
		"unanswered":   {err: errors.New("it is away"), want: Updated, says: "can't be seen: it is away"},
		"never called": {now: "till", want: Failed, says: "has not seen it online"},
	} {
		t.Run(name, func(t *testing.T) {
			r := &run{Options: Options{
				Parallel: 1, Shell: &Shell{Env: append(os.Environ(), "NOW="+c.now)}, Tell: func(Progress) {},
				Devices: func(context.Context, []string) ([]Device, error) { return c.seen, c.err },
			}}
			host := &target{run: r, host: "shop", said: answers{"uid": "0", "version": "accord v1, linux"}, late: time.Now(), runs: "v2"}
			host.arrives = &Outcome{Outcome: Updated, Device: "till", Version: "v2", From: "v1"}
			started := make(chan *target, 1)
			started <- host
			close(started)
			for _, absent := range r.await(t.Context(), started) {
				absent.missed(t.Context())
			}
			if got := host.outcome; got.Outcome != c.want || !strings.Contains(got.Sentence, c.says) || c.says == "" && got.Sentence != "" {
				t.Errorf("got %+v", got)
			}
		})
	}
}

// TestInvitations: each host gets a token of its own, none is left over, and a
// gateway that gives none is asked once.
func TestInvitations(t *testing.T) {
	var i invitations
	made := 0
	ask := func(_ context.Context, n int) (string, []string, error) {
		tokens := make([]string, n)
		for k := range tokens {
			made++
			tokens[k] = strconv.Itoa(made)
		}
		return "gw:1", tokens, nil
	}
	var all sync.WaitGroup
	got := make(chan string, 100)
	for range cap(got) {
		all.Go(func() {
			_, token, err := i.one(t.Context(), ask)
			if err != nil {
				t.Error(err)
			}
			got <- token
		})
	}
	all.Wait()
	close(got)
	seen := make(map[string]bool)
	for token := range got {
		seen[token] = true
	}
	if len(seen) != 100 || made != 100 {
		t.Errorf("%d tokens for 100 hosts, %d were made", len(seen), made)
	}
	asked := 0
	none := func(context.Context, int) (string, []string, error) { asked++; return "", nil, errors.New("no") }
	for range 3 {
		if _, _, err := i.one(t.Context(), none); err == nil || asked != 1 {
			t.Errorf("got %v after %d calls", err, asked)
		}
	}
}

// TestStoppedPush: a push that is stopped says so of every host.
func TestStoppedPush(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	fakeSSH(t, "exec sleep 60")
	told := 0
	got := Run(ctx, Options{Hosts: []string{"a", "b"}, Parallel: 1, Shell: &Shell{Env: os.Environ()}, Tell: func(Progress) { told++ }})
	if len(got) != 2 || got[0].Outcome != Failed || got[1].Outcome != Failed || got[1].Host != "b" || told != 4 {
		t.Errorf("got %+v, told %d times", got, told)
	}
}
