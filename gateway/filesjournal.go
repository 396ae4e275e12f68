package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"sync"

	"accord/recordings"
	"accord/wire"
	"accord/wire/files"
)

// Kinds of events on a recording's timeline that copying files makes.
const (
	eventFiles       = "files"        // a session begins that copies files
	eventFile        = "file"         // a file begins to go, before its first byte does
	eventFileEnded   = "file.ended"   // it has gone, whole or in part
	eventFileChanged = "file.changed" // something else was done to files, or looked at
	eventFileRefused = "file.refused" // what the gateway did not hand on
	eventFilesSaid   = "files.said"   // what the device's side said on standard error
	eventFilesEnded  = "files.ended"  // the session ends
)

// refusalsMost is how many refusals of one session are told; more are counted.
const refusalsMost = 256

// filesBegan is the data of an eventFiles.
type filesBegan struct {
	Files   int    `json:"files"` // the session's number in the visit
	Tool    string `json:"tool"`
	Command string `json:"command,omitempty"`
	Login   string `json:"login,omitempty"`
}

// named is the name of a file: as people may read it, and where that is not its
// own bytes, those too.
type named struct {
	Path  string `json:"path"`
	Bytes []byte `json:"path_bytes,omitempty"`
}

func pathOf(path string) named {
	n := named{Path: wire.Clean(path, 4<<10)}
	if n.Path != path {
		n.Bytes = []byte(path)
	}
	return n
}

// moved is the data of an eventFile, and the begin of that of an eventFileEnded.
type moved struct {
	Files    int `json:"files"`
	Transfer int `json:"transfer"` // its number in the session
	named
	Direction files.Direction `json:"direction"`
	Size      *int64          `json:"size,omitempty"` // where it was announced
}

type movedWhole struct {
	moved
	From    int64       `json:"from,omitempty"` // where in the file the first byte belongs
	Went    int64       `json:"bytes"`
	Sum     string      `json:"sha256,omitempty"`
	State   files.State `json:"state"`
	Why     string      `json:"why,omitempty"`
	Seconds float64     `json:"seconds"`
	Copy    string      `json:"copy,omitempty"` // the recording's file that holds its bytes
}

type fileChanged struct {
	Files int    `json:"files"`
	Op    string `json:"op"`
	named
	To         *named `json:"to,omitempty"`
	Attributes string `json:"attributes,omitempty"`
	Error      string `json:"error,omitempty"`
}

type fileRefused struct {
	Files int    `json:"files"`
	Op    string `json:"op"`
	named
	Why string `json:"why"`
}

type filesEnded struct {
	Files   int      `json:"files"`
	Status  int      `json:"status"`
	Signal  string   `json:"signal,omitempty"`
	Got     int      `json:"got"` // files
	Put     int      `json:"put"`
	Refused int      `json:"refused,omitempty"`
	Up      *opacity `json:"up,omitempty"` // of a tool that nobody can follow
	Down    *opacity `json:"down,omitempty"`
}

// opacity is all that is known of bytes that nobody can follow.
type opacity struct {
	Opaque bool   `json:"opaque"`
	Bytes  int64  `json:"bytes"`
	Sum    string `json:"sha256"`
}

// opaque counts and sums them.
type opaque struct {
	mu  sync.Mutex
	n   int64
	sum hash.Hash
}

func (o *opaque) take(p []byte) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.sum == nil {
		o.sum = sha256.New()
	}
	o.sum.Write(p)
	o.n += int64(len(p))
	return nil
}

// told is what is known until now: a side that was cut may still be heard.
func (o *opaque) told() *opacity {
	_ = o.take(nil)
	o.mu.Lock()
	defer o.mu.Unlock()
	return &opacity{Opaque: true, Bytes: o.n, Sum: hex.EncodeToString(o.sum.Sum(nil))}
}

// filesJournal puts what a session copies on the timeline of its visit. It is the
// journal of what follows the session.
type filesJournal struct {
	rec     *recordings.Recording
	happens func(kind string, data any) error
	number  int

	copies   map[*files.Transfer]*recordings.File // of what is on its way; whoever calls the journal is alone
	mu       sync.Mutex
	got, put int
	refused  int
	err      error // the recorder's
}

