package surface

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// How long no console is taken after one that was left without an answer: requests
// that come again and again must not keep a person from their own console.
const (
	consoleRest     = time.Minute
	consoleRestMost = 16 * time.Minute
)

// Consoles puts a prompt on a console of its own before a person who sits at a text
// console of this machine. It is for an agent that runs as root; others have none.
type Consoles struct {
	user   User
	record string        // a file that says what is borrowed, for the next agent
	wait   time.Duration // see windowWait

	mu     sync.Mutex
	keeper *consoleKeeper // of the one that is open
	closed bool
	rest   time.Duration // how long none is taken after the next that isn't answered
	again  time.Time     // none is taken before that
}

// consoleKeeper is the process that has a console.
type consoleKeeper struct {
	in   io.WriteCloser // its end ends the prompt
	news chan consoleNews
	done chan struct{}
	loan *loan
}

// NewConsoles takes none yet. The record is a file of the agent's.
func NewConsoles(u User, record string) *Consoles {
	return &Consoles{user: u, record: record, wait: windowWait, rest: consoleRest}
}

// FindConsole says on which console of u's a prompt could be put in front, or
// [ErrNobody] with the reason why on none.
func FindConsole(u User, visits func(pid int) bool) (place string, err error) {
	f, err := findFront(u, visits)
	if err != nil {
		return "", err
	}
	return filepath.Base(consolePath(f.number)), nil
}

func findFront(u User, visits func(pid int) bool) (front, error) {
	if os.Geteuid() != 0 {
		return front{}, fmt.Errorf("%w: only an agent that runs as root can put a console in front", ErrNobody)
	}
	f, err := lookFront(visits)
	if err == nil {
		err = f.taken(u.UID)
	}
	return f, err
}

// Show puts a console in front of u that runs command, an absolute path and its
// arguments, with the rights of u and these variables, and returns when that ends,
// its person logs out or locks their own console, or ctx ends. What was in front is
// there again then, unless its person has turned elsewhere. shown must be closed once
// what the command shows is there.
//
// nil means no more than that there was a prompt. The error is [ErrNobody] where none
// could be had, or ctx's cause.
func (c *Consoles) Show(ctx context.Context, command, env []string, shown <-chan struct{}, visits func(pid int) bool) error {
	if len(command) == 0 || !filepath.IsAbs(command[0]) {
		return errors.New("open a console: the command must start with an absolute path")
	}
	f, err := findFront(c.user, visits)
	if err != nil {
		return err
	}
	k, err := c.start(consoleJob{User: c.user, Was: f.number, Leader: f.leader.pid, Line: command, Env: env})
	if err != nil {
		return err
	}
	is, err := c.watch(ctx, k, shown)
	c.end(k, is)
	return err
}

// watch hears the keeper until all is over.
func (c *Consoles) watch(ctx context.Context, k *consoleKeeper, shown <-chan struct{}) (is consoleNews, err error) {
	late := time.NewTimer(c.wait)
	defer late.Stop()
	seen := false
	for {
		select {
		case m, told := <-k.news:
			switch {
			case !told && !seen:
				return is, errors.New("open a console: its keeper has ended")
			case !told:
				return is, nil // it was killed, and the prompt with it
			case m.Problem != "":
				return m, fmt.Errorf("%w: %s", ErrNobody, m.Problem)
			case m.Over && !seen && !closedBy(shown):
				return m, errors.New("open a console: what was to show the request there has ended")
			case m.Over:
				return m, nil
			}
			k.loan = m.Loan
			c.note(m.Loan)
		case <-shown:
			seen, shown = true, nil
			late.Stop()
		case <-late.C:
			return is, fmt.Errorf("open a console: the request wasn't shown within %s", c.wait)
		case <-ctx.Done():
			return is, context.Cause(ctx)
		}
	}
}

// closedBy reports whether a channel is closed by now.
func closedBy(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// start starts a keeper.
func (c *Consoles) start(job consoleJob) (*consoleKeeper, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return nil, errors.New("the agent is about to stop")
	case c.keeper != nil:
		return nil, fmt.Errorf("%w: a console is open", ErrNobody)
	case time.Now().Before(c.again):
		return nil, fmt.Errorf("%w: the last request on a console had no answer, and none is put there before %s", ErrNobody, c.again.Format("15:04:05"))
	}
	cmd := exec.Command("/proc/self/exe")
	cmd.Args, cmd.Env, cmd.Dir = []string{keeperName}, []string{"GOMAXPROCS=1"}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // signals for the agent are none for it
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("open a console: %w", err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open a console: %w", err), in.Close())
	}
	k := &consoleKeeper{in: in, news: make(chan consoleNews, 2), done: make(chan struct{})}
	go func() {
		defer close(k.done)
		_ = gob.NewEncoder(in).Encode(job) // one that is gone shows below
		d := gob.NewDecoder(out)
		for range cap(k.news) {
			var m consoleNews
			if d.Decode(&m) != nil {
				break
			}
			k.news <- m
		}
		close(k.news)
		_ = cmd.Wait()
	}()
	c.keeper = k
	return k, nil
}

// end has the keeper give the console back, waits for that, and does it itself where
// the keeper was killed.
func (c *Consoles) end(k *consoleKeeper, is consoleNews) {
	_ = k.in.Close()
	<-k.done
	for m := range k.news {
		if m.Loan != nil {
			k.loan = m.Loan
		}
		if m.Over {
			is = m
		}
	}
	if k.loan != nil && !is.Over {
		_ = reclaim(*k.loan)
	}
	c.note(nil)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keeper = nil
	switch {
	case is.Answered:
		c.rest, c.again = consoleRest, time.Time{}
	case k.loan != nil && is.Problem == "":
		c.again = time.Now().Add(c.rest)
		c.rest = min(2*c.rest, consoleRestMost)
	}
}

// Close takes down what is open and waits for that. No more are opened.
func (c *Consoles) Close() {
	c.mu.Lock()
	c.closed = true
	k := c.keeper
	c.mu.Unlock()
	if k != nil {
		_ = k.in.Close()
		<-k.done
	}
}

// borrowedNow is what the record says: of which start of the machine, and what.
type borrowedNow struct {
	Boot string
	Loan loan
}

// note keeps what is borrowed, or that nothing is.
func (c *Consoles) note(l *loan) {
	if l == nil {
		_ = os.Remove(c.record)
		return
	}
	if text, err := json.Marshal(borrowedNow{boot(), *l}); err == nil {
		_ = os.WriteFile(c.record, text, 0o600) // without it the keeper still gives it back
	}
}

// boot is the number of this start of the machine; empty: not known.
func boot() string {
	text, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // empty is the answer
	return strings.TrimSpace(string(text))
}

// Restore gives back what an agent left that was killed together with its keeper.
func (c *Consoles) Restore() error {
	text, err := os.ReadFile(c.record)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("give a console back: %w", err)
	}
	defer c.note(nil)
	var was borrowedNow
	if err := json.Unmarshal(text, &was); err != nil || was.Boot != boot() || was.Loan.Number < 1 || was.Loan.Number > maxConsole {
		return nil //nolint:nilerr // of another start, or cut: there is nothing to be given back
	}
	f := front{number: was.Loan.Number}
	if err := f.lookTerminal(func(int) bool { return false }); err != nil || f.leader.pid != 0 || f.owner != c.user.UID {
		return err // the keeper lives and gives it back, or somebody has it by now
	}
	return reclaim(was.Loan)
}
