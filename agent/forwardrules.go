package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"accord/config"
	"accord/wire"
)

// Forward is what a visit with the capability forward may reach: the section
// [agent.forward].
type Forward struct {
	// Allow are places: "ADDRESS:PORTS", "NETWORK:PORTS", "NAME:PORTS", the whole
	// path of a socket, or "FOLDER/*" for the sockets right in a folder. PORTS is
	// a number, a range or *.
	Allow []string `toml:"allow"`
	// Listen are the ports, as above, of this machine's own loopback address
	// that a visit may listen on, and sockets, as above.
	Listen []string `toml:"listen"`
}

// placesMost bounds both lists.
const placesMost = 256

// lowestPort is the first that a visit may listen on: those below are for
// services that root starts, and an agent that is root would let anybody be one.
const lowestPort = 1024

// ports is a range of them, both ends included.
type ports struct{ from, to uint16 }

func (p ports) has(n uint16) bool { return n >= p.from && n <= p.to }

func parsePorts(text string) (ports, bool) {
	if text == "*" {
		return ports{1, 0xFFFF}, true
	}
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	return ports{uint16(from), uint16(to)}, err == nil && err2 == nil && from > 0 && from <= to
}

// allInFolder ends an entry that stands for the sockets of a folder.
const allInFolder = "/*"

// checkSocket refuses an entry that is no path of a socket, or of a folder.
func checkSocket(text string) error {
	bare := strings.TrimSuffix(text, allInFolder)
	if bare == "" || bare == "/" || filepath.Clean(bare) != bare || wire.Clean(bare, 255) != bare || strings.ContainsAny(bare, " *") {
		return errors.New(`that is no whole path of a socket, nor "FOLDER/*"`)
	}
	return nil
}

// socketIn reports whether a list names just this socket, and among whether it
// names the folder that it is right in.
func socketIn(list []string, path string) (named, among bool) {
	if !strings.HasPrefix(path, "/") || filepath.Clean(path) != path {
		return false, false
	}
	return slices.Contains(list, path) && !strings.HasSuffix(path, allInFolder), slices.Contains(list, filepath.Dir(path)+allInFolder)
}

// reachable is one entry of the list of what may be reached; either a network, a
// name or a path is set.
type reachable struct {
	network netip.Prefix
	name    string
	path    string
	ports   ports
}

func parsePlace(text string) (reachable, error) {
	if strings.HasPrefix(text, "/") {
		return reachable{path: text}, checkSocket(text)
	}
	i := strings.LastIndexByte(text, ':')
	if i < 0 {
		return reachable{}, errors.New(`there is no port; write for example "127.0.0.1:5432", "10.0.0.0/8:443" or "127.0.0.1:*"`)
	}
	p := reachable{}
	var ok bool
	if p.ports, ok = parsePorts(text[i+1:]); !ok {
		return reachable{}, errors.New("a port is a number from 1 to 65535, a range such as 8000-8099, or *")
	}
	host := text[:i]
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	} else if strings.Contains(host, ":") {
		return reachable{}, errors.New(`an address with colons stands in brackets: "[::1]:*"`)
	}
	if network, err := netip.ParsePrefix(host); err == nil {
		p.network = network.Masked()
		return p, nil
	}
	if addr, err := netip.ParseAddr(host); err == nil && addr.Zone() == "" {
		p.network = netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen())
		return p, nil
	}
	p.name = strings.ToLower(strings.TrimSuffix(host, "."))
	if p.name == "" || strings.ContainsAny(p.name, " */[]%") || wire.Clean(p.name, 255) != p.name {
		return reachable{}, errors.New("that is no address, no network and no name of a host")
	}
	return p, nil
}

