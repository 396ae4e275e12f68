package surface

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// TestTaken: a console is put in front of the one account that is asked, where it
// sits for sure, and of nobody else.
func TestTaken(t *testing.T) {
	const ada = 1000
	sits := func(with func(*front)) front {
		f := front{number: 2, text: true, keys: true, owner: ada, leader: process{pid: 77, uid: ada}, shell: true}
		with(&f)
		return f
	}
	for _, tt := range []struct {
		name string
		uid  int
		why  string // empty: it may
		with func(*front)
	}{
		{"at a shell", ada, "", func(*front) {}},
		{"at a shell, and the keeper of logins agrees", ada, "", func(f *front) { f.logins = []int{ada} }},
		{"at another program, and the keeper of logins knows", ada, "", func(f *front) { f.shell, f.logins = false, []int{ada} }},
		{"root at a shell", 0, "", func(f *front) { f.owner, f.leader.uid = 0, 0 }},
		{"a login prompt, which is root's", 0, "is no shell", func(f *front) { f.owner, f.leader.uid, f.shell = 0, 0, false }},
		{"a login prompt, for another", ada, "not theirs", func(f *front) { f.owner, f.leader.uid, f.shell = 0, 0, false }},
		{"another's", 1001, "not theirs", func(*front) {}},
		{"another's, for root", 0, "not theirs", func(*front) {}},
		{"another's terminal", ada, "not theirs", func(f *front) { f.owner = 1001 }},
		{"another's session", ada, "not theirs", func(f *front) { f.leader.uid = 1001 }},
		{"the keeper of logins says another", ada, "not theirs", func(f *front) { f.logins = []int{1001} }},
		{"the keeper of logins says two", ada, "not theirs", func(f *front) { f.logins = []int{ada, 1001} }},
		{"nobody", ada, "nobody is logged in", func(f *front) { f.leader = process{} }},
		{"pictures", ada, "pictures", func(f *front) { f.text = false }},
		{"switched by a program", ada, "a program has", func(f *front) { f.managed = true }},
		{"raw keys", ada, "a program has", func(f *front) { f.keys = false }},
		{"locked", ada, "vlock has locked it", func(f *front) { f.locker = "vlock" }},
		{"a visit", ada, "a visit's", func(f *front) { f.visit = true }},
		{"nothing is known", ada, "pictures", func(f *front) { *f = front{} }},
	} {
		err := sits(tt.with).taken(tt.uid)
		switch {
		case tt.why == "" && err != nil:
			t.Errorf("%s: %v", tt.name, err)
		case tt.why != "" && (!errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), tt.why)):
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

func TestLoginsAt(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"1": "UID=1000\nVTNR=2\nSTATE=active\n", "2": "UID=1001\nVTNR=3\n", "3": "UID=1002\nVTNR=2\nSTATE=closing\n",
		"4": "UID=x\nVTNR=4\n", "c5": "UID=1003\n", "6": strings.Repeat("UID=1\nVTNR=2\n", 4000),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "1.ref"), 0o600); err != nil { // must not be waited for
		t.Fatal(err)
	}
	for number, want := range map[int]string{2: "[1000]", 3: "[1001]", 4: "[-1]", 5: "[]"} {
		if got := fmt.Sprint(loginsAt(dir, number)); got != want {
			t.Errorf("at %d: %s, not %s", number, got, want)
		}
	}
}

// TestConsole: the prompt stands on a console of its own, for its person alone; the
// answer, and every other end, puts back what was there.
func TestConsole(t *testing.T) {
	consoles(t, func(t *testing.T, s *sitting) {
		if s.user.UID == 0 {
			return // TestConsoleKilled and TestConsoleOfOthers look at root's
		}
		defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
		n := s.ask(t.Context())
		if text, err := os.ReadFile(fmt.Sprintf("/dev/vcs%d", n)); err != nil || !strings.HasPrefix(string(text), "who asks: ") {
			t.Errorf("the console shows %.40q: %v", text, err)
		}
		if err := s.cons.Show(t.Context(), []string{"/bin/true"}, nil, nil, s.others); !errors.Is(err, ErrNobody) {
			t.Errorf("a second one: %v", err)
		}
		s.types(n, "yes\n")
		if err := s.over(n); err != nil {
			t.Error(err)
		}

		// Their answer came from elsewhere, or the request was withdrawn.
		ctx, cancel := context.WithCancelCause(t.Context())
		n = s.ask(ctx)
		cancel(errors.New("withdrawn"))
		if err := s.over(n); err == nil || err.Error() != "withdrawn" {
			t.Error(err)
		}
		if err := s.cons.Show(t.Context(), []string{"/bin/true"}, nil, nil, s.others); !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), "no answer") {
			t.Errorf("one comes right after one without an answer: %v", err)
		}

		// They turn to another console, and are left there.
		s.cons.again = time.Time{}
		n = s.ask(t.Context())
		s.b.turnTo(s.b.Was)
		s.types(n, "no\n")
		if err := <-s.end; err != nil {
			t.Error(err)
		}
		if now := s.inFront(); now != s.b.Was {
			t.Errorf("tty%d is in front, not the one that they have turned to", now)
		}
		s.b.turnTo(s.b.Number)

		// They log out while they are asked: whoever comes next is another.
		s.cons.again = time.Time{}
		n = s.ask(t.Context())
		s.logOut()
		if err := s.over(n); err != nil {
			t.Error(err)
		}
	})
}

