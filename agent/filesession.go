package agent

import (
	"errors"
	"fmt"
	"io"
	"sync"

	"accord/agent/far"
	serving "accord/agent/files"
	"accord/agent/proc"
	"accord/wire"
	"accord/wire/files"
)

// InsideFiles is the name in [proc.Inside] of what serves files.
const InsideFiles = "files"

// copying is a session that copies files. What both sides say is followed here
// too: each question is asked of the judge, and the device's user sees each file
// as it goes.
type copying struct {
	session *session
	sftp    *files.SFTP // one of the two, or none for rsync, which nobody can follow
	rcp     *files.RCP
	source  bool          // of rcp: the technician's side is the source
	ended   chan struct{} // closed when the process's output has ended
	both    sync.WaitGroup
}

// serveFiles starts what serves files, for SFTP or for a tool.
func (s *session) serveFiles(tool *files.Command) bool {
	granted, spec, err := s.filesSpec(tool)
	if err != nil {
		s.refuse(err)
		return false
	}
	s.pty = nil // a terminal would change bytes
	s.followed = tool == nil || tool.Tool != files.ToolRsync
	for _, d := range granted[1:] {
		s.also = append(s.also, capabilityOf(d))
	}
	if !s.launch(capabilityOf(granted[0]), spec, nil) {
		return false
	}
	s.files = s.newCopying(tool)
	return true
}

// copyBy runs the other half of a tool that copies files. One that can't be kept
// to the owner's folders is a command like any other.
func (s *session) copyBy(tool files.Command, command string) bool {
	if s.visit.agent.far == nil && s.visit.agent.cfg.Files.keeps(tool) {
		return s.serveFiles(&tool)
	}
	if _, err := s.visit.agent.may(s.visit.id(), wire.Shell); err != nil {
		s.refuse(fmt.Errorf("%s can't be kept to the folders that this device's owner allows, so it needs a shell; use sftp or scp instead", tool.Tool))
		return false
	}
	return s.start(command)
}

// mayCopy is asked for each question: what is taken back ends at once.
func (s *session) mayCopy(d files.Direction) bool {
	_, err := s.visit.agent.may(s.visit.id(), capabilityOf(d))
	return err == nil
}

// grantedFiles are the directions that a tool may be started with; SFTP can do
// with either.
func (s *session) grantedFiles(tool *files.Command) ([]files.Direction, error) {
	needs := []files.Direction{files.Get, files.Put}
	if tool != nil {
		needs = tool.Needs
	}
	var granted []files.Direction
	var no error
	for _, d := range needs {
		if _, err := s.visit.agent.may(s.visit.id(), capabilityOf(d)); err != nil {
			no = err
			continue
		}
		granted = append(granted, d)
	}
	if no != nil && (tool != nil || len(granted) == 0) {
		return nil, no
	}
	return granted, nil
}

// filesSpec is what to start: a program of the device's, or this one's own work.
func (s *session) filesSpec(tool *files.Command) (granted []files.Direction, spec proc.Spec, err error) {
	if granted, err = s.grantedFiles(tool); err != nil {
		return nil, spec, err
	}
	if spec.Account, err = s.visit.account(s.login); err != nil {
		return nil, spec, err
	}
	if s.visit.agent.far != nil {
		spec.Inside = far.SFTP
		return granted, spec, nil
	}
	if tool != nil && tool.Tool == files.ToolRsync {
		spec.Args, err = findRsync(*tool, spec.Account)
		return granted, spec, err
	}
	cfg := s.visit.agent.cfg.Files
	task := serving.Task{Granted: granted, Read: cfg.Read, Write: cfg.Write, Home: spec.Account.Home, Copy: tool}
	if spec.Input, err = task.Encode(); err != nil {
		return nil, spec, fmt.Errorf("say what files to serve: %w", err)
	}
	spec.Inside = InsideFiles
	return granted, spec, nil
}

func (s *session) newCopying(tool *files.Command) *copying {
	c := &copying{session: s, ended: make(chan struct{})}
	switch {
	case tool == nil:
		c.sftp = files.NewSFTP(s.mayCopy, &s.visit.moving)
	case tool.Tool == files.ToolSCP:
		c.rcp, c.source = files.NewRCP(*tool, s.mayCopy, &s.visit.moving), tool.Direction() == files.Put
	}
	c.both.Add(2)
	go func() { // ends with the session's process, which closes both
		c.both.Wait()
		c.end()
	}()
	return c
}

// end ends what was still on its way.
func (c *copying) end() {
	switch {
	case c.sftp != nil:
		_ = c.sftp.End() // the user's screen can't fail
	case c.rcp != nil:
		_ = c.rcp.End()
	}
}

// held is a writer that waits while the visit is paused.
type held struct {
	to io.Writer
	h  *hold
}

func (w held) Write(p []byte) (int, error) { return write(w.to, p, w.h) }

// up moves what comes from the technician.
func (c *copying) up() {
	defer c.both.Done()
	s := c.session
	defer func() { _ = s.proc.Stdin().Close() }()
	to := held{s.proc.Stdin(), s.visit.hold}
	var err error
	if c.sftp != nil {
		err = c.sftp.Up(s.ch, to, held{s.ch, s.visit.hold}, c.ended)
	} else {
		err = c.follow(s.ch, to, c.source)
	}
	c.failed(err)
}

// down moves what the device answers, and then nothing more comes.
func (c *copying) down() {
	defer c.both.Done()
	defer close(c.ended)
	s := c.session
	to := held{s.ch, s.visit.hold}
	var err error
	if c.sftp != nil {
		err = c.sftp.Down(s.proc.Stdout(), to)
	} else {
		err = c.follow(s.proc.Stdout(), to, !c.source)
	}
	c.failed(err)
	// When nobody reads any more the process must not block on it.
	_, _ = io.Copy(io.Discard, s.proc.Stdout())
}

// follow moves bytes; source says whose.
func (c *copying) follow(from io.Reader, to io.Writer, source bool) error {
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		if n > 0 {
			if rerr := c.heard(buf[:n], source); rerr != nil {
				return rerr
			}
			if _, werr := to.Write(buf[:n]); werr != nil {
				return werr
			}
		}
		if err != nil {
			return nil //nolint:nilerr // its end
		}
	}
}

func (c *copying) heard(p []byte, source bool) error {
	switch {
	case c.rcp == nil:
		return nil
	case source:
		return c.rcp.Source(p)
	}
	return c.rcp.Sink(p)
}

// failed ends a session of which one side says what can't be, or wants what was
// taken back.
func (c *copying) failed(err error) {
	if !errors.Is(err, files.ErrNonsense) && !errors.Is(err, files.ErrRefused) {
		return
	}
	s := c.session
	s.visit.agent.log.Warn("a session that copies files was ended", "visit", s.visit.id(), "why", wire.Clean(err.Error(), wire.MaxReason))
	go s.proc.Kill()
}
