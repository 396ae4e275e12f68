package display

import (
	"bufio"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Ports that VNC servers listen on for the displays 0 to 10.
const (
	portFirst = 5900
	portLast  = 5910
)

// listening is a TCP socket that waits for connections.
type listening struct {
	address string // to call it at on this machine
	uid     int
	inode   string
}

// Servers are the addresses of VNC servers that run on this machine for an account
// or as root, and show its screen: by the program's name, because a port alone
// could be another machine's screen (a tunnel) or a virtual one's.
func Servers(uid int, visits func(pid int) bool) []string {
	var all []listening
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		f, err := os.Open(table)
		if err != nil {
			continue
		}
		for s := bufio.NewScanner(f); s.Scan(); {
			if l, ok := parseListening(s.Text()); ok && (l.uid == 0 || l.uid == uid) {
				all = append(all, l)
			}
		}
		_ = f.Close()
	}
	if len(all) == 0 {
		return nil
	}
	holders := socketsOf(serversOf(uid, visits))
	all = slices.DeleteFunc(all, func(l listening) bool { return !holders[l.inode] })
	var list []string
	for _, l := range all {
		if !slices.Contains(list, l.address) {
			list = append(list, l.address)
		}
	}
	slices.Sort(list)
	return list
}

// serversOf are the processes of known VNC servers, of the account and of root.
func serversOf(uid int, visits func(pid int) bool) []int {
	known := []string{
		"Xtigervnc", "Xvnc", "Xtightvnc", "X0tigervnc", "x0vncserver", "x11vnc", "wayvnc", "vino-server", "krfb", "krfb-virtualmo",
	}
	var pids []int
	for _, owner := range slices.Compact([]int{uid, 0}) {
		for _, pid := range processesOf(owner) {
			name, err := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
			if err == nil && slices.Contains(known, strings.TrimSpace(string(name))) && !visits(pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// socketsOf are the sockets that processes hold, by their inodes.
func socketsOf(pids []int) map[string]bool {
	inodes := make(map[string]bool)
	for _, pid := range pids {
		links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			continue
		}
		for _, link := range links {
			target, err := os.Readlink(link)
			if inode, ok := strings.CutPrefix(target, "socket:["); ok && err == nil {
				inodes[strings.TrimSuffix(inode, "]")] = true
			}
		}
	}
	return inodes
}

// parseListening reads a line of /proc/net/tcp or tcp6 (proc_net(5)): "sl
// local_address rem_address st tx:rx tr:tm retrnsmt uid timeout inode". The
// address is in hexadecimal, each four bytes of it in the machine's order.
func parseListening(line string) (listening, bool) {
	const listens = "0A"
	f := strings.Fields(line)
	if len(f) < 10 || f[3] != listens {
		return listening{}, false
	}
	host, hexPort, ok := strings.Cut(f[1], ":")
	raw, err := hex.DecodeString(host)
	port, perr := strconv.ParseUint(hexPort, 16, 16)
	uid, uerr := strconv.Atoi(f[7])
	if !ok || err != nil || perr != nil || uerr != nil || len(raw) != net.IPv4len && len(raw) != net.IPv6len ||
		port < portFirst || port > portLast {
		return listening{}, false
	}
	ip := make(net.IP, len(raw))
	for at := 0; at < len(raw); at += 4 {
		binary.NativeEndian.PutUint32(ip[at:], binary.BigEndian.Uint32(raw[at:]))
	}
	loopback := "127.0.0.1"
	if ip.To4() == nil {
		loopback = "::1"
	}
	if !ip.IsLoopback() && !ip.IsUnspecified() {
		return listening{}, false
	}
	return listening{net.JoinHostPort(loopback, strconv.FormatUint(port, 10)), uid, f[9]}, true
}
