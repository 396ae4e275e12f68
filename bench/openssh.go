//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// runSSHD is where an sshd of root wants an empty folder.
const runSSHD = "/run/sshd"

// startSSHD starts the two sshd. A home folder without files keeps a slow shell
// start out of the figures.
func (l *lab) startSSHD(ctx context.Context) error {
	program, err := exec.LookPath("sshd")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/sshd"); err != nil {
			return fmt.Errorf("there is no sshd to compare with: install openssh-server; it needs not run: %w", err)
		}
	}
	if os.Getuid() == 0 {
		if err := os.Mkdir(runSSHD, 0o755); err == nil {
			l.madeRun = true
		}
	}
	if err := errors.Join(l.generate("sshd_key"), l.write("authorized_keys", "%s\n", l.line), os.Mkdir(l.path("home"), 0o700)); err != nil {
		return err
	}
	if l.jump, err = l.sshd(ctx, program, "jump", l.ports.jump); err != nil {
		return err
	}
	l.target, err = l.sshd(ctx, program, "target", l.ports.target)
	return err
}

func (l *lab) sshd(ctx context.Context, program, name string, port int) (*daemon, error) {
	err := l.write(name+".conf", `ListenAddress 127.0.0.1
Port %d
HostKey %s
AuthorizedKeysFile %s
SetEnv HOME=%s
PidFile none
StrictModes no
UsePAM no
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
PrintLastLog no
UseDNS no
MaxStartups 200
MaxSessions 100
LogLevel ERROR
`, port, l.path("sshd_key"), l.path("authorized_keys"), l.path("home"))
	if err != nil {
		return nil, err
	}
	d, err := start(l.path(name+".log"), nil, program, "-D", "-e", "-f", l.path(name+".conf"))
	if err != nil {
		return nil, err
	}
	return d, d.answers(ctx, "tcp", loopback(port))
}
