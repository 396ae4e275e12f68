//go:build linux || darwin || freebsd

package surface

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What the edge of a tmux session is made of. Each option that is changed is kept
// in an option of the session itself, so that what an agent left behind that was
// killed is put right by the next one.
const (
	edgeShown = "@accord-shown" // our status-left; no session without it was changed
	edgeSaved = "@accord-saved-"
	// edgeRoom is how many cells a text and what is around it may take.
	edgeRoom = 160
)

// edgeOptions are those that are changed, in this order.
func edgeOptions() []string { return []string{"status-left", "status-left-length", "status"} }

// Edge shows a clean text at the edge of all tmux sessions of u that somebody looks
// at, before what stands on the left of their status line, which gives way last where there is no room; an empty text puts all
// sessions back as they were. What the user has changed meanwhile stays as they have
// it. Servers that visits names are left out. It returns on how many sessions it is
// shown.
func Edge(ctx context.Context, u User, text string, visits func(pid int) bool) (int, error) {
	list, err := processes()
	if err != nil {
		return 0, fmt.Errorf("the edge of tmux: %w", err)
	}
	shown := 0
	var failures []error
	for _, s := range servers(list, u, visits) {
		n, err := s.edge(ctx, text)
		shown += n
		failures = append(failures, err)
	}
	return shown, errors.Join(failures...)
}

// edge does it on one server.
func (s server) edge(ctx context.Context, text string) (shown int, err error) {
	lines, err := s.ask(ctx, "list-sessions", "-F", "#{session_id}|#{session_attached}|#{?"+edgeShown+",1,0}")
	if err != nil {
		return 0, err
	}
	for _, line := range lines[:min(len(lines), maxServers)] {
		f := strings.Split(line, "|")
		if len(f) != 3 || !sessionID.MatchString(f[0]) {
			continue
		}
		e := edge{s, f[0]}
		switch ours := f[2] == "1"; {
		case text == "" && ours:
			err = errors.Join(err, e.restore(ctx))
		case text != "" && (ours || f[1] != "0"):
			if fail := e.show(ctx, text, ours); fail != nil {
				err = errors.Join(err, fail)
				continue
			}
			shown++
		}
	}
	return shown, err
}

// edge is one session.
type edge struct {
	server  server
	session string
}

// show puts a text there. The first time it keeps what was there.
func (e edge) show(ctx context.Context, text string, ours bool) error {
	if !ours {
		for _, name := range edgeOptions() {
			if err := e.save(ctx, name); err != nil {
				return err
			}
		}
	} else if now, err := e.get(ctx, "status-left"); err == nil {
		if was, err := e.get(ctx, edgeShown); err == nil && now != was {
			return nil // the user has set another since, and it is theirs
		}
	}
	left, err := e.before(ctx, "status-left")
	if err != nil {
		return err
	}
	length, err := e.before(ctx, "status-left-length")
	if err != nil {
		return err
	}
	n, _ := strconv.Atoi(length) // else none
	left = "#[fg=colour15,bg=colour160,bold] " + edgeText(text) + " #[default] " + left
	if err := e.set(ctx, edgeShown, left); err != nil {
		return err
	}
	err = errors.Join(e.set(ctx, "status-left", left), e.set(ctx, "status-left-length", strconv.Itoa(n+utf8.RuneCountInString(text)+4)))
	if status, serr := e.before(ctx, "status"); serr == nil && status == "off" {
		err = errors.Join(err, e.set(ctx, "status", "on"))
	}
	return err
}

// edgeText is a text as tmux shows it as it is: "#" would begin a format, which can
// run commands, and "%" a time.
func edgeText(text string) string {
	if utf8.RuneCountInString(text) > edgeRoom {
		text = string([]rune(text)[:edgeRoom])
	}
	return strings.NewReplacer("#", "＃", "%", "%%").Replace(text)
}

// save keeps an option: "=" and its value, or "-" where the session has none of its
// own.
func (e edge) save(ctx context.Context, name string) error {
	set, err := e.server.ask(ctx, "show-options", "-t", e.session, name)
	if err != nil {
		return err
	}
	kept := "-"
	if len(set) > 0 && set[0] != "" {
		value, err := e.get(ctx, name)
		if err != nil {
			return err
		}
		kept = "=" + value
	}
	return e.set(ctx, edgeSaved+name, kept)
}

// before is an option as it was before us, the session's own or the one in force
// for all.
func (e edge) before(ctx context.Context, name string) (string, error) {
	kept, err := e.get(ctx, edgeSaved+name)
	if err != nil {
		return "", err
	}
	if value, own := strings.CutPrefix(kept, "="); own {
		return value, nil
	}
	lines, err := e.server.ask(ctx, "show-options", "-gv", name)
	return strings.Join(lines, "\n"), err
}

// restore puts the session back as it was. A status-left that isn't ours any more
// is the user's, who keeps it.
func (e edge) restore(ctx context.Context) error {
	now, err := e.get(ctx, "status-left")
	if err != nil {
		return err
	}
	was, err := e.get(ctx, edgeShown)
	if err != nil {
		return err
	}
	for _, name := range edgeOptions() {
		if kept, gerr := e.get(ctx, edgeSaved+name); gerr == nil && e.ours(ctx, name, now == was) {
			if value, own := strings.CutPrefix(kept, "="); own {
				err = errors.Join(err, e.set(ctx, name, value))
			} else if kept == "-" {
				err = errors.Join(err, e.unset(ctx, name))
			}
		}
		err = errors.Join(err, e.unset(ctx, edgeSaved+name))
	}
	return errors.Join(err, e.unset(ctx, edgeShown)) // last: what is cut short is done again
}

// ours reports whether an option is still as we have set it.
func (e edge) ours(ctx context.Context, name string, left bool) bool {
	switch name {
	case "status-left":
		return left
	case "status":
		was, err := e.before(ctx, name)
		return err == nil && was == "off"
	}
	return true
}

// get is an option that the session itself has, "" without it.
func (e edge) get(ctx context.Context, name string) (string, error) {
	lines, err := e.server.ask(ctx, "show-options", "-qv", "-t", e.session, name)
	return strings.Join(lines, "\n"), err
}

func (e edge) set(ctx context.Context, name, value string) error {
	// tmux takes a last semicolon for the end of its own command.
	if head, ok := strings.CutSuffix(value, ";"); ok {
		value = head + `\;`
	}
	_, err := e.server.ask(ctx, "set-option", "-t", e.session, name, value)
	return err
}

func (e edge) unset(ctx context.Context, name string) error {
	_, err := e.server.ask(ctx, "set-option", "-qu", "-t", e.session, name)
	return err
}
