package gateway

import (
	"context"
	"errors"
	"slices"

	"accord/policy"
	"accord/recordings"
	"accord/replay"
	"accord/tui"
	"accord/wire"
)

// watchFacts are what the policy must know of a visit.
func (v *visit) watchFacts() policy.WatchFacts {
	return policy.WatchFacts{Technician: v.person.Name, Key: v.person.fingerprint, Demanded: v.req.Watched, Hands: v.req.Hands}
}

// findVisit brings a visit that is asked for or open.
func (s *session) findVisit(id string) (*visit, error) {
	if v := s.gateway.visits.get(id); v != nil {
		return v, nil
	}
	return nil, errors.New("no visit of that number is open or asked for; `visits` lists them")
}

// notAllowed is a no of the policy to what somebody wants to do.
type notAllowed struct{ why string }

func (e *notAllowed) Error() string { return e.why }

// may notes a no of the policy, and turns it into an error.
func (s *session) may(what string, ok bool, why string) error {
	if ok {
		return nil
	}
	s.gateway.denied(s.person, what, why)
	return &notAllowed{why}
}

// watch shows a visit to who may see it, from its beginning on, until they leave
// or it ends. That they watch is told to everybody first.
func (s *session) watch(ctx context.Context, id string) error {
	v, err := s.findVisit(id)
	if err != nil {
		return err
	}
	p := s.person
	p.Person = s.me()
	ok, why := policy.MayWatch(p.Person, p.fingerprint, v.watchFacts())
	if err := s.may("watch "+v.req.Visit, ok, why); err != nil {
		return err
	}
	if !v.isOpen() {
		return errors.New("the visit is not open: its user has not answered")
	}
	w := &watcher{person: p}
	if err := v.enters(w); err != nil {
		return err
	}
	defer v.exits(w)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	updates, over := make(chan tui.Scene), make(chan struct{})
	go func() {
		defer close(over)
		s.scenes(ctx, v, updates, cancel)
	}()
	screen := s.watching(ctx, v, w)
	screen.Updates = updates
	err = s.watchAll(ctx, v, w, screen)
	cancel(nil)
	<-over
	return err
}

// watchAll shows the visit's shells, its screen when that is wanted, and the
// shells again.
func (s *session) watchAll(ctx context.Context, v *visit, w *watcher, screen tui.Watching) error {
	for {
		err := tui.WatchVisit(ctx, s.terminal(), screen)
		wanted, is := errors.AsType[tui.ScreenWanted](err)
		if !is {
			return err
		}
		newest := latestScene(screen.Scene, screen.Updates)
		err = s.watchScreen(ctx, v, w, wanted.Hands)
		screen.Scene = newest()
		if errors.Is(err, tui.ErrLeft) || ctx.Err() != nil {
			return err
		}
		if err != nil && !errors.Is(err, tui.ErrBack) {
			if err := s.notice(ctx, err); err != nil {
				return err
			}
		}
	}
}

// latestScene takes the scenes that come while none is shown; newest ends that,
// and is the last of them.
func latestScene(scene tui.Scene, updates <-chan tui.Scene) (newest func() tui.Scene) {
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case next, open := <-updates:
				if !open {
					return
				}
				scene = next
			case <-stop:
				return
			}
		}
	}()
	return func() tui.Scene {
		close(stop)
		<-done
		return scene
	}
}

// watching is the screen of a watcher.
func (s *session) watching(ctx context.Context, v *visit, w *watcher) tui.Watching {
	mayType, whyNot := policy.MayType(w.Person, w.fingerprint, v.watchFacts())
	keys := make(chan keystroke, keysMost)
	go v.typeKeys(ctx, w, keys)
	return tui.Watching{
		Scene: v.scene(s.phrases()), MayEnd: s.offers(policy.Kill), MayType: mayType, WhyNot: whyNot,
		Act: func(a tui.WatchAction) error {
			switch a := a.(type) {
			case tui.SayLine:
				return v.utter(w.Name, a.Text)
			case tui.StepIn:
				return s.stepIn(v, w, a.On)
			case tui.TypeInto:
				return enqueue(keys, keystroke{a.Shell, a.Keys})
			case tui.EndVisit:
				return s.endVisit(v, "")
			}
			return nil
		},
	}
}

