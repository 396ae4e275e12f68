package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"
)

// Facts are what a device tells of itself, and where it called from.
type Facts struct {
	OS           string
	Arch         string
	Version      string // of the agent
	Capabilities []string
	Logins       []string // accounts a visit may use, the default first
	Address      string
	Class        string // "attended" or "unattended"; "" is attended
}

// Device is an enrolled device.
type Device struct {
	Name      string
	PublicKey string // as in authorized_keys, without a comment
	// Key is the SHA-256 fingerprint of PublicKey: the device's identity.
	Key    string
	Labels map[string]string
	Facts
	Agentless
	EnrolledAt time.Time
	EnrolledBy string
	Online     bool
	Since      time.Time // online, or away, since then
	Why        string    // why it is away
	// QuarantinedSince is the zero time unless it is in quarantine.
	QuarantinedSince time.Time
	QuarantineWhy    string
	// Told is what it told of itself last, at ToldAt; the store doesn't read it.
	Told   string
	ToldAt time.Time
}

const deviceColumns = `name, public_key, fingerprint, labels, os, arch, version, capabilities, logins, address,
	enrolled_at, enrolled_by, online, since, why, quarantined_at, quarantined_why, class, facts, told_at,
	holder, sshd_key, sshd_login`

func scanDevice(row scanner) (d Device, err error) {
	var enrolled, since, quarantined, told int64
	err = row.Scan(&d.Name, &d.PublicKey, &d.Key, jsonColumn[map[string]string]{&d.Labels}, &d.OS, &d.Arch, &d.Version,
		jsonColumn[[]string]{&d.Capabilities}, jsonColumn[[]string]{&d.Logins}, &d.Address,
		&enrolled, &d.EnrolledBy, &d.Online, &since, &d.Why, &quarantined, &d.QuarantineWhy, &d.Class, &d.Told, &told,
		&d.Holder, &d.HostKey, &d.Login)
	d.ToldAt = fromMicros(told)
	d.EnrolledAt, d.Since, d.QuarantinedSince = fromMicros(enrolled), fromMicros(since), fromMicros(quarantined)
	return d, err
}

func (f Facts) check() error {
	if err := names("class", f.Class, "operating system", f.OS, "architecture", f.Arch, "version", f.Version, "address", f.Address); err != nil {
		return err
	}
	if err := list("capabilities", f.Capabilities); err != nil {
		return err
	}
	return list("logins", f.Logins)
}

// publicKey reads a line as in authorized_keys and gives it without options
// and comment, with its fingerprint.
func publicKey(line string) (canonical, fingerprint string, err error) {
	if len(line) > MaxText {
		return "", "", invalid("the device's key is %d bytes long", len(line))
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return "", "", invalid("the device's key is not in the form of authorized_keys")
	}
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key))), ssh.FingerprintSHA256(key), nil
}

// Devices lists all devices that are not retired, by name.
func (s *Store) Devices(ctx context.Context) ([]Device, error) {
	devices, err := collect(ctx, s.readers, scanDevice, `SELECT `+deviceColumns+` FROM devices WHERE retired_at = 0 LIMIT $1`, MaxDevices)
	// Here, since engines sort text in ways of their own.
	slices.SortFunc(devices, func(a, b Device) int { return cmp.Compare(a.Name, b.Name) })
	return devices, s.explain("list the devices", err)
}

// DeviceByKey finds a device by its key's SHA-256 fingerprint, or gives
// [ErrNotFound]; for a retired one too.
func (s *Store) DeviceByKey(ctx context.Context, key string) (Device, error) {
	d, err := deviceByKey(ctx, s.readers, key)
	return d, s.explain("look up a device", err)
}

// DeviceEver is DeviceByKey that finds a retired device too: what it signed is
// checked with its key. The name of such a one is its fingerprint.
func (s *Store) DeviceEver(ctx context.Context, key string) (Device, error) {
	d, err := one(ctx, s.readers, scanDevice, fmt.Sprintf("the device with the key %q", key),
		`SELECT `+deviceColumns+` FROM devices WHERE fingerprint = $1`, key)
	return d, s.explain("look up a device", err)
}

