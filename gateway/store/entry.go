package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"golang.org/x/mod/sumdb/tlog"
)

// Entry is one entry of the audit log.
//
// For [Store.Append] the caller fills in Kind. The methods that change state
// set Kind, Device, Visit and Success themselves, and add to Data: their
// caller says when, who and from where.
type Entry struct {
	// Seq counts the entries of the log from 1. Assigned by the store.
	Seq int64
	// Hash is the entry's leaf in the tree (RFC 6962, 2.1). Assigned by the
	// store.
	Hash tlog.Hash
	// At is when it happened. It is kept in microseconds, UTC. A clock that
	// was set back may make it earlier than that of the entry before.
	At      time.Time
	Kind    Kind
	Actor   string // a person's name, "gateway", or the device itself
	Device  string // its name
	Visit   string // its id
	Address string // where Actor came from
	Success bool
	// Data holds what else is to be known, see [Kind]: at most 32 keys, each
	// value at most [MaxText] bytes, all of it within [MaxRecord].
	Data map[string]string
}

// with adds to the entry's data, leaving out what is empty. The caller's map
// stays as it is.
func (e Entry) with(pairs ...string) Entry {
	data := maps.Clone(e.Data)
	if data == nil {
		data = make(map[string]string, len(pairs)/2)
	}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			data[pairs[i]] = pairs[i+1]
		}
	}
	e.Data = data
	return e
}

// did makes the entry that of a change that succeeded.
func (e Entry) did(kind Kind, device, visit string) Entry {
	e.Kind, e.Device, e.Visit, e.Success = kind, device, visit, true
	return e
}

func (e Entry) check() error {
	if !e.Kind.Known() {
		return invalid("the kind of entry %q is not known", e.Kind)
	}
	if err := checkTime("time of the entry", e.At); err != nil {
		return err
	}
	if err := required("actor", e.Actor); err != nil {
		return err
	}
	if err := names("device", e.Device, "visit", e.Visit, "address", e.Address); err != nil {
		return err
	}
	if len(e.Data) > 32 {
		return invalid("%d values in one entry, at most 32 are taken", len(e.Data))
	}
	for k, v := range e.Data {
		if err := required("key of a value", k); err != nil {
			return err
		}
		if err := text("value of "+k, v, MaxText); err != nil {
			return err
		}
	}
	// With the longest number that it can get it must fit: an entry that did
	// not would fail the whole group it is committed in.
	e.Seq = math.MaxInt64
	_, err := e.encode()
	return err
}

// record is the form in which an entry is hashed and kept. New fields are
// added at the end, with omitempty, so that old entries keep their one
// spelling.
type record struct {
	Seq     int64             `json:"seq"`
	At      int64             `json:"at"` // microseconds
	Kind    Kind              `json:"kind"`
	Actor   string            `json:"actor"`
	Device  string            `json:"device,omitempty"`
	Visit   string            `json:"visit,omitempty"`
	Address string            `json:"address,omitempty"`
	Success bool              `json:"success"`
	Data    map[string]string `json:"data,omitempty"`
}

// encode gives the entry's one spelling.
func (e Entry) encode() ([]byte, error) {
	text, err := json.Marshal(record{
		e.Seq, micros(e.At), e.Kind, e.Actor, e.Device, e.Visit, e.Address, e.Success, e.Data,
	})
	if err != nil {
		return nil, fmt.Errorf("encode an entry: %w", err)
	}
	if len(text) > MaxRecord {
		return nil, invalid("the entry takes %d bytes, at most %d are taken", len(text), MaxRecord)
	}
	return text, nil
}

var errRecord = errors.New("not in the form in which entries are written")

// decodeEntry reads what encode has written and nothing else: what it decodes
// to must encode to the same bytes.
func decodeEntry(text []byte) (Entry, error) {
	var r record
	if len(text) > MaxRecord {
		return Entry{}, errRecord
	}
	if err := json.Unmarshal(text, &r); err != nil {
		return Entry{}, errRecord
	}
	e := Entry{
		r.Seq, tlog.RecordHash(text), fromMicros(r.At), r.Kind,
		r.Actor, r.Device, r.Visit, r.Address, r.Success, r.Data,
	}
	if again, err := e.encode(); err != nil || !bytes.Equal(again, text) {
		return Entry{}, errRecord
	}
	return e, nil
}

// checkTime wants a time that microseconds in 64 bits, and people, can read.
func checkTime(what string, t time.Time) error {
	if y := t.UTC().Year(); y < 1971 || y > 9999 {
		return invalid("the %s is missing or makes no sense", what)
	}
	return nil
}

// micros is a time as both engines keep it; 0 is the zero time.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// stamp is a time in the data of an entry.
func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
