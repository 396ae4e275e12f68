package push

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
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
		"address": "gw:1", "name": "", "unit": "", "systemd": "", "restart": "",
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

// TestStoppedPush: a push that is stopped says so of every host.
func TestStoppedPush(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "ssh"), []byte("#!/bin/sh\nexec sleep 60\n"), 0o755); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	t.Setenv("PATH", dir+":"+os.Getenv("PATH"))
	told := 0
	got := Run(ctx, Options{Hosts: []string{"a", "b"}, Parallel: 1, Shell: &Shell{Env: os.Environ()}, Tell: func(Progress) { told++ }})
	if len(got) != 2 || got[0].Outcome != Failed || got[1].Outcome != Failed || got[1].Host != "b" || told != 4 {
		t.Errorf("got %+v, told %d times", got, told)
	}
}
