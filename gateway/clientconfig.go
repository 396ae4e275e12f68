package gateway

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh/knownhosts"

	"accord/wire"
	"accord/wire/ws"
)

// clientConfigJSON is what a technician's client needs to reach devices by their
// names.
type clientConfigJSON struct {
	Host       string            `json:"host"` // of the gateway, as it was reached now
	Port       int               `json:"port"`
	KnownHosts string            `json:"known_hosts"` // the line of the gateway's key, or of the authority that has certified it
	Proxy      string            `json:"proxy_command,omitempty"`
	Devices    []clientHostsJSON `json:"devices"`
}

type clientHostsJSON struct {
	Name string `json:"name"`
	User string `json:"user"` // says which device; the person is who the key says
}

// cmdClientConfig prints a piece of ~/.ssh/config, or of what else reads names
// of hosts. The gateway's address is the one that this person has reached, or
// the one that they name: where that is behind another, the gateway can't know.
func (s *session) cmdClientConfig(ctx context.Context, c *call) error {
	if err := c.none("json", "ansible", "known-hosts", "key", "web", "host", "port"); err != nil {
		return err
	}
	conf, err := s.clientConfig(ctx, c)
	if err != nil {
		return err
	}
	switch {
	case c.has("json"):
		return s.printJSON(conf)
	case c.has("known-hosts"):
		s.print(conf.KnownHosts + "\n")
	case c.has("ansible"):
		s.print(conf.ansible())
	default:
		s.print(conf.ssh(s.gateway.cfg.Organisation))
	}
	return nil
}

func (s *session) clientConfig(ctx context.Context, c *call) (*clientConfigJSON, error) {
	conf := &clientConfigJSON{Devices: []clientHostsJSON{}}
	if here, ok := s.person.reached.(*net.TCPAddr); ok {
		conf.Host, conf.Port = here.IP.String(), here.Port
	}
	_, byWeb := s.person.reached.(webAddr)
	named := c.has("host") || c.has("port")
	if c.has("web") || byWeb && !named {
		if err := s.throughWeb(conf, named); err != nil {
			return nil, err
		}
	}
	if conf.Host = c.last("host", conf.Host); !plainHost(conf.Host) {
		return nil, &usageError{"--host takes the name or address that the gateway is reached by."}
	}
	port, err := strconv.ParseUint(c.last("port", strconv.Itoa(conf.Port)), 10, 16)
	if err != nil || port == 0 {
		return nil, &usageError{"--port takes a number from 1 to 65535."}
	}
	conf.Port = int(port)
	conf.KnownHosts = s.knownHosts(conf.Host, conf.Port, c.has("key"))
	all, err := s.gateway.store.Devices(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range all {
		conf.Devices = append(conf.Devices, clientHostsJSON{d.Name, d.Name})
	}
	return conf, nil
}

// throughWeb is how clients come by WebSocket. They still call the gateway by
// its name, which is what they know its key by.
func (s *session) throughWeb(conf *clientConfigJSON, named bool) error {
	url := s.gateway.cfg.WebSocket.URL
	switch {
	case url == "":
		return errNoWebSockets
	case named:
		return &usageError{"--web goes without --host and --port: the address is " + url + "."}
	}
	var err error
	conf.Proxy = "accord connect " + url
	conf.Host, conf.Port, err = ws.HostPort(url)
	return err
}

// knownHosts is the line by which clients know this gateway: that of the
// authority, where one has certified its key for the host, else its key, which
// may also be wanted: not every library knows certificates.
func (s *session) knownHosts(host string, port int, bare bool) string {
	at := []string{knownhosts.Normalize(net.JoinHostPort(host, strconv.Itoa(port)))}
	cert := s.gateway.papers.host.Load()
	switch {
	case bare || cert.usable(time.Now()) == nil:
	case cert.names(host):
		return "@cert-authority " + knownhosts.Line(at, cert.SignatureKey)
	default:
		_, _ = fmt.Fprintf(s.ch.Stderr(), "The gateway has a host certificate, but not for %s: for %s.\r\n", host, wire.Clean(strings.Join(cert.ValidPrincipals, ", "), wire.MaxLine))
	}
	return knownhosts.Line(at, s.gateway.key.PublicKey())
}

// plainHost takes what needs no quotes anywhere that this is printed.
func plainHost(host string) bool {
	return host != "" && len(host) <= 255 && !strings.HasPrefix(host, "-") &&
		!strings.ContainsFunc(host, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".-:", r)
		})
}

// ssh is a piece of ssh_config(5). The names of devices are fit for it: see
// wire.ValidDevice.
func (c *clientConfigJSON) ssh(organisation string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Devices of %s, through their gateway. Put this into ~/.ssh/config.\n", organisation)
	b.WriteString("# The gateway's key, for ~/.ssh/known_hosts:\n# " + c.KnownHosts + "\n")
	for _, d := range c.Devices {
		fmt.Fprintf(&b, "\nHost %s\n  HostName %s\n  Port %d\n  User %s\n", d.Name, c.Host, c.Port, d.User)
		if c.Proxy != "" {
			fmt.Fprintf(&b, "  ProxyCommand %s\n", c.Proxy)
		}
	}
	return b.String()
}

// ansible is an inventory in its INI form.
func (c *clientConfigJSON) ansible() string {
	var b strings.Builder
	b.WriteString("# The gateway's key, for ~/.ssh/known_hosts:\n# " + c.KnownHosts + "\n\n[accord]\n")
	for _, d := range c.Devices {
		fmt.Fprintf(&b, "%s ansible_host=%s ansible_port=%d ansible_user=%s", d.Name, c.Host, c.Port, d.User)
		if c.Proxy != "" {
			fmt.Fprintf(&b, ` ansible_ssh_common_args="-o ProxyCommand='%s'"`, c.Proxy)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
