package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"

	"accord/acl"
)

// The service's log is in the state folder; the one before has .1 behind its name.
const (
	serviceLogName = "service.log"
	serviceLogMost = 4 << 20 // bytes, of each
)

// serveService is the agent as the service that the service control manager starts.
func (c *call) serveService(ctx context.Context, path string) error {
	// Who logs off stops what runs on a console, and a service has none.
	err := svc.Run(serviceName, &service{ctx: context.WithoutCancel(ctx), call: c, path: path})
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		return errors.New("only Windows starts this; a person runs accord agent")
	}
	return err
}

// service is an agent that runs until the service control manager stops it.
type service struct {
	ctx  context.Context //nolint:containedctx // svc.Handler is given none
	call *call
	path string // of the configuration
}

// Execute implements [svc.Handler]. An agent that fails gives the service's own exit
// code 1, which is a failure after which it is started again.
func (s *service) Execute(_ []string, asked <-chan svc.ChangeRequest, told chan<- svc.Status) (own bool, code uint32) {
	ctx, stop := context.WithCancel(s.ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- s.logged(ctx) }()
	told <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	for {
		select {
		case err := <-ended:
			if err != nil {
				return true, exitFailed
			}
			return false, 0
		case r := <-asked:
			switch r.Cmd {
			case svc.Interrogate:
				told <- r.CurrentStatus
			case svc.Stop, svc.Shutdown:
				told <- svc.Status{State: svc.StopPending, WaitHint: uint32(serviceStops.Milliseconds())}
				stop()
			}
		}
	}
}

// logged runs the agent with a standard error that goes to the log, for the releases
// too that run in place of this program.
func (s *service) logged(ctx context.Context) error {
	log, err := openServiceLog(s.stateFolder())
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return errors.Join(fmt.Errorf("make a pipe to the log: %w", err), log.Close())
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		_, _ = io.Copy(log, r)
	}()
	os.Stderr = w // a service has none
	c := *s.call
	c.stderr = w
	err = runAgent(ctx, &c, []string{"--config", s.path})
	if err != nil {
		_, _ = fmt.Fprintf(w, "accord: %s\n", err)
	}
	_ = w.Close()
	<-copied
	return errors.Join(err, r.Close(), log.Close())
}

// stateFolder is the agent's, by its configuration; where that can't be read, the
// one of an agent that has none.
func (s *service) stateFolder() string {
	f, err := readConfig(s.path, true)
	if err != nil {
		return defaults().Agent.State
	}
	return f.Agent.State
}

// serviceLog is a file that is put aside when it is full. What can't be written is
// lost: an agent doesn't wait for its log.
type serviceLog struct {
	mu   sync.Mutex
	path string
	file *os.File
	size int64
}

func openServiceLog(dir string) (*serviceLog, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the folder of the log: %w", err)
	}
	if err := acl.Keep(dir); err != nil {
		return nil, err
	}
	l := &serviceLog{path: filepath.Join(dir, serviceLogName)}
	return l, l.open()
}

func (l *serviceLog) open() error {
	file, err := os.OpenFile(l.path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(fmt.Errorf("open the log: %w", err), file.Close())
	}
	l.file, l.size = file, info.Size()
	return nil
}

// Write implements [io.Writer]; it never fails.
func (l *serviceLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file != nil && l.size+int64(len(p)) > serviceLogMost {
		_ = l.file.Close()
		l.file = nil
		if os.Rename(l.path, l.path+".1") != nil {
			_ = os.Truncate(l.path, 0)
		}
	}
	if l.file == nil && l.open() != nil {
		return len(p), nil
	}
	n, _ := l.file.Write(p)
	l.size += int64(n)
	return len(p), nil
}

// Close implements [io.Closer].
func (l *serviceLog) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}
