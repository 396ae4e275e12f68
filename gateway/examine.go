package gateway

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/doctor"
	"accord/gateway/store"
	"accord/policy"
	"accord/recordings"
	"accord/wire"
)

// examination is one look at a gateway that may run meanwhile. It takes no lock
// that a gateway wants, and writes nothing.
type examination struct {
	*doctor.Report
	options Options
	running bool
	unseen  bool // whether it runs can't be seen
	owner   int  // uid of the state folder: the account that the gateway runs as
	key     gossh.PublicKey
}

// How long the parts of an examination that read much may take.
const (
	soundLimit = 30 * time.Second
	shelfLimit = 10 * time.Second
	portLimit  = 5 * time.Second
)

// Examine looks at the gateway of a configuration: what it would start with, or
// runs with. Without people it leaves out who may log in.
func Examine(ctx context.Context, o Options, people bool, r *doctor.Report) {
	e := &examination{Report: r, options: o}
	var known bool
	e.running, known = doctor.Locked(store.LockFile(o.Config.State))
	e.unseen = !known
	owner, there := e.Folder("the gateway's state", o.Config.State, true)
	e.owner = owner
	if people {
		e.law()
	}
	switch {
	case e.unseen && there:
		e.Look("service", "run accord doctor as root, or as the account of the service", "Whether the gateway runs can't be seen by this account.")
	case e.running:
		e.OK("service", "The gateway runs.")
	case there:
		e.Look("service", "start it: systemctl start accord-gateway, or accord gateway", "The gateway does not run.")
	default:
		if _, err := os.Stat(o.Config.State); errors.Is(err, fs.ErrNotExist) {
			e.Look("folders", "start the gateway, which makes it", "There is no state yet at %s.", o.Config.State)
		}
	}
	if there {
		e.keys()
		e.database(ctx)
	}
	e.recorder(ctx)
	e.Disk(o.Config.State, 0, "nothing can be journaled, and so nothing is opened: no login, no visit.")
	e.ports(ctx)
	e.papers()
	e.Kept()
}

// law reads people and rules as the gateway does at its start.
func (e *examination) law() {
	const area = "config"
	o := e.options
	if e.owner != os.Geteuid() {
		// Secrets of codes belong to the gateway's account, which alone can judge
		// them; that they are there is looked at with the keys.
		people := make([]policy.Person, len(o.People))
		for i, p := range o.People {
			p.TOTPFile = ""
			people[i] = p
		}
		o.People = people
	}
	if _, err := newLaw(o); err != nil {
		if !e.Unseen(area, "A file that the configuration names", err) {
			e.Bad(area, "mend the configuration; accord check FILE says what is in force", "The gateway would not start: %s.", err)
		}
		return
	}
	e.OK(area, "People in force at the next start or reload: %d; rules: %d.", len(e.options.People), len(e.options.Policy.Rules))
}

// keys looks at what the gateway can't lose.
func (e *examination) keys() {
	const area = "keys"
	state := e.options.Config.State
	const restore = "put it back from a backup: every device has pinned it"
	path := filepath.Join(state, "host_key")
	if e.Private(area, "the gateway's key", path, restore) {
		e.hostKey(area, path, restore)
	}
	if log := store.KeyFile(state); e.Private(area, "the key of the audit log", log, "put it back from a backup, else nothing more can be added to the log") {
		e.OK(area, "The audit log's key is there, for its owner alone.")
	}
	for _, p := range e.options.People {
		if p.TOTPFile != "" {
			e.Private(area, "the secret of "+p.Name+"'s codes", secretPath(state, p), "put it back, or make another with that person")
		}
	}
}

func (e *examination) hostKey(area, path, restore string) {
	text, err := os.ReadFile(path)
	if e.Unseen(area, path, err) {
		return
	}
	var key gossh.Signer
	if err == nil {
		key, err = gossh.ParsePrivateKey(text)
	}
	if err != nil {
		e.Bad(area, restore, "The gateway's key in %s can't be read: %s.", path, err)
		return
	}
	e.key = key.PublicKey()
	e.OK(area, "The gateway's key is %s, for its owner alone.", gossh.FingerprintSHA256(e.key))
}