// DeviceByName finds a device by its name, or gives [ErrNotFound].
func (s *Store) DeviceByName(ctx context.Context, name string) (Device, error) {
	d, err := one(ctx, s.readers, scanDevice, fmt.Sprintf("device %q", name),
		`SELECT `+deviceColumns+` FROM devices WHERE name = $1 AND retired_at = 0`, name)
	return d, s.explain("look up a device", err)
}

func deviceByKey(ctx context.Context, q querier, key string) (Device, error) {
	return one(ctx, q, scanDevice, fmt.Sprintf("the device with the key %q", key),
		`SELECT `+deviceColumns+` FROM devices WHERE fingerprint = $1 AND retired_at = 0`, key)
}

// Online says that a device has called home, what it told, and from where. An
// entry is made each time, whether it was away or not, and another one when its
// class is not what it was.
func (s *Store) Online(ctx context.Context, key string, f Facts, e Entry) error {
	if err := f.check(); err != nil {
		return err
	}
	return s.device(ctx, key, DeviceOnline, e, func(g *group, d Device) (int64, error) {
		if from, to := cmp.Or(d.Class, attended), cmp.Or(f.Class, attended); from != to {
			if err := g.log(e.did(DeviceChanged, d.Name, "").with("key", d.Key, "from", from, "to", to)); err != nil {
				return 0, err
			}
		}
		return g.exec(`UPDATE devices SET os = $1, arch = $2, version = $3, capabilities = $4, logins = $5,
			address = $6, online = $7, since = $8, why = '', class = $9 WHERE fingerprint = $10`,
			f.OS, f.Arch, f.Version, asJSON(f.Capabilities), asJSON(f.Logins), f.Address, true, micros(e.At), f.Class, key)
	})
}

// attended is the class of a device that names none.
const attended = "attended"

// Away says that a device's link has ended, and why. For a device that is away
// already it does nothing, and makes no entry.
func (s *Store) Away(ctx context.Context, key, why string, e Entry) error {
	if err := text("cause", why, MaxText); err != nil {
		return err
	}
	return s.device(ctx, key, DeviceAway, e.with("why", why), func(g *group, d Device) (int64, error) {
		return g.away(d.Key, why, e.At)
	})
}

func (g *group) away(key, why string, at time.Time) (int64, error) {
	return g.exec(`UPDATE devices SET online = $1, since = $2, why = $3 WHERE fingerprint = $4 AND online = $5`,
		false, micros(at), why, key, true)
}

// AllAway sets every device that is marked online to away: for the start of a
// gateway, whose predecessor may not have said goodbye. It returns how many
// there were; each gets its entry.
func (s *Store) AllAway(ctx context.Context, e Entry) (int, error) {
	const why = "the gateway was stopped"
	count := 0
	err := s.change(ctx, func(g *group) error {
		devices, err := collect(g.ctx, g.tx, scanDevice,
			`SELECT `+deviceColumns+` FROM devices WHERE online = $1 LIMIT $2`, true, MaxDevices)
		if err != nil {
			return err
		}
		for _, d := range devices {
			if _, err := g.away(d.Key, why, e.At); err != nil {
				return err
			}
			if err := g.log(e.did(DeviceAway, d.Name, "").with("key", d.Key, "why", why)); err != nil {
				return err
			}
		}
		count = len(devices)
		return nil
	})
	if err != nil {
		return 0, err
	}
	return count, nil
}

// Quarantine keeps visits from a device until [Store.Release]. For one that is
// in quarantine already it does nothing, and makes no entry.
func (s *Store) Quarantine(ctx context.Context, key, why string, e Entry) error {
	if err := text("cause", why, MaxText); err != nil {
		return err
	}
	return s.device(ctx, key, DeviceQuarantined, e.with("why", why), func(g *group, _ Device) (int64, error) {
		return g.exec(`UPDATE devices SET quarantined_at = $1, quarantined_why = $2
			WHERE fingerprint = $3 AND quarantined_at = 0`, micros(e.At), why, key)
	})
}

// Release ends a quarantine. For a device that is not in one it does nothing,
// and makes no entry.
func (s *Store) Release(ctx context.Context, key string, e Entry) error {
	return s.device(ctx, key, DeviceReleased, e, func(g *group, _ Device) (int64, error) {
		return g.exec(`UPDATE devices SET quarantined_at = 0, quarantined_why = ''
			WHERE fingerprint = $1 AND quarantined_at <> 0`, key)
	})
}

