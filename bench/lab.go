//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// lab is everything that is measured: two sshd, of which one is the way to the
// other, and a gateway with a device.
type lab struct {
	dir    string
	accord string // the binary
	me     string // the account all of it runs as
	key    ssh.Signer
	line   string // the key, as in authorized_keys
	ports  struct{ jump, target, technicians, agents int }

	jump, target, gateway, agent *daemon
	person                       *approver
	holder                       *exec.Cmd // the session that keeps the visit open
	hold                         io.Closer
	madeRun                      bool // /run/sshd was made here
}

// newLab sets all of it up. What is up already is taken down when it fails.
func newLab(ctx context.Context, binary string) (*lab, error) {
	dir, err := os.MkdirTemp("", "accord-bench-")
	if err != nil {
		return nil, err
	}
	l := &lab{dir: dir, accord: binary}
	if err := l.set(ctx); err != nil {
		return nil, errors.Join(err, l.close())
	}
	return l, nil
}

func (l *lab) set(ctx context.Context) error {
	who, err := user.Current()
	if err != nil {
		return err
	}
	l.me = who.Username
	for _, port := range []*int{&l.ports.jump, &l.ports.target, &l.ports.technicians, &l.ports.agents} {
		if *port, err = freePort(); err != nil {
			return err
		}
	}
	if l.accord == "" {
		if err := l.build(ctx); err != nil {
			return err
		}
	}
	for _, step := range []func(context.Context) error{l.makeKey, l.writeClient, l.startSSHD, l.startGateway, l.startAgent, l.openVisit} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// build makes the binary as `make build` does.
func (l *lab) build(ctx context.Context) error {
	l.accord = filepath.Join(l.dir, "accord")
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", l.accord, ".")
	cmd.Env, cmd.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build accord (run this in the module's folder): %w", err)
	}
	return nil
}

// makeKey makes the one key of the technician, who is the admin too.
func (l *lab) makeKey(context.Context) error {
	if err := l.generate("technician"); err != nil {
		return err
	}
	text, err := os.ReadFile(l.path("technician"))
	if err != nil {
		return err
	}
	if l.key, err = ssh.ParsePrivateKey(text); err != nil {
		return err
	}
	l.line = strings.TrimSpace(string(ssh.MarshalAuthorizedKey(l.key.PublicKey())))
	return nil
}

func (l *lab) generate(name string) error {
	out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bench", "-f", l.path(name)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("ssh-keygen: %w: %s", err, out)
	}
	return nil
}

func (l *lab) path(name string) string { return filepath.Join(l.dir, name) }

func (l *lab) write(name, format string, args ...any) error {
	return os.WriteFile(l.path(name), fmt.Appendf(nil, format, args...), 0o600)
}

// loopback is the address of a port here.
func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// writeClient writes the settings of the stock client. A name ending in -aes
// takes the same cipher and key exchange on every hop; the others take what the
// client and the servers agree on.
func (l *lab) writeClient(context.Context) error {
	return l.write("ssh_config", `Host *-aes
  Ciphers aes128-gcm@openssh.com
  KexAlgorithms curve25519-sha256
Host accord accord-aes
  User bench
  Port %d
Host jump jump-aes
  Port %d
Host direct direct-aes jumped jumped-aes
  Port %d
Host jumped
  ProxyJump jump
Host jumped-aes
  ProxyJump jump-aes
Host *
  HostName 127.0.0.1
  User %s
  IdentityFile %s
  IdentitiesOnly yes
  UserKnownHostsFile /dev/null
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking no
  PreferredAuthentications publickey
  ControlMaster no
  LogLevel ERROR
`, l.ports.technicians, l.ports.jump, l.ports.target, l.me, l.path("technician"))
}

// ssh is a stock client for one of the names in its settings.
func (l *lab) ssh(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ssh", append([]string{"-F", l.path("ssh_config")}, args...)...)
	cmd.WaitDelay = 2 * time.Second
	return cmd
}

// close takes everything down, in the order that leaves the least waiting.
func (l *lab) close() error {
	l.leaveVisit()
	if l.person != nil {
		l.person.close()
	}
	l.agent.stop()
	l.gateway.stop()
	l.jump.stop()
	l.target.stop()
	if l.madeRun {
		_ = os.Remove(runSSHD)
	}
	return os.RemoveAll(l.dir)
}

// leaveVisit ends the session that keeps the visit open.
func (l *lab) leaveVisit() {
	if l.holder == nil {
		return
	}
	_ = l.hold.Close()
	_ = l.holder.Wait()
	l.holder = nil
}