// database looks at the state itself, beside a gateway that runs.
func (e *examination) database(ctx context.Context) {
	const area = "database"
	o := store.Options{Dir: e.options.Config.State}
	r, err := store.Read(o)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Look(area, "start the gateway, which makes it; if there was one, put it back from a backup", "There is no database in %s.", o.Dir)
		return
	case err != nil && e.Unseen(area, "The database in "+o.Dir, err):
		return
	case err != nil:
		e.Bad(area, "look at the folder's owner, mode and disk", "The database in %s can't be looked at: %s.", o.Dir, err)
		return
	}
	defer func() { _ = r.Close() }()
	ctx, cancel := context.WithTimeout(ctx, soundLimit)
	defer cancel()
	outline, err := r.Outline(ctx)
	if err == nil {
		err = r.Sound(ctx)
	}
	switch {
	case ctx.Err() != nil:
		e.Look(area, "run it again while less is going on, or: ssh GATEWAY audit --check", "The database is too large to be checked within %s.", soundLimit)
	case err != nil:
		e.Bad(area, "stop the gateway and put back the newest good copy (docs/operating.md)", "The database is not well: %s.", err)
	case outline.Form > outline.Known:
		e.Bad(area, "run the newer program", "The database was written by a newer accord (its form is %d, this program knows up to %d).", outline.Form, outline.Known)
	default:
		e.OK(area, "The database is sound: %d entries in the audit log, the last of %s; devices ever enrolled: %d.",
			outline.Entries, moment(outline.Newest), outline.Devices)
	}
}

func moment(t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	return t.Local().Format("2006-01-02 15:04")
}

// recorder looks at the folder of the recordings, without which no visit opens.
func (e *examination) recorder(ctx context.Context) {
	const area = "recordings"
	cfg := e.options.Recordings
	owner, there := e.Folder("the recordings", cfg.Dir, true)
	if !there {
		if _, err := os.Stat(cfg.Dir); errors.Is(err, fs.ErrNotExist) {
			e.Look("folders", "start the gateway, which makes it", "There is no folder of recordings yet at %s.", cfg.Dir)
		}
		return
	}
	if e.owner >= 0 && owner != e.owner {
		e.Bad("folders", "chown -R it to the account of the state folder", "The recordings in %s belong to another account than the gateway's state.", cfg.Dir)
	}
	e.Disk(cfg.Dir, cfg.MinFreeMiB<<20, fmt.Sprintf("below %d MiB (recordings.min_free_mib) no visit begins; without any room open ones end, and what was shown until then is kept.", cfg.MinFreeMiB))
	files := "no files that visits copy are kept (recordings.copy_files_kib)"
	if cfg.CopyFilesKiB > 0 {
		files = fmt.Sprintf("the first %d KiB of each file that visits copy are kept", cfg.CopyFilesKiB)
	}
	e.OK(area, "The recorder's limits: %d MiB must be free; %s.", cfg.MinFreeMiB, files)
	shelf, err := recordings.OpenShelf(cfg.Dir)
	if err != nil {
		_ = e.Unseen(area, cfg.Dir, err)
		return
	}
	defer func() { _ = shelf.Close() }()
	ctx, cancel := context.WithTimeout(ctx, shelfLimit)
	defer cancel()
	e.shelf(shelf.Outline(ctx))
}