// Rename gives a device another name; [ErrNameTaken] where another has it.
func (s *Store) Rename(ctx context.Context, key, name string, e Entry) error {
	if err := names("name", name); err != nil {
		return err
	}
	return s.device(ctx, key, DeviceRenamed, e.with("to", name), func(g *group, d Device) (int64, error) {
		var others int
		err := g.tx.QueryRowContext(g.ctx, `SELECT count(*) FROM devices WHERE name = $1 AND fingerprint <> $2`, name, key).Scan(&others)
		switch {
		case err != nil:
			return 0, err
		case others > 0:
			return 0, ErrNameTaken
		case d.Name == name:
			return 0, nil
		}
		return g.exec(`UPDATE devices SET name = $1 WHERE fingerprint = $2`, name, key)
	})
}

// Relabel replaces all labels of a device.
func (s *Store) Relabel(ctx context.Context, key string, all map[string]string, e Entry) error {
	if err := labels(all); err != nil {
		return err
	}
	return s.device(ctx, key, DeviceLabelled, e.with("labels", asJSON(all)), func(g *group, d Device) (int64, error) {
		if maps.Equal(d.Labels, all) {
			return 0, nil
		}
		return g.exec(`UPDATE devices SET labels = $1 WHERE fingerprint = $2`, asJSON(all), key)
	})
}

// Retire takes a device out of service for good: it is in no list, its key finds
// nothing, and its name is free. What was done on it stays. Enrolled again, it
// starts anew.
func (s *Store) Retire(ctx context.Context, key, why string, e Entry) error {
	if err := text("reason", why, MaxText); err != nil {
		return err
	}
	return s.device(ctx, key, DeviceRetired, e.with("why", why), func(g *group, _ Device) (int64, error) {
		return g.exec(`UPDATE devices SET name = fingerprint, retired_at = $1, online = $2, quarantined_at = 0, quarantined_why = ''
			WHERE fingerprint = $3`, micros(e.At), false, key)
	})
}

// Rekey gives a device another key, a line as in authorized_keys: the whole
// device goes over to it. The row of the old key stays, as that of a retired
// device: visits name it, and what it signed is checked with it. statement is the
// digest of what both keys signed. Errors: [ErrExists] where a device has or had
// that key, [ErrNotFound].
func (s *Store) Rekey(ctx context.Context, key, line, statement string, e Entry) error {
	line, to, err := publicKey(line)
	if err != nil {
		return err
	}
	return s.device(ctx, key, DeviceRekeyed, e.with("to", to, "statement", statement), func(g *group, d Device) (int64, error) {
		if _, err := g.exec(`UPDATE devices SET name = fingerprint, retired_at = $1, online = $2 WHERE fingerprint = $3`,
			micros(e.At), false, key); err != nil {
			return 0, err
		}
		made, err := g.exec(`INSERT INTO devices (fingerprint, public_key, name, labels, os, arch, version, capabilities, logins, address,
				enrolled_at, enrolled_by, online, since, why, quarantined_at, quarantined_why, class, facts, told_at)
			SELECT $1, $2, $3, labels, os, arch, version, capabilities, logins, address,
				enrolled_at, enrolled_by, online, $4, 'it has another key and has not called since', quarantined_at, quarantined_why, class, facts, told_at
			FROM devices WHERE fingerprint = $5 ON CONFLICT (fingerprint) DO NOTHING`, to, line, d.Name, micros(e.At), key)
		if err == nil && made == 0 {
			err = fmt.Errorf("a device with this key: %w", ErrExists)
		}
		if err == nil {
			_, err = g.exec(`UPDATE updates SET device = $1 WHERE device = $2`, to, key)
		}
		return made, err
	})
}

// device has one device changed. If its row was, the entry tells of it.
func (s *Store) device(ctx context.Context, key string, kind Kind, e Entry,
	update func(*group, Device) (int64, error)) error {
	return s.change(ctx, func(g *group) error {
		d, err := deviceByKey(g.ctx, g.tx, key)
		if err != nil {
			return err
		}
		changed, err := update(g, d)
		if err != nil || changed == 0 {
			return err
		}
		return g.log(e.did(kind, d.Name, "").with("key", d.Key))
	})
}
