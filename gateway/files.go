package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
	"accord/wire/files"
)

// subsystemSFTP is the one subsystem that there is.
const subsystemSFTP = "sftp"

// copies reports what a session copies files by: SFTP, or the other half of a
// tool. It is never what its command makes of a shell.
func (s *session) copies() (tool *files.Command, is bool) {
	if s.subsystem != "" {
		return nil, true
	}
	c, ok := files.ParseCommand(s.command)
	return &c, ok
}

// capabilityOf is what allows files to go in a direction.
func capabilityOf(d files.Direction) wire.Capability {
	if d == files.Put {
		return wire.FilesPut
	}
	return wire.FilesGet
}

// needs are the capabilities that a session is for: of files both directions for
// SFTP, which can do with either.
func (s *session) needs() []wire.Capability {
	tool, is := s.copies()
	switch {
	case !is:
		return []wire.Capability{allows(s.command)}
	case tool == nil:
		return []wire.Capability{wire.FilesGet, wire.FilesPut}
	}
	var list []wire.Capability
	for _, d := range tool.Needs {
		list = append(list, capabilityOf(d))
	}
	return list
}

// obtainableOf is what the rules and the device leave of what a session is for;
// all of it where nothing is left, so that what is asked for gets its reason.
func (s *session) obtainableOf(ctx context.Context, t target, wanted []string) []string {
	if s.subsystem == "" {
		return wanted
	}
	can := s.obtainable(ctx, t) // nothing where the device is away, which who asks is told
	left := slices.DeleteFunc(slices.Clone(wanted), func(c string) bool { return !slices.Contains(can, c) })
	if len(left) == 0 {
		return wanted
	}
	return left
}

// asksForMosh reports a command that mosh sends: its server on the device, or the
// line that asks for its address first.
func asksForMosh(command string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(command), " ")
	return path.Base(first) == "mosh-server" || strings.Contains(command, "MOSH SSH_CONNECTION")
}

// joins is the capability that a visit must have, or ask for, to be the one that
// this session is part of.
func (s *session) joins(t target) wire.Capability {
	needs := s.needs()
	for _, v := range s.gateway.visits.all() {
		if s.subsystem != "" && v.fits(s.person, t.device, t.login) && v.isOpen() && !v.grants(needs[0]) && v.grants(needs[1]) {
			return needs[1]
		}
	}
	return needs[0]
}

// relayFiles bridges a session that copies files with one on the device, until
// either ends. Each file is on the recording's timeline before its first byte
// goes on.
func (s *session) relayFiles(ctx context.Context, v *visit) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(v.ctx, cancel)()
	s.pty = nil // what these tools say is no text
	if err := s.awaitColleague(ctx, v); err != nil {
		return err
	}
	tool, _ := s.copies()
	needs := s.needs()
	if tool == nil && !v.grants(needs[0]) {
		needs = needs[1:]
	}
	for _, c := range needs[1:] {
		if tool != nil && !v.grants(c) {
			return fmt.Errorf("%w: %s was not granted for this visit, or was taken back", errNotStarted, c)
		}
	}
	ch, reqs, done, err := v.openSession(ctx, needs[0])
	if err != nil {
		return fmt.Errorf("%w: %w", errNotStarted, err)
	}
	defer done()
	cut, uncut := s.cutWith(ctx, ch)
	defer uncut()
	c := &copying{session: s, visit: v, tool: tool, in: newHands(ctx, v.audience, ch), ended: make(chan struct{})}
	told, silent := v.tells(s, nil, c.in)
	defer silent()
	defer c.in.close()
	if err := errors.Join(v.introduce(told), c.begin()); err != nil {
		go gossh.DiscardRequests(reqs)
		v.end(cannotRecord(err))
		return err
	}
	s.exit, err = c.bridge(ch, reqs, cut)
	if rerr := c.end(s.exit); rerr != nil && ended(rerr) != nil {
		v.end(cannotRecord(rerr))
		err = errors.Join(err, rerr)
	}
	return err
}

// copying is one session that copies files.
type copying struct {
	*filesJournal
	session *session
	visit   *visit
	tool    *files.Command // nil for SFTP
	in      *hands
	ended   chan struct{} // closed when nothing more comes from the device

	sftp   *files.SFTP
	rcp    *files.RCP
	opaque [2]opaque // of a tool that nobody can follow: to the device, and from it
}

// begin writes the session's begin on the timeline and makes what follows it.
func (c *copying) begin() (err error) {
	s, v := c.session, c.visit
	tool := subsystemSFTP
	if c.tool != nil {
		tool = string(c.tool.Tool)
	}
	if c.filesJournal, err = v.beginFiles(tool, s.command); err != nil {
		return err
	}
	may := func(d files.Direction) bool { return v.grants(capabilityOf(d)) }
	switch {
	case c.tool == nil:
		c.sftp = files.NewSFTP(may, c.filesJournal)
	case c.tool.Tool == files.ToolSCP:
		c.rcp = files.NewRCP(*c.tool, may, c.filesJournal)
	}
	return nil
}