// stepIn begins or ends the typing of a watcher.
func (s *session) stepIn(v *visit, w *watcher, on bool) error {
	if on {
		ok, why := policy.MayType(s.me(), w.fingerprint, v.watchFacts())
		if err := s.may("type in "+v.req.Visit, ok, why); err != nil {
			return err
		}
	}
	return v.typesToo(w, on)
}

// keystroke is what a watcher types into a shell.
type keystroke struct {
	shell string
	keys  []byte
}

// keysMost is how many keystrokes wait for a device that does not read.
const keysMost = 64

func enqueue(keys chan<- keystroke, k keystroke) error {
	select {
	case keys <- k:
		return nil
	default:
		return errors.New("the device does not take keys at the moment")
	}
}

// typeKeys types what a watcher who has stepped in types, until ctx ends. It
// may wait for the device as long as the shell's channel lasts; nobody waits
// for it.
func (v *visit) typeKeys(ctx context.Context, w *watcher, keys <-chan keystroke) {
	for {
		select {
		case k := <-keys:
			if in := v.audience.into(k.shell); in != nil && v.audience.typing(w) {
				_, _ = in.Write(k.keys) // a shell that has ended is seen to have
			}
		case <-ctx.Done():
			return
		}
	}
}

// endVisit ends a visit as its person, a supervisor, wants it.
func (s *session) endVisit(v *visit, why string) error {
	if err := s.allowed(policy.Kill, "kill "+v.req.Visit); err != nil {
		return err
	}
	v.end(ending{s.person.Name, wire.SupervisorEnded(s.person.Name, wire.Clean(why, wire.MaxLine))})
	return nil
}

// scenes tells a screen how the visit is, at each change, until it is over. A
// watcher who may not watch any more by the law in force is shown out.
func (s *session) scenes(ctx context.Context, v *visit, updates chan<- tui.Scene, out context.CancelCauseFunc) {
	defer close(updates)
	for {
		changed, public := v.audience.next(), s.gateway.changes.next()
		if ok, why := policy.MayWatch(s.me(), s.person.fingerprint, v.watchFacts()); !ok {
			out(ending{byPolicy, why})
			return
		}
		scene := v.scene(s.phrases())
		select {
		case updates <- scene:
		case <-ctx.Done():
			return
		}
		if scene.Over != "" {
			return
		}
		select {
		case <-changed:
		case <-public:
		case <-v.ctx.Done():
		case <-ctx.Done():
			return
		}
	}
}

// scene is how the visit is now.
func (v *visit) scene(ph *tui.Phrases) tui.Scene {
	over := ""
	if v.ctx.Err() != nil {
		over = v.why().in(ph)
	}
	a := v.audience
	scene := tui.Scene{
		Technician: v.person.Name, Full: v.req.Technician.Full, Device: v.home.device.Name, Reason: v.req.Reason, Ticket: v.req.Ticket,
		Capabilities: texts(v.may()), Until: v.until, Paused: a.isPaused(), Held: a.held(), Watchers: a.names(), Over: over,
		Screen: v.screens.live() != nil && v.grants(wire.ScreenView),
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.shells {
		shell := s.shell
		scene.Shells = append(scene.Shells, tui.LiveShell{
			ID: shell.Name(), Name: s.name, Ended: s.in == nil, Follow: func() (tui.Tail, error) { return follow(shell) },
		})
	}
	goesOn := slices.ContainsFunc(scene.Shells, func(l tui.LiveShell) bool { return !l.Ended })
	if shell, any := v.doings.live(ph, goesOn); any {
		scene.Shells = append(scene.Shells, shell)
	}
	for _, l := range a.lines {
		scene.Said = append(scene.Said, l.says(ph))
	}
	return scene
}

// follow opens a cast that may still be written.
func follow(shell *recordings.Shell) (tui.Tail, error) { return replay.Follow(shell) }

// awaitColleague waits where somebody must watch before anything is started, and
// says so.
func (s *session) awaitColleague(ctx context.Context, v *visit) error {
	if !v.audience.held() {
		return nil
	}
	s.say(s.phrases().Say("TellWaiting"))
	s.say(s.phrases().Say("TellHow", "Visit", v.req.Visit))
	if v.audience.pass(ctx.Done()) {
		return nil
	}
	if v.ctx.Err() != nil {
		return v.why()
	}
	return errGone
}

// name is what runs in a shell of a session, for those who watch.
func (s *session) name() string {
	if s.command == "" {
		return s.phrases().Say("WatchShell")
	}
	return wire.Clean(s.command, wire.MaxName)
}
