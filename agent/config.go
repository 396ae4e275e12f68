package agent

import (
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"

	"accord/config"
	"accord/wire"
	"accord/wire/ws"
)

// Bounds of the values in [Config].
const (
	promptLeast = 20 * time.Second
	promptMost  = wire.PromptLongest
	redialLeast = time.Second
	redialMost  = 2 * time.Minute
	labelsMost  = 32
	loginsMost  = 31 // one place in the hello is the user's own
	labelMost   = wire.MaxName
	// socketMost is what fits a Unix address, in bytes (unix(7)).
	socketMost = 107
)

// Config is the section [agent] of the configuration.
type Config struct {
	Gateway string `toml:"gateway"` // host:port or wss://HOST; empty: where the device was enrolled
	// GatewayCA is the file of the authority that signs the gateway's TLS
	// certificate, for wss://; empty: those that the system trusts.
	GatewayCA string            `toml:"gateway_ca"`
	State     string            `toml:"state"` // folder of the device's key and receipts
	Name      string            `toml:"name"`  // wished for at enrolment; empty: the machine's
	Labels    map[string]string `toml:"labels"`
	User      string            `toml:"user"`   // account whose person answers; empty: the agent's own
	Logins    []string          `toml:"logins"` // accounts a visit may use besides the user's
	PAM       bool              `toml:"pam"`    // ask PAM about an account before a visit uses it
	Prompt    time.Duration     `toml:"prompt"` // how long a prompt waits for its answer
	Redial    time.Duration     `toml:"redial"` // longest wait before the first call again
	Socket    string            `toml:"socket"` // empty: agent.sock in the state folder
	// Surfaces are those that the agent reaches for by itself when somebody asks
	// and no screen of Accord is open; of allSurfaces.
	Surfaces []string `toml:"surfaces"`
	// Supervisors are the owner's own, "NAME KEYTYPE KEY"; then no list of the
	// gateway's counts, and OverrideSigners of these must sign an override.
	Supervisors     []string `toml:"supervisors"`
	OverrideSigners int      `toml:"override_signers"`

	Class    string     `toml:"class"`    // [wire.Attended] or [wire.Unattended]
	Standing []Standing `toml:"standing"` // only of an unattended device
	Actions  []Action   `toml:"action"`
	Facts    string     `toml:"facts"` // what the gateway is told of the device
	Screen   Screen     `toml:"screen"`
	Files    Files      `toml:"files"`
	Limits   Limits     `toml:"limits"`
	Forward  Forward    `toml:"forward"`
	Update   Update     `toml:"update"`
}

// Defaults are the values in force without a file.
func Defaults() Config {
	return Config{
		State:       defaultState(),
		Labels:      map[string]string{},
		Logins:      []string{},
		PAM:         true,
		Prompt:      2 * time.Minute,
		Redial:      30 * time.Second,
		Surfaces:    allSurfaces(),
		Supervisors: []string{}, OverrideSigners: 1,
		Class: wire.Attended, Standing: []Standing{}, Actions: []Action{},
		Facts:   factsAll,
		Screen:  Screen{Server: screenAuto, Start: []string{}},
		Files:   Files{Read: []string{"/"}, Write: []string{"/"}},
		Limits:  Limits{Tasks: 4096},
		Forward: Forward{Allow: []string{"127.0.0.1:*", "[::1]:*"}, Listen: []string{"*"}},
		Update:  Update{Signers: []string{}},
	}
}