// check refuses what can't be meant.
func (f Forward) check() error {
	if len(f.Allow) > placesMost || len(f.Listen) > placesMost {
		return config.Badf("forward", "more than %d places are listed", placesMost)
	}
	for i, text := range f.Allow {
		if _, err := parsePlace(text); err != nil {
			return config.Badf(fmt.Sprintf("forward.allow[%d]", i), "%.80q: %v", text, err)
		}
	}
	for i, text := range f.Listen {
		if strings.HasPrefix(text, "/") && checkSocket(text) == nil {
			continue
		}
		if p, ok := parsePorts(text); !ok || text != "*" && p.from < lowestPort {
			return config.Badf(fmt.Sprintf("forward.listen[%d]", i), "%.80q is no port, or range of ports, from %d to 65535, nor *, nor a socket by its whole path", text, lowestPort)
		}
	}
	return nil
}

// offered says whether a visit could forward anything at all.
func (f Forward) offered() bool { return len(f.Allow)+len(f.Listen) > 0 }

// listens reports whether a visit may listen on a port; 0 is one that is free.
func (f Forward) listens(port uint16) bool {
	return slices.ContainsFunc(f.Listen, func(text string) bool {
		p, ok := parsePorts(text)
		return ok && (port == 0 || port >= lowestPort && p.has(port))
	})
}

// listensOn is why a visit may not listen on a place, or nil.
func (f Forward) listensOn(p wire.Place) error {
	if p.Network == wire.NetworkUnix {
		if named, among := socketIn(f.Listen, p.Host); !named && !among {
			return no("its owner does not let a visit listen on the socket %s (agent.forward)", p.Host)
		}
		return nil
	}
	if !f.listens(uint16(p.Port)) {
		return no("its owner does not let a visit listen on port %d (agent.forward)", p.Port)
	}
	return nil
}

// reservedAddress says of addresses that answer whoever asks from this machine, as clouds'
// metadata services do, or that are other places than they look.
func reservedAddress(a netip.Addr) bool {
	for _, special := range []string{"fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"} {
		if a == netip.MustParseAddr(special) {
			return true
		}
	}
	return a.IsLinkLocalUnicast() || a.IsMulticast() || a.IsUnspecified() || a == netip.AddrFrom4([4]byte{255, 255, 255, 255})
}

// plain is the address that packets to a really go to: the last 32 bits of one
// with the well-known prefix (RFC 6052) are another.
func plain(a netip.Addr) netip.Addr {
	a = a.Unmap()
	if b := a.As16(); netip.MustParsePrefix("64:ff9b::/96").Contains(a) {
		return netip.AddrFrom4([4]byte(b[12:]))
	}
	return a
}

// allows reports whether an address may be connected to, which was asked for by
// this name. An address that is reserved must be named by itself.
func (f Forward) allows(name string, a netip.Addr, port uint16) bool {
	a = plain(a)
	return slices.ContainsFunc(f.Allow, func(text string) bool {
		p, err := parsePlace(text)
		switch {
		case err != nil || p.path != "" || !p.ports.has(port):
			return false
		case p.name != "":
			return p.name == strings.ToLower(strings.TrimSuffix(name, ".")) && !reservedAddress(a)
		case reservedAddress(a):
			return p.network.IsSingleIP() && p.network.Addr() == a
		}
		return p.network.Contains(a)
	})
}

// lookup finds addresses by name.
type lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

// resolve finds the addresses that a host has here and that may be connected
// to. It is these that are dialled: the name is not looked up again, so that it
// can't mean something else then.
func (f Forward) resolve(ctx context.Context, look lookup, host string, port uint16) ([]netip.AddrPort, error) {
	found := []netip.Addr{}
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" {
			return nil, no("an address of one link alone can't be forwarded to")
		}
		found = append(found, a)
	} else if found, err = look(ctx, "ip", host); err != nil {
		return nil, fmt.Errorf("this device finds no address of %s", host)
	}
	var list []netip.AddrPort
	for _, a := range found {
		if f.allows(host, a, port) {
			list = append(list, netip.AddrPortFrom(a.Unmap(), port))
		}
	}
	if len(list) == 0 {
		return nil, no("its owner does not let a visit connect to %s port %d (agent.forward)", host, port)
	}
	return list, nil
}
