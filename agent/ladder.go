package agent

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"accord/agent/display"
	"accord/agent/proc"
	"accord/agent/surface"
	"accord/config"
	"accord/tui"
)

// Surfaces that the agent, and the user's helper, reach for by themselves, by the
// names of agent.surfaces, which are also those that the technician and the receipt
// are told.
const (
	surfaceTmux         = "tmux"         // a popup in the user's tmux
	surfaceWindow       = "window"       // a terminal in a window on the user's display
	surfaceConsole      = "console"      // a console of its own beside the one the user sits at
	surfaceLine         = "line"         // a line on the user's terminals
	surfaceNotification = "notification" // draws attention; nobody answers there
)

// allSurfaces are in the order in which they are tried.
func allSurfaces() []string {
	return []string{surfaceTmux, surfaceWindow, surfaceConsole, surfaceLine, surfaceNotification}
}

func checkSurfaces(list []string) error {
	for i, name := range list {
		if !slices.Contains(allSurfaces(), name) || slices.Contains(list[:i], name) {
			return config.Badf("surfaces", "%.40q is no surface, or stands twice; the surfaces are %q", name, allSurfaces())
		}
	}
	return nil
}

// ladder is how a user without a resident screen is reached: a popup in their
// tmux, a window on their display, a console of its own, else a line on their
// terminals. It runs in the agent, and in the user's own helper.
type ladder struct {
	log      *slog.Logger
	self     []string // the command that runs this program
	socket   string   // of the agent
	user     surface.User
	account  proc.Account // the same
	uses     []string     // of allSurfaces
	windows  *surface.Windows
	consoles *surface.Consoles // nil in a helper, which may take none
	edge     sync.Mutex        // held while the edge is changed
	// What shows notifications runs until life ends.
	notes sync.WaitGroup
	life  context.Context //nolint:containedctx // its life is the ladder's
	end   context.CancelFunc
}

func newLadder(a *Agent, self []string) *ladder {
	u := a.user
	user := surface.User{UID: u.UID, GID: u.GID, Groups: u.Groups, Name: u.Name, Home: u.Home}
	l := &ladder{log: a.log, self: self, socket: a.cfg.Socket, user: user, account: u, uses: a.cfg.Surfaces, windows: surface.NewWindows(user)}
	l.consoles = surface.NewConsoles(user, filepath.Join(a.cfg.State, "console"))
	l.life, l.end = context.WithCancel(context.Background())
	return l
}

// Open opens a prompt where the user can be reached first.
func (l *ladder) Open(ctx context.Context, nonce string, shown <-chan struct{}) error {
	var why []error
	var failed bool
	for _, rung := range []struct {
		name string
		open func(context.Context, []string, <-chan struct{}) error
	}{
		{surfaceTmux, l.popup}, {surfaceWindow, l.window}, {surfaceConsole, l.console},
	} {
		if !slices.Contains(l.uses, rung.name) {
			continue
		}
		answer := append(slices.Clone(l.self), "answer", "--socket", l.socket, "--request", nonce, "--surface", rung.name)
		err := rung.open(ctx, answer, shown)
		if err == nil || ctx.Err() != nil {
			return err
		}
		failed = failed || !errors.Is(err, surface.ErrNobody)
		why = append(why, err)
	}
	switch {
	case len(why) == 0:
		return surface.ErrNobody
	case failed:
		return errors.New(errors.Join(why...).Error()) // trying again would do no good
	}
	return errors.Join(why...)
}

// popup opens one in the user's most recent tmux client. It speaks the language of
// that tmux, and plainly if any of their programs does.
func (l *ladder) popup(ctx context.Context, answer []string, _ <-chan struct{}) error {
	popup, err := surface.FindPopup(ctx, l.user, proc.Belongs)
	if err != nil {
		return err
	}
	var env []string
	if plain := l.habits().Plain; plain != "" {
		env = append(env, "ACCORD_PLAIN="+plain)
	}
	return popup.Show(ctx, answer, env)
}

