package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"
)

// UpdateState is how far an order for an update has come.
type UpdateState string

// The states. The first two are open: something is still to come.
const (
	UpdateOrdered   UpdateState = "ordered"   // the device has not been reached, or not to the end
	UpdateTaken     UpdateState = "taken"     // the device has the release, and is to run it
	UpdateDone      UpdateState = "done"      // it runs it
	UpdateRefused   UpdateState = "refused"   // by the device, or by the gateway
	UpdateFailed    UpdateState = "went back" // the device ran it, and gave it up
	UpdateCancelled UpdateState = "cancelled"
)

// Update is the last order that a device was given.
type Update struct {
	Device   string // fingerprint
	Version  string // of the release; "" where the device goes back and has not said to what
	Manifest string // SHA-256 of what was signed
	Back     bool
	By       string
	At       time.Time
	State    UpdateState
	Why      string
	Changed  time.Time
}

// Open says whether something is still to come of it.
func (u Update) Open() bool { return u.State == UpdateOrdered || u.State == UpdateTaken }

const updateColumns = `device, version, manifest, back, ordered_by, ordered_at, state, why, changed_at`

func scanUpdate(row scanner) (u Update, err error) {
	var at, changed int64
	var state string
	err = row.Scan(&u.Device, &u.Version, &u.Manifest, &u.Back, &u.By, &at, &state, &u.Why, &changed)
	u.At, u.Changed, u.State = fromMicros(at), fromMicros(changed), UpdateState(state)
	return u, err
}

// Updates lists the last orders of all devices, by their keys.
func (s *Store) Updates(ctx context.Context) (map[string]Update, error) {
	list, err := collect(ctx, s.readers, scanUpdate, `SELECT `+updateColumns+` FROM updates LIMIT $1`, MaxDevices)
	byKey := make(map[string]Update, len(list))
	for _, u := range list {
		byKey[u.Device] = u
	}
	return byKey, s.explain("list the updates", err)
}

// Update is the last order of one device, or [ErrNotFound].
func (s *Store) Update(ctx context.Context, key string) (Update, error) {
	u, err := updateOf(ctx, s.readers, key)
	return u, s.explain("look up an update", err)
}

func updateOf(ctx context.Context, q querier, key string) (Update, error) {
	return one(ctx, q, scanUpdate, fmt.Sprintf("an update of the device with the key %q", key),
		`SELECT `+updateColumns+` FROM updates WHERE device = $1`, key)
}

// OrderUpdate gives a device an order, in place of the one before.
func (s *Store) OrderUpdate(ctx context.Context, u Update, e Entry) error {
	if err := cmp.Or(names("version", u.Version), names("manifest", u.Manifest), required("who orders it", e.Actor)); err != nil {
		return err
	}
	return s.device(ctx, u.Device, DeviceUpdate, e.with("step", string(UpdateOrdered), "version", u.Version, "manifest", u.Manifest, "back", yes(u.Back)),
		func(g *group, _ Device) (int64, error) {
			return g.exec(`INSERT INTO updates (`+updateColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, '', $6)
				ON CONFLICT (device) DO UPDATE SET version = excluded.version, manifest = excluded.manifest, back = excluded.back,
					ordered_by = excluded.ordered_by, ordered_at = excluded.ordered_at, state = excluded.state, why = '', changed_at = excluded.changed_at`,
				u.Device, u.Version, u.Manifest, u.Back, e.Actor, micros(e.At), string(UpdateOrdered))
		})
}

// StepUpdate takes the order of a device on, if it is the one that was given at u.At
// and is in one of the states. For another it does nothing, and makes no entry.
func (s *Store) StepUpdate(ctx context.Context, u Update, from []UpdateState, e Entry) error {
	if err := cmp.Or(names("version", u.Version), text("cause", u.Why, MaxText)); err != nil {
		return err
	}
	return s.change(ctx, func(g *group) error {
		d, err := deviceByKey(g.ctx, g.tx, u.Device)
		if err != nil {
			return err
		}
		was, err := updateOf(g.ctx, g.tx, u.Device)
		if err != nil || !was.At.Equal(u.At) || !slices.Contains(from, was.State) {
			return err
		}
		if _, err := g.exec(`UPDATE updates SET state = $1, why = $2, changed_at = $3, version = $4 WHERE device = $5`,
			string(u.State), u.Why, micros(e.At), u.Version, u.Device); err != nil {
			return err
		}
		e := e.did(DeviceUpdate, d.Name, "").with("key", d.Key, "step", string(u.State), "version", u.Version, "back", yes(u.Back), "why", u.Why)
		e.Success = u.State != UpdateRefused && u.State != UpdateFailed
		return g.log(e)
	})
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return ""
}
