package gateway

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"accord/gateway/store"
	"accord/wire"
)

// Limits of joining.
const (
	joinLimit   = time.Minute // of the whole connection, and until a link is held
	hostKeyWait = 20 * time.Second
	hostKeyMost = 16 << 10 // bytes
)

// Files in the folder of a stand-in, besides its receipts.
const (
	standInFile = "key"   // its own, which signs receipts: the device's identity here
	loginFile   = "login" // that logs in at the device's sshd
)

// agentlessFolder is where what belongs to a stand-in with this key is kept.
func (g *Gateway) agentlessFolder(key gossh.PublicKey) string {
	return filepath.Join(g.cfg.State, "agentless", wire.Digest(string(key.Marshal()))[:32])
}

// join is the story of `ssh join@gateway TOKEN ACCOUNT < HOSTKEY.pub`. failing
// tells the guard of a wrong token.
func (s *session) join(ctx context.Context, failing func()) int {
	line, d, err := s.joined(ctx)
	if err != nil {
		failing()
		s.gateway.denied(person{address: s.person.address}, "enrolment without an agent", wire.Clean(err.Error(), wire.MaxReason))
		s.say(s.sentence(err))
		return exitFailed
	}
	s.print(line + "\n")
	_, _ = io.WriteString(s.ch.Stderr(), s.phrases().Say("GwJoinedAgentless", "Device", d.Name, "Login", d.Login)+"\r\n")
	return exitOK
}

var errJoinUsage = errors.New(`joining takes a token and the account that visits will use: ssh … join@gateway TOKEN "$(id -un)" < /etc/ssh/ssh_host_ed25519_key.pub`)

// joined reads what is asked for and enrols the device. It returns the line for
// authorized_keys.
func (s *session) joined(ctx context.Context) (line string, d store.Device, err error) {
	g := s.gateway
	words, err := split(s.command)
	if err != nil || len(words) != 2 || s.subsystem != "" || s.pty != nil || !wire.ValidLogin(words[1]) {
		return "", d, errJoinUsage
	}
	token, err := wire.ParseToken(words[0])
	if err != nil {
		return "", d, err
	}
	if token.Gateway != gossh.FingerprintSHA256(g.key.PublicKey()) {
		return "", d, errors.New("this token is for another gateway")
	}
	text, err := s.piped(ctx, hostKeyMost, hostKeyWait)
	if err != nil {
		return "", d, err
	}
	hostKey, err := readSSHDKey(text)
	if err != nil {
		return "", d, err
	}
	if _, person := g.law().people.Find(s.person.key); person {
		return "", d, errors.New("this key is a person's; make one for the device with ssh-keygen")
	}
	return s.enrolAgentless(ctx, token, store.Agentless{
		Holder: gossh.FingerprintSHA256(s.person.key), HostKey: store.AuthorizedKey(hostKey), Login: words[1],
	})
}

// readSSHDKey takes one public key, as the .pub files of sshd have it.
func readSSHDKey(text []byte) (gossh.PublicKey, error) {
	key, _, options, rest, err := gossh.ParseAuthorizedKey(text)
	if err != nil || len(options) > 0 || len(strings.TrimSpace(string(rest))) > 0 {
		return nil, errors.New("standard input is not one public host key: add < /etc/ssh/ssh_host_ed25519_key.pub")
	}
	switch key.Type() {
	case gossh.KeyAlgoED25519, gossh.KeyAlgoRSA, gossh.KeyAlgoECDSA256, gossh.KeyAlgoECDSA384, gossh.KeyAlgoECDSA521:
		return key, nil
	}
	return nil, fmt.Errorf("host keys of the type %s are not taken; use that of /etc/ssh/ssh_host_ed25519_key.pub", wire.Clean(key.Type(), wire.MaxName))
}

// enrolAgentless spends the token. A device that has joined before keeps its
// identity, and what was open on it ends.
func (s *session) enrolAgentless(ctx context.Context, token wire.Token, a store.Agentless) (line string, d store.Device, err error) {
	g := s.gateway
	keys, err := g.agentlessKeys(ctx, a.Holder)
	if err != nil {
		g.log.Error("the keys for a device without an agent", "error", err)
		return "", d, errors.New("the gateway can't make its keys for this device; its admin finds why in its log")
	}
	name := "device-" + nameOf(s.person.key)
	d, err = g.store.Enrol(ctx, token.Secret, store.Enrolment{
		PublicKey: store.AuthorizedKey(keys.own), Name: name, Agentless: a,
		Facts: store.Facts{Class: wire.Attended, Capabilities: agentlessOffers(), Logins: []string{a.Login}, Address: s.person.address},
	}, store.Entry{At: time.Now(), Actor: "device " + name, Address: s.person.address})
	if err != nil {
		keys.undo()
		return "", d, err
	}
	if h := g.homes.get(d.Key); h != nil {
		h.hangUp("it joined anew")
	}
	g.publish()
	return authorize(keys.login, d.Name), d, nil
}