// end ends what was on its way, and the session on the timeline.
func (c *copying) end(exit outcome) error {
	var err error
	switch {
	case c.sftp != nil:
		err = c.sftp.End()
	case c.rcp != nil:
		err = c.rcp.End()
	}
	return errors.Join(err, c.endFiles(exit, c.tool != nil && c.rcp == nil, &c.opaque))
}

// bridge starts the device's side and moves what both say.
func (c *copying) bridge(ch gossh.Channel, reqs <-chan *gossh.Request, cut <-chan struct{}) (outcome, error) {
	s := c.session
	exits := make(chan outcome, 1)
	go func() { exits <- takeExit(reqs, func(*gossh.Request) {}) }()
	if !c.in.pass() {
		return outcome{status: exitFailed}, errGone
	}
	s.program = s.command
	if err := s.startOn(ch, cut); err != nil {
		return outcome{status: exitFailed}, err
	}
	up := make(chan error, 1)
	raw := s.in.Raw()
	from, into := io.Pipe()
	go func() { into.CloseWithError(raw.Relay(into)) }() // ends with raw
	go func() {
		err := c.up(from, ch)
		_ = from.Close()
		up <- err
	}()
	err := c.down(ch, cut)
	close(c.ended)
	var exit outcome
	select {
	case exit = <-exits:
	case <-cut:
	}
	_ = raw.Close()
	_ = from.Close()
	c.in.close()
	select {
	case uerr := <-up:
		err = errors.Join(err, uerr)
	case <-cut:
	}
	if !exit.known {
		exit.status = exitFailed
	}
	return exit, c.why(err)
}

// why ends the session's story: what a side said wrong is told, a recorder that
// failed ends the visit, and that somebody went is nothing.
func (c *copying) why(err error) error {
	if failed := c.filesJournal.failed(); failed != nil {
		c.visit.end(cannotRecord(failed))
		return failed
	}
	if errors.Is(err, files.ErrNonsense) || errors.Is(err, files.ErrRefused) {
		c.visit.gateway.log.Warn("a session that copies files was ended", "visit", c.visit.req.Visit, "why", wire.Clean(err.Error(), wire.MaxReason))
		return err
	}
	return nil
}

// gated reads only while bytes may flow.
type gated struct {
	from io.Reader
	in   *hands
}

func (g gated) Read(p []byte) (int, error) {
	if !g.in.pass() {
		return 0, io.EOF
	}
	return g.from.Read(p)
}

// up moves what the technician's tool says.
func (c *copying) up(from io.Reader, ch gossh.Channel) (err error) {
	defer func() {
		_ = ch.CloseWrite()
		if err != nil {
			_ = ch.Close() // the other side hears no more of this
		}
	}()
	to := touching{c.in, c.visit}
	if c.sftp != nil {
		return c.sftp.Up(from, to, c.session.ch, c.ended)
	}
	return c.follow(from, to, true)
}

// down moves what the device says, and what goes wrong there.
func (c *copying) down(ch gossh.Channel, cut <-chan struct{}) error {
	var both sync.WaitGroup
	said := make(chan error, 1)
	both.Go(func() { c.complain(ch.Stderr()) })
	both.Go(func() {
		var err error
		if from := (gated{ch, c.in}); c.sftp != nil {
			err = c.sftp.Down(from, c.session.ch)
		} else {
			err = c.follow(from, c.session.ch, false)
		}
		if err != nil {
			_ = ch.Close()
		}
		said <- err
	})
	done := make(chan struct{})
	go func() {
		both.Wait()
		close(done)
	}()
	select {
	case <-done:
		return <-said
	case <-cut:
		return nil
	}
}

// follow moves bytes one way: up, to the device, or down.
func (c *copying) follow(from io.Reader, to io.Writer, up bool) error {
	buf := make([]byte, relayChunk)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if herr := c.heard(buf[:n], up); herr != nil {
				return herr
			}
			if _, werr := to.Write(buf[:n]); werr != nil {
				return nil // that side is gone, which ends the session
			}
		}
		if err != nil {
			return nil
		}
	}
}

// heard takes what goes one way, before it does.
func (c *copying) heard(p []byte, up bool) error {
	switch {
	case c.rcp == nil && up:
		return c.opaque[0].take(p)
	case c.rcp == nil:
		return c.opaque[1].take(p)
	case up == (c.tool.Direction() == files.Put):
		return c.rcp.Source(p)
	}
	return c.rcp.Sink(p)
}

// complain hands on what the device's side says on standard error, as much of it
// as people read. It is on the timeline first.
func (c *copying) complain(from io.Reader) {
	buf := make([]byte, 4<<10)
	for left := 64 << 10; ; {
		n, err := from.Read(buf)
		if n = min(n, left); n > 0 {
			if c.complained(buf[:n]) != nil {
				return
			}
			left -= n
			_, _ = c.session.ch.Stderr().Write(buf[:n])
		}
		if err != nil {
			return
		}
	}
}