// beginFiles begins a session on the timeline.
func (v *visit) beginFiles(tool, command string) (*filesJournal, error) {
	j := &filesJournal{rec: v.rec, happens: v.happens, number: int(v.copied.Add(1)), copies: make(map[*files.Transfer]*recordings.File)}
	return j, v.happens(eventFiles, filesBegan{j.number, tool, wire.Clean(command, 4<<10), v.req.Login})
}

func (j *filesJournal) event(kind string, data any) error {
	if err := j.happens(kind, data); err != nil {
		return j.fails(err)
	}
	return nil
}

// fails notes that the recorder failed.
func (j *filesJournal) fails(err error) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err = errors.Join(j.err, err)
	return err
}

// failed is why the recorder failed, or nil; that the visit is over is no
// failure.
func (j *filesJournal) failed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return ended(j.err)
}

func (j *filesJournal) moved(t *files.Transfer) moved {
	m := moved{Files: j.number, Transfer: t.Number, named: pathOf(t.Path), Direction: t.Direction}
	if t.Size >= 0 {
		m.Size = &t.Size
	}
	return m
}

// Begins implements [files.Journal], as do those below.
func (j *filesJournal) Begins(t *files.Transfer) error {
	kept, err := j.rec.File()
	if err != nil {
		return j.fails(err)
	}
	if kept != nil {
		j.copies[t] = kept
	}
	return j.event(eventFile, j.moved(t))
}

// Moved keeps what the configuration says.
func (j *filesJournal) Moved(t *files.Transfer, p []byte) error {
	if err := j.copies[t].Append(p); err != nil {
		return j.fails(err)
	}
	return nil
}

// Ends counts a file, too.
func (j *filesJournal) Ends(t *files.Transfer) error {
	j.mu.Lock()
	if t.Direction == files.Put {
		j.put++
	} else {
		j.got++
	}
	j.mu.Unlock()
	kept := j.copies[t]
	delete(j.copies, t)
	kept.Close()
	return j.event(eventFileEnded, movedWhole{
		moved: j.moved(t), Copy: kept.Name(), From: t.From, Went: t.Bytes, Sum: t.Sum, State: t.State, Why: wire.Clean(t.Why, wire.MaxReason), Seconds: t.Took.Seconds(),
	})
}

// Changed tells of what was done to the device's files besides.
func (j *filesJournal) Changed(c files.Change) error {
	e := fileChanged{Files: j.number, Op: c.Op, named: pathOf(c.Path), Attributes: c.Attributes, Error: wire.Clean(c.Error, wire.MaxReason)}
	if c.To != "" {
		to := pathOf(c.To)
		e.To = &to
	}
	return j.event(eventFileChanged, e)
}

// Refused tells of what was not handed on, as long as there are not too many.
func (j *filesJournal) Refused(r files.Refusal) error {
	j.mu.Lock()
	j.refused++
	many := j.refused > refusalsMost
	j.mu.Unlock()
	if many {
		return nil
	}
	return j.event(eventFileRefused, fileRefused{j.number, r.Op, pathOf(r.Path), wire.Clean(r.Why, wire.MaxReason)})
}

func (j *filesJournal) complained(p []byte) error {
	return j.event(eventFilesSaid, struct {
		Files int    `json:"files"`
		Text  string `json:"text"`
	}{j.number, wire.Clean(string(p), 8<<10)})
}

// endFiles ends the session on the timeline.
func (j *filesJournal) endFiles(exit outcome, unfollowed bool, both *[2]opaque) error {
	j.mu.Lock()
	e := filesEnded{Files: j.number, Status: exit.status, Signal: signalName(exit.signal), Got: j.got, Put: j.put, Refused: j.refused}
	j.mu.Unlock()
	if !exit.known {
		e.Status = -1
	}
	if unfollowed {
		e.Up, e.Down = both[0].told(), both[1].told()
	}
	return j.event(eventFilesEnded, e)
}