// agentlessOffers is what a device without an agent offers, until its stand-in
// says so itself.
func agentlessOffers() []string {
	return texts([]wire.Capability{wire.Shell, wire.FilesGet, wire.FilesPut})
}

// standInKeys are those of one stand-in.
type standInKeys struct {
	own, login gossh.PublicKey
	undo       func() // forgets what was made
}

// agentlessKeys are the keys for the device that this key holds, made the first
// time.
func (g *Gateway) agentlessKeys(ctx context.Context, holder string) (k standInKeys, err error) {
	known, err := g.store.DeviceByHolder(ctx, holder)
	if err == nil {
		if k.own, _, _, _, err = gossh.ParseAuthorizedKey([]byte(known.PublicKey)); err != nil {
			return k, err
		}
		k.undo = func() {}
		k.login, err = publicOf(filepath.Join(g.agentlessFolder(k.own), loginFile))
		return k, err
	}
	if !errors.Is(err, store.ErrNotFound) {
		return k, err
	}
	own, err := wire.NewPrivateKey("accord device without an agent")
	if err != nil {
		return k, err
	}
	signer, err := gossh.ParsePrivateKey(own)
	if err != nil {
		return k, err
	}
	k.own = signer.PublicKey()
	folder := g.agentlessFolder(k.own)
	k.undo = func() { _ = os.RemoveAll(folder) }
	login, err := wire.NewPrivateKey("accord login")
	if err == nil {
		err = errors.Join(os.MkdirAll(folder, 0o700), keepNew(filepath.Join(folder, standInFile), own), keepNew(filepath.Join(folder, loginFile), login))
	}
	if err == nil {
		k.login, err = publicOf(filepath.Join(folder, loginFile))
	}
	if err != nil {
		k.undo()
	}
	return k, err
}

func publicOf(path string) (gossh.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	key, err := gossh.ParsePrivateKey(text)
	if err != nil {
		return nil, err
	}
	return key.PublicKey(), nil
}

// keepNew writes a file that there was not, and has it on disk.
func keepNew(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// enrollAgentless is `enroll --agentless`: it makes a token, and prints what is to
// be run on the device.
func (s *session) enrollAgentless(ctx context.Context, c *call, in *invitation) error {
	if s.gateway.options.StandIn == nil {
		return errors.New("this gateway takes no devices without an agent")
	}
	if in.count > 1 || c.has("web") {
		return &usageError{"--agentless is for one device, which comes by ssh: leave --count and --web out."}
	}
	e := s.entry()
	until := e.At.Add(in.life)
	token, err := s.gateway.makeToken(ctx, store.Token{Labels: in.labels, Name: in.name, Expires: until, Agentless: true}, e)
	if err != nil {
		return err
	}
	return s.printAgentless(c, token, until)
}

// printAgentless prints what is to be run on the device.
func (s *session) printAgentless(c *call, token wire.Token, until time.Time) error {
	host, port := s.gateway.cfg.Listen, "22"
	if here, ok := s.person.reached.(*net.TCPAddr); ok {
		host, port = here.IP.String(), fmt.Sprint(here.Port)
	}
	known := knownhosts.Line([]string{knownhosts.Normalize(net.JoinHostPort(host, port))}, s.gateway.key.PublicKey())
	if c.has("json") {
		return s.printJSON(map[string]string{
			"host": host, "port": port, "known_hosts": known, "token": token.String(), "until": until.UTC().Format(time.RFC3339),
		})
	}
	const key = "~/.ssh/accord"
	ssh := fmt.Sprintf("ssh -p %s -i %s -o IdentitiesOnly=yes", port, key)
	hold := ssh + " -o ServerAliveInterval=15 -o ExitOnForwardFailure=yes -R 22:127.0.0.1:22"
	s.print(fmt.Sprintf(`# Run this on the device, as the account that visits will use.
# 1. A key for its link, and the gateway's key:
mkdir -p -m 700 ~/.ssh && ssh-keygen -q -t ed25519 -N '' -f %[1]s
echo '%[2]s' >> ~/.ssh/known_hosts
# 2. Join, once, and let the gateway's key in:
%[3]s join@%[4]s %[5]s "$(id -un)" < /etc/ssh/ssh_host_ed25519_key.pub >> ~/.ssh/authorized_keys
# 3. Hold the link, with somebody there who is asked each time:
%[6]s -t hold@%[4]s
#    or with nobody there, as the owner's file allows:
%[6]s -T hold@%[4]s < standing.toml
`, key, known, ssh, host, token, hold))
	_, _ = io.WriteString(s.ch.Stderr(), fmt.Sprintf("The token serves once, before %s. A device without an agent is weaker: the gateway judges for it, and it can't check.\r\n",
		until.Local().Format("15:04 on 2 January")))
	return nil
}