// window opens one on the user's display. After a yes it stays and shows the visit.
func (l *ladder) window(ctx context.Context, answer []string, shown <-chan struct{}) error {
	if consoleWindows {
		return l.consoleWindow(ctx, append(answer, "--stay"), shown)
	}
	var screens []surface.Screen
	for _, d := range display.Find(l.user.UID, proc.Belongs) {
		screens = append(screens, surface.Screen{
			Name: d.Name(), Wayland: d.Wayland != "", Env: d.Environment(), Habits: surface.Habits{Locale: d.Locale, Plain: d.Plain},
		})
	}
	return l.windows.Show(ctx, screens, append(answer, "--stay"), shown)
}

// console puts one in front of the user, and what they looked at back after the
// answer.
func (l *ladder) console(ctx context.Context, answer []string, shown <-chan struct{}) error {
	if l.consoles == nil {
		return surface.ErrNobody
	}
	return l.consoles.Show(ctx, answer, l.habits().Environment(), shown, proc.Belongs)
}

// Locked knows windows, which are on the user's screens, and lines where they sit at
// nothing but a console.
func (l *ladder) Locked(ctx context.Context, on string) bool {
	switch on {
	case surfaceWindow:
		return surface.SessionLocked(ctx, l.user)
	case surfaceLine:
		return surface.ConsoleLocked(ctx, l.user, proc.Belongs)
	}
	return false
}

// Restore puts right what an agent left that was killed.
func (l *ladder) Restore(ctx context.Context) {
	if err := l.consoles.Restore(); err != nil {
		l.log.Warn("a console that an earlier agent took is not given back", "error", err)
	}
	l.Edge(ctx, "")
}

// Notes starts a process of the user's in the session of their display, which shows
// notifications as long as there is something to tell.
func (l *ladder) Notes(ended func(error)) { l.notes.Go(func() { ended(l.note()) }) }

func (l *ladder) note() error {
	for _, d := range display.Find(l.user.UID, proc.Belongs) {
		if d.Bus == "" && d.Runtime == "" {
			continue
		}
		line := append(slices.Clone(l.self), "user", "--helper", "--notes-only", "--socket", l.socket)
		return surface.Run(l.life, l.user, append(d.Environment(), "LC_ALL="+d.Locale), line...)
	}
	return surface.ErrNobody
}

// Edge shows a text at the edge of the user's tmux; with none, all of it is as it
// was before.
func (l *ladder) Edge(ctx context.Context, text string) {
	if !slices.Contains(l.uses, surfaceTmux) {
		return
	}
	l.edge.Lock() // what an earlier agent left is put right before anything is shown
	defer l.edge.Unlock()
	if _, err := surface.Edge(ctx, l.user, text, proc.Belongs); err != nil {
		l.log.Info("the edge of the user's tmux", "error", err)
	}
}

// Close ends what is still open.
func (l *ladder) Close() {
	l.end()
	l.windows.Close()
	l.consoles.Close()
	l.notes.Wait()
}

// Line writes on the terminals of the user, but for those of visits.
func (l *ladder) Line(ctx context.Context, text string) int {
	if !slices.Contains(l.uses, surfaceLine) {
		return 0
	}
	n, err := surface.Line(ctx, l.user, text, proc.Belongs)
	if err != nil {
		l.log.Warn("the user's terminals", "error", err)
	}
	return n
}

// habits are the user's, as their own processes have them; else the agent's.
func (l *ladder) habits() surface.Habits {
	h := surface.OwnHabits(l.user, proc.Belongs)
	if h.Locale == "" {
		for _, d := range display.Find(l.user.UID, proc.Belongs) {
			h = h.Or(surface.Habits{Locale: d.Locale, Plain: d.Plain})
		}
	}
	return h.Or(surface.Habits{Locale: cmp.Or(os.Getenv("LC_ALL"), os.Getenv("LC_MESSAGES"), os.Getenv("LANG"))})
}

func (l *ladder) Phrases() *tui.Phrases { return tui.PhrasesFor(l.habits().Locale) }