// Check refuses what can't be, with a [config.Bad].
func (c Config) Check() error {
	switch {
	case c.Gateway != "" && !dialable(c.Gateway):
		return config.Badf("gateway", `%q is no address; write host:port, for example "gateway.example.org:2223", or "wss://gateway.example.org"`, c.Gateway)
	case strings.ContainsRune(c.GatewayCA, 0):
		return config.Badf("gateway_ca", "%q is no file", c.GatewayCA)
	case c.State == "" || strings.ContainsRune(c.State, 0):
		return config.Badf("state", "%q is no folder; name one that only the agent's account can read", c.State)
	case c.Name != "" && !wire.ValidDevice(c.Name):
		return config.Badf("name", "%q is no name of a device; up to 63 lower case letters, digits and . _ - are allowed", c.Name)
	case c.User != "" && !wire.ValidLogin(c.User):
		return config.Badf("user", "%q can't be the name of an account", c.User)
	case c.Prompt < promptLeast || c.Prompt > promptMost:
		return config.Badf("prompt", "%s is impossible; %s to %s are allowed", config.Duration(c.Prompt), config.Duration(promptLeast), config.Duration(promptMost))
	case c.Redial < redialLeast || c.Redial > redialMost:
		return config.Badf("redial", "%s is impossible; %s to %s are allowed", config.Duration(c.Redial), config.Duration(redialLeast), config.Duration(redialMost))
	case c.Facts != factsAll && c.Facts != factsMachine && c.Facts != factsNone:
		return config.Badf("facts", `%q says nothing; "all", "machine" (nothing of who is there) or "none" are allowed`, c.Facts)
	case len(c.Socket) > socketMost || strings.ContainsRune(c.Socket, 0):
		return config.Badf("socket", "%.40q… can't be the path of a socket; up to %d bytes are allowed", c.Socket, socketMost)
	}
	if err := c.checkLogins(); err != nil {
		return err
	}
	if err := checkSurfaces(c.Surfaces); err != nil {
		return err
	}
	if c.OverrideSigners < 1 || c.OverrideSigners > wire.OverrideSigners {
		return config.Badf("override_signers", "%d is impossible; 1 to %d are allowed", c.OverrideSigners, wire.OverrideSigners)
	}
	if _, err := c.roster("the owner's"); err != nil {
		return err
	}
	if err := c.checkStanding(); err != nil {
		return err
	}
	if err := c.checkActions(); err != nil {
		return err
	}
	if err := c.Forward.check(); err != nil {
		return err
	}
	if err := c.Screen.check(); err != nil {
		return config.Under("screen", err)
	}
	if err := c.Files.check(); err != nil {
		return config.Under("files", err)
	}
	if err := c.Limits.check(); err != nil {
		return config.Under("limits", err)
	}
	if err := c.Update.check(); err != nil {
		return config.Under("update", err)
	}
	return c.checkLabels()
}

func (c Config) checkLogins() error {
	if len(c.Logins) > loginsMost {
		return config.Badf("logins", "%d accounts are too many; up to %d are allowed", len(c.Logins), loginsMost)
	}
	seen := make(map[string]bool, len(c.Logins))
	for i, login := range c.Logins {
		key := fmt.Sprintf("logins[%d]", i)
		if !wire.ValidLogin(login) {
			return config.Badf(key, "%q can't be the name of an account", login)
		}
		if seen[login] {
			return config.Badf(key, "%q stands twice", login)
		}
		seen[login] = true
	}
	return nil
}

func (c Config) checkLabels() error {
	if len(c.Labels) > labelsMost {
		return config.Badf("labels", "%d labels are too many; up to %d are allowed", len(c.Labels), labelsMost)
	}
	for name, value := range c.Labels {
		if !plainLabel(name) || !plainLabel(value) {
			return config.Badf("labels", "%q = %q is no label; name and value are 1 to %d printable characters without spaces or =", name, value, labelMost)
		}
	}
	return nil
}

func plainLabel(s string) bool {
	return s != "" && len([]rune(s)) <= labelMost && wire.Clean(s, labelMost) == s &&
		!strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || r == '=' })
}

// dialable reports whether an address names a host and a port to call.
func dialable(address string) bool {
	if ws.IsURL(address) {
		return ws.CheckURL(address) == nil
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil || host == "" || strings.ContainsFunc(host, func(r rune) bool { return !unicode.IsPrint(r) || r == ' ' }) {
		return false
	}
	n, err := strconv.ParseUint(port, 10, 16)
	return err == nil && n > 0
}

// Resolved returns the configuration with what this machine says where the
// file says nothing: the name, the account that answers, the socket.
func (c Config) Resolved() (Config, error) {
	if c.Name == "" {
		c.Name = machineName(os.Hostname())
	}
	if c.User == "" {
		u, err := user.Current()
		if err != nil {
			return c, fmt.Errorf("can't find the account that this agent runs as; name the one that answers in agent.user: %w", err)
		}
		c.User = u.Username
	}
	if c.Socket == "" {
		c.Socket = filepath.Join(c.State, "agent.sock")
	}
	if len(c.Socket) > socketMost {
		return c, fmt.Errorf("the socket %s is longer than %d bytes; name a shorter one in agent.socket", c.Socket, socketMost)
	}
	return c, nil
}

// machineName makes a host name fit for a device: its first part, in lower
// case, and "device" where nothing fit is left.
func machineName(host string, err error) string {
	host, _, _ = strings.Cut(strings.ToLower(host), ".")
	host = strings.Trim(host, "-_")
	if err != nil || !wire.ValidDevice(host) {
		return "device"
	}
	return host
}