// TestConsoleKilled: whatever is killed, the person gets their console back.
func TestConsoleKilled(t *testing.T) {
	consoles(t, func(t *testing.T, s *sitting) {
		n := s.ask(t.Context())
		s.kill(keeperName)
		if err := s.over(n); err != nil {
			t.Error(err)
		}
		s.cons.again = time.Time{}
		n = s.ask(t.Context())
		s.kill("prompt") // as the secure attention key does
		if err := s.over(n); err != nil {
			t.Error(err)
		}
		// The agent and the keeper at once: the next agent finds the record.
		left, err := borrow(s.b.Number, s.user.UID)
		if err != nil {
			t.Fatal(err)
		}
		if err := left.show(); err != nil {
			t.Fatal(err)
		}
		_, _ = left.all.Close(), left.tty.Close()
		s.cons.note(&left.loan)
		s.end <- NewConsoles(s.user, s.cons.record).Restore()
		if err := s.over(left.Number); err != nil {
			t.Error(err)
		}
		// What a record says of another start of the machine is no news.
		if err := os.WriteFile(s.cons.record, []byte(fmt.Sprintf(`{"Boot":"x","Loan":{"Number":%d,"Was":%d}}`, s.b.Number, s.b.Was)), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := s.cons.Restore(); err != nil || s.inFront() != s.b.Number {
			t.Errorf("an old record: %v", err)
		}
	})
}

// TestConsoleOfOthers: the attack is a request that shows before somebody else, who
// then answers it. No console is put in front of a login, of another account, of
// pictures, of a locked console.
func TestConsoleOfOthers(t *testing.T) {
	const (
		kdSetMode = 0x4B3A
		vtLock    = 0x560B
		vtUnlock  = 0x560C
	)
	consoles(t, func(t *testing.T, s *sitting) {
		refused := func(why string) {
			t.Helper()
			err := s.cons.Show(t.Context(), []string{s.dir + "/prompt"}, nil, nil, s.others)
			if !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), why) {
				t.Errorf("%q is not why: %v", why, err)
			}
			if now := s.inFront(); now != s.b.Number {
				t.Errorf("tty%d is in front", now)
			}
		}
		set := func(request uint, value int) {
			t.Helper()
			if err := unix.IoctlSetInt(int(s.b.tty.Fd()), request, value); err != nil {
				t.Fatal(err)
			}
		}
		set(kdSetMode, 1)
		refused("pictures")
		set(kdSetMode, kdText)
		set(kdSetKeyboard, 0)
		refused("a program has")
		set(kdSetKeyboard, keysUTF8)
		if s.user.UID != 0 { // it takes its time
			set(vtLock, 0)
			refused("switching is locked")
			set(vtUnlock, 0)
		}
		if err := s.b.tty.Chown(12345, -1); err != nil {
			t.Fatal(err)
		}
		refused("not theirs")
		if err := s.b.tty.Chown(s.user.UID, -1); err != nil {
			t.Fatal(err)
		}
		s.logOut()
		s.until("nobody is there", func() bool {
			f, err := lookFront(s.others)
			return err == nil && f.leader.pid == 0
		})
		refused("nobody is logged in")
		s.log(s.command("/bin/sleep", "60")) // is no shell, as a login prompt
		refused("is no shell")
		if _, err := os.Stat(s.dir + "/told"); err == nil {
			t.Error("a prompt was there")
		}
	})
}
