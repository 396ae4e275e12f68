package surface

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Times of windows.
const (
	// windowWait is how long a window has until the prompt in it shows: the program
	// that opens it says nothing of what becomes of it.
	windowWait = 20 * time.Second
	// openWait bounds how long the system has to take the order to open one.
	openWait = 10 * time.Second
)

// Windows are the windows of Terminal that one process has opened for its user.
// They may outlive the request that they were opened for: what they show knows
// when it is over.
type Windows struct {
	user User
	life context.Context //nolint:containedctx // its life is the windows'
	end  context.CancelFunc

	mu      sync.Mutex // held while one is added to opening
	opening sync.WaitGroup
}

// NewWindows opens none yet.
func NewWindows(u User) *Windows {
	w := &Windows{user: u}
	w.life, w.end = context.WithCancel(context.Background())
	return w
}

// Show opens a window of Terminal that runs command, an absolute path and its
// arguments, if the user is at the screen, and returns when ctx ends: nobody says
// that the window is closed but what it shows. shown must be closed once that is
// there.
//
// An error means that there was no window ([ErrNobody] where nothing could be
// tried), or it is ctx's cause.
func (w *Windows) Show(ctx context.Context, _ []Screen, command []string, shown <-chan struct{}) error {
	if len(command) == 0 || !filepath.IsAbs(command[0]) {
		return errors.New("open a window: the command must start with an absolute path")
	}
	if AtScreen() != w.user.UID {
		return fmt.Errorf("%w: they aren't at the screen", ErrNobody)
	}
	if err := w.openNew(ctx, command, shown); err != nil {
		return err
	}
	<-ctx.Done()
	return context.Cause(ctx)
}

// openNew opens one, unless Close was called.
func (w *Windows) openNew(ctx context.Context, command []string, shown <-chan struct{}) error {
	w.mu.Lock()
	if w.life.Err() != nil {
		w.mu.Unlock()
		return errors.New("the agent is about to stop")
	}
	w.opening.Add(1)
	w.mu.Unlock()
	defer w.opening.Done()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stop := context.AfterFunc(w.life, func() { cancel(errors.New("the agent stops")) })
	defer stop()
	folder, err := w.write(command)
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }() // Terminal has read it by then
	return w.open(ctx, filepath.Join(folder, commandName), shown)
}

// commandName is what the window is called. Terminal runs files that end so.
const commandName = "Accord.command"

// write writes the file that Terminal is to run, where the user can read it and
// nobody but this account change it.
func (w *Windows) write(command []string) (folder string, err error) {
	text, err := commandFile(nil, command)
	if err != nil {
		return "", err
	}
	if folder, err = os.MkdirTemp("/private/var/tmp", "accord-window-"); err != nil {
		return "", fmt.Errorf("open a window: %w", err)
	}
	if err = os.Chmod(folder, 0o755); err == nil { //nolint:gosec // what is asked is no secret
		err = os.WriteFile(filepath.Join(folder, commandName), []byte(text), 0o755) //nolint:gosec // likewise
	}
	if err != nil {
		_ = os.RemoveAll(folder)
		return "", fmt.Errorf("open a window: %w", err)
	}
	return folder, nil
}

// open has the system open the file with Terminal, and waits until what it runs is
// shown.
func (w *Windows) open(ctx context.Context, file string, shown <-chan struct{}) error {
	limit, cancel := context.WithTimeout(ctx, openWait)
	defer cancel()
	var said bounded
	cmd := w.opener(limit, file)
	cmd.Stderr = &said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("open a window of Terminal: %w%s", err, said.quoted())
	}
	late := time.NewTimer(windowWait)
	defer late.Stop()
	select {
	case <-shown:
		return nil
	case <-late.C:
		return fmt.Errorf("open a window of Terminal: the request wasn't shown within %s", windowWait)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// opener is open(1) in the user's session. Only root gets into the session of
// another account (launchctl(1), asuser), and is that account there by sudo.
func (w *Windows) opener(ctx context.Context, file string) *exec.Cmd {
	line := []string{"/usr/bin/open", "-b", "com.apple.Terminal", file}
	if os.Geteuid() == 0 && w.user.UID != 0 {
		uid := strconv.Itoa(w.user.UID)
		line = append([]string{"/bin/launchctl", "asuser", uid, "/usr/bin/sudo", "-n", "-u", "#" + uid, "--"}, line...)
	}
	cmd := exec.CommandContext(ctx, line[0], line[1:]...)
	cmd.Env, cmd.Dir, cmd.WaitDelay = []string{"PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=" + w.user.Home}, "/", time.Second
	return cmd
}

// Close ends what is being opened. No more are. Windows that are there are
// Terminal's.
func (w *Windows) Close() {
	w.mu.Lock()
	w.end()
	w.mu.Unlock()
	w.opening.Wait()
}
