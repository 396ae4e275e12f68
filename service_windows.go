package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"

	"accord/acl"
)

// serviceName is the agent's in the list of services.
const serviceName = "AccordAgent"

// How the service is restarted when the agent fails: after that long, and the count
// of failures begins anew after a day.
const (
	serviceRestart = 10 * time.Second
	serviceForgets = 24 * 60 * 60 // seconds
)

// serviceStops is how long an agent has to end its visits, and serviceTick how often
// it is looked whether it has.
const (
	serviceStops = time.Minute
	serviceTick  = 100 * time.Millisecond
)

// systemVerbs are those that only Windows has.
func systemVerbs() []verb { return []verb{serviceVerb()} }

func serviceVerb() verb {
	return verb{
		name:  "service",
		usage: "install|remove|run [--config FILE]",
		line:  "make the agent a service of Windows, or take it away",
		help: `Makes the agent a service that starts with Windows, as the system's own account,
and is started again when it fails; and starts it. Run it as an administrator,
when the device has joined its gateway. The configuration must name in agent.user
the account whose person answers, because the system's is nobody's.

The program stays where it is and must be kept from other accounts, as in
C:\Program Files\Accord. Its log is service.log in the folder agent.state.

With remove the service is stopped, which ends its visits, and taken away; its
configuration, key and receipts stay. With run it is the service, as Windows
starts it; a person runs accord agent.

Options:
  -c, --config FILE   the configuration; else agent.toml in
                      C:\ProgramData\Accord

Examples:
  accord service install
  accord service remove`,
		run: runService,
	}
}

func runService(ctx context.Context, c *call, args []string) error {
	fs := flags("service")
	path := stringFlag(fs, "config", "c", filepath.Join(etc(), "agent.toml"))
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	switch {
	case len(rest) == 1 && rest[0] == "install":
		return c.installService(*path)
	case len(rest) == 1 && rest[0] == "remove":
		return c.removeService(ctx)
	case len(rest) == 1 && rest[0] == "run":
		return c.serveService(ctx, *path)
	}
	return usage("service", "say install or remove")
}

// installService makes the service and starts it.
func (c *call) installService(path string) error {
	path, err := filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("find the configuration: %w", err)
	}
	if err := acl.Publish(etc()); err != nil {
		return err
	}
	f, err := readConfig(path, true)
	if err != nil {
		return err
	}
	if f.Agent.User == "" {
		return &configError{fmt.Errorf("%s names no agent.user: write whose person answers at this device", path)}
	}
	me, err := self()
	if err != nil {
		return err
	}
	if err := kept(me[0]); err != nil {
		return err
	}
	if err := makeService(me[0], path); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.stdout, "The service %s was started, and starts with Windows from now on.\nIts log: %s\n",
		serviceName, filepath.Join(f.Agent.State, serviceLogName))
	return err
}

// kept refuses a program that another account could replace: it runs as the system.
func kept(program string) error {
	dir := filepath.Dir(program)
	err := errors.Join(acl.Unchanged(program), acl.Unchanged(dir))
	for above := filepath.Dir(dir); err == nil && above != dir; dir, above = above, filepath.Dir(above) {
		err = acl.InPlace(above)
	}
	if err != nil {
		return fmt.Errorf("the service would run a program that others can change; put it in C:\\Program Files\\Accord: %w", err)
	}
	return nil
}

// makeService tells the service control manager, and has it start the service.
func makeService(program, path string) error {
	m, err := services()
	if err != nil {
		return err
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.CreateService(serviceName, program, mgr.Config{
		ServiceType: windows.SERVICE_WIN32_OWN_PROCESS, StartType: mgr.StartAutomatic, ErrorControl: mgr.ErrorNormal,
		DisplayName: "Accord agent", Description: "Lets technicians reach this device with the yes of its user.",
	}, "service", "run", "--config", path) // no account: LocalSystem
	if errors.Is(err, windows.ERROR_SERVICE_EXISTS) {
		return fmt.Errorf("the service %s is there already: accord service remove takes it away", serviceName)
	}
	if err != nil {
		return fmt.Errorf("make the service %s: %w", serviceName, err)
	}
	defer func() { _ = s.Close() }()
	again := mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: serviceRestart}
	if err := s.SetRecoveryActions([]mgr.RecoveryAction{again, again, again}, serviceForgets); err != nil {
		return errors.Join(fmt.Errorf("have the service %s restarted when it fails: %w", serviceName, err), s.Delete())
	}
	// An agent that ends with an error has failed, too. Every Windows takes this, and
	// wine 8 doesn't know it.
	if err := s.SetRecoveryActionsOnNonCrashFailures(true); err != nil && !errors.Is(err, windows.ERROR_INVALID_LEVEL) {
		return errors.Join(fmt.Errorf("have the service %s restarted when it fails: %w", serviceName, err), s.Delete())
	}
	if err := s.Start(); err != nil {
		return fmt.Errorf("the service %s was made, and starts with Windows, but not now: %w", serviceName, err)
	}
	return nil
}

// removeService stops the service and takes it away.
func (c *call) removeService(ctx context.Context) error {
	m, err := services()
	if err != nil {
		return err
	}
	defer func() { _ = m.Disconnect() }()
	s, err := m.OpenService(serviceName)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return fmt.Errorf("there is no service %s", serviceName)
	}
	if err != nil {
		return fmt.Errorf("find the service %s: %w", serviceName, err)
	}
	defer func() { _ = s.Close() }()
	if err := stopService(ctx, s); err != nil {
		return fmt.Errorf("stop the service %s, which is not removed: %w", serviceName, err)
	}
	if err := s.Delete(); err != nil {
		return fmt.Errorf("remove the service %s: %w", serviceName, err)
	}
	_, err = fmt.Fprintf(c.stdout, "The service %s is gone. Configuration, key and receipts are where they were.\n", serviceName)
	return err
}

// stopService returns when the service has stopped.
func stopService(ctx context.Context, s *mgr.Service) error {
	if _, err := s.Control(svc.Stop); errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return nil
	} else if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, serviceStops)
	defer cancel()
	tick := time.NewTicker(serviceTick)
	defer tick.Stop()
	for {
		now, err := s.Query()
		if err != nil || now.State == svc.Stopped {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it has not stopped: %w", ctx.Err())
		}
	}
}

// services is the service control manager, as administrators may use it.
func services() (*mgr.Mgr, error) {
	m, err := mgr.Connect()
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		return nil, errors.New("only administrators may do this: open the terminal with \"Run as administrator\"")
	}
	if err != nil {
		return nil, fmt.Errorf("reach the service control manager: %w", err)
	}
	return m, nil
}