// shelf says what is in the folder.
func (e *examination) shelf(o recordings.Outline, err error) {
	const area = "recordings"
	if err != nil {
		if !e.Unseen(area, "A folder of recordings", err) {
			e.Bad(area, "look at its disk", "Some recordings can't be listed: %s.", err)
		}
	}
	n := fmt.Sprintf("%d recordings, %s", o.Recordings, doctor.Bytes(o.Bytes))
	if o.Partly {
		n = "The newest " + n
	}
	last := "none is sealed yet"
	if !o.Sealed.IsZero() {
		last = "the last seal is of " + moment(o.Sealed)
	}
	if o.Unsealed > 0 && !e.running {
		e.Look(area, "start the gateway: it closes them as interrupted, and seals them", "%s; %s; %d were interrupted.", n, last, o.Unsealed)
		return
	}
	e.OK(area, "%s; %s.", n, last)
}

// ports looks at the two ports: ours, or free for us.
func (e *examination) ports(ctx context.Context) {
	for _, p := range []struct{ what, key, address string }{
		{"technicians", "gateway.listen", e.options.Config.Listen},
		{"agents", "gateway.agents", e.options.Config.Agents},
	} {
		if strings.HasSuffix(p.address, ":0") {
			e.Look("ports", "write a port in "+p.key, "%s has port 0, so that it is another at each start.", p.key)
			continue
		}
		if !e.running && !e.unseen {
			e.free(p.what, p.key, p.address)
			continue
		}
		if err := e.ours(ctx, p.address, p.what == "technicians"); err != nil {
			e.Bad("ports", "look what listens there (ss -ltnp), and restart the gateway if "+p.key+" was changed", "The port for %s, %s: %s.", p.what, p.address, err)
			continue
		}
		if e.key == nil {
			e.OK("ports", "At the port for %s, %s, a program answers that speaks SSH.", p.what, p.address)
			continue
		}
		e.OK("ports", "The port for %s, %s, is ours.", p.what, p.address)
	}
}

// papers looks at certificates, and at the port for WebSockets if it is free for us.
func (e *examination) papers() {
	for _, note := range PaperNotes(e.options.Config, time.Now()) {
		e.Look("certificates", "renew it; the gateway takes a new file over by itself", "%s.", note)
	}
	if address := e.options.Config.WebSocket.Listen; address != "" && !e.running && !e.unseen {
		e.free("WebSockets", "gateway.websocket.listen", address)
	}
}

// free looks whether a gateway that is started could listen there.
func (e *examination) free(what, key, address string) {
	l, err := net.Listen("tcp", address)
	if e.Unseen("ports", "Whether the port for "+what+", "+address+", is free", err) {
		return
	}
	if err != nil {
		e.Bad("ports", "end what listens there (ss -ltnp), or change "+key, "The port for %s, %s, can't be had: %s.", what, address, err)
		return
	}
	_ = l.Close()
	e.OK("ports", "The port for %s, %s, is free.", what, address)
}

// ours wants this gateway to answer at an address.
func (e *examination) ours(ctx context.Context, address string, serves bool) error {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	d := net.Dialer{Timeout: portLimit}
	conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort(host, port))
	if err != nil {
		return fmt.Errorf("nobody answers (%w)", err)
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(portLimit))
	if !serves || e.key == nil {
		// On the agents' port the gateway is the client, which says who it is first.
		line, err := bufio.NewReaderSize(conn, 256).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "SSH-2.0-") {
			return errors.New("what answers there does not speak SSH, or is busy")
		}
		return nil
	}
	var shown gossh.PublicKey
	_, _, _, err = gossh.NewClientConn(conn, address, &gossh.ClientConfig{
		Config: wire.Algorithms(false), User: "doctor", HostKeyAlgorithms: wire.KeyAlgorithms(),
		HostKeyCallback: func(_ string, _ net.Addr, key gossh.PublicKey) error {
			shown = key
			return errSeen
		},
	})
	switch {
	case shown == nil:
		return fmt.Errorf("what answers there does not speak as a gateway does (%w)", err)
	case gossh.FingerprintSHA256(shown) != gossh.FingerprintSHA256(e.key):
		return fmt.Errorf("another gateway answers, with the key %s", gossh.FingerprintSHA256(shown))
	}
	return nil
}

// errSeen ends a handshake of which only the key was wanted.
var errSeen = errors.New("the key was seen")
