package files

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// Bounds of what one connection can make this side remember.
const (
	// waitMost is how many questions may be without an answer; more of them
	// wait in the client.
	waitMost = 1024
	// handlesMost is how many files and folders may be open. A device opens
	// fewer.
	handlesMost = 1024
	// sizesMost is how many sizes of files are remembered that were asked for
	// before the file was opened.
	sizesMost = 256
)

// SFTP is one SFTP connection, as who stands between its two sides sees it.
// [SFTP.Up] and [SFTP.Down] run once each, in a goroutine of their own; when
// both have returned, [SFTP.End] must be called.
type SFTP struct {
	may     func(Direction) bool
	journal Journal

	out sync.Mutex // whole packets to the client

	mu      sync.Mutex
	greeted bool // the client has begun
	welcome bool // and the device has answered that
	waiting map[uint32]*asked
	room    chan struct{} // a token for each question that waits
	handles map[string]*handle
	ending  map[*handle]bool // closed, with answers that are still to come
	sizes   map[string]int64
	number  int
	budget  int
}

// asked is a question that the device has not answered.
type asked struct {
	kind   byte
	path   string
	change Change
	flags  uint32
	handle *handle
	offset int64
	length uint32
	size   int64
}

// handle is an open file or folder.
type handle struct {
	name     string
	path     string
	get, put *stream // nil where it was not opened for that
	folder   bool
	asking   int  // reads and writes without an answer
	closed   bool // the client has closed it
}

// NewSFTP makes one. may says at each question whether a direction is granted.
func NewSFTP(may func(Direction) bool, j Journal) *SFTP {
	return &SFTP{
		may: may, journal: j, waiting: make(map[uint32]*asked), room: make(chan struct{}, waitMost),
		handles: make(map[string]*handle), ending: make(map[*handle]bool), sizes: make(map[string]int64), budget: heldMost,
	}
}

// Up moves packets from the client to the device until there are no more (nil)
// or an error; back is where the client reads what is refused here. When down
// is closed, nothing more is answered and Up does not wait for it.
func (s *SFTP) Up(from io.Reader, to, back io.Writer, down <-chan struct{}) error {
	var p, buf []byte
	var err error
	for {
		if p, buf, err = readPacket(from, buf); err != nil {
			return atEnd(err)
		}
		no, err := s.ask(p, down)
		if err != nil {
			return err
		}
		if no != nil {
			err = s.write(back, no)
		} else {
			_, err = to.Write(p)
		}
		if err != nil {
			return err
		}
	}
}

// Down moves packets from the device to the client until there are no more.
func (s *SFTP) Down(from io.Reader, to io.Writer) error {
	var p, buf []byte
	var err error
	for {
		if p, buf, err = readPacket(from, buf); err != nil {
			return atEnd(err)
		}
		if err := s.answer(p); err != nil {
			return err
		}
		if err := s.write(to, p); err != nil {
			return err
		}
	}
}

func atEnd(err error) error {
	if err == io.EOF { //nolint:errorlint // io.ReadFull gives just that
		return nil
	}
	return err
}

func (s *SFTP) write(to io.Writer, p []byte) error {
	s.out.Lock()
	defer s.out.Unlock()
	_, err := to.Write(p)
	return err
}

// End ends the transfers that were cut.
func (s *SFTP) End() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, h := range s.handles {
		s.ending[h] = true
	}
	clear(s.handles)
	var errs []error
	for h := range s.ending {
		h.fail("it was cut")
		errs = append(errs, h.finish())
	}
	clear(s.ending)
	return errors.Join(errs...)
}

func (h *handle) streams() []*stream {
	var list []*stream
	for _, st := range []*stream{h.get, h.put} {
		if st != nil {
			list = append(list, st)
		}
	}
	return list
}

func (h *handle) fail(why string) {
	for _, st := range h.streams() {
		st.fail(why)
	}
}

// finish ends its transfers. A file that was opened to be written and read, and
// of which nothing was read, is only written.
func (h *handle) finish() error {
	for _, st := range h.streams() {
		if st == h.get && h.put != nil && st.Bytes == 0 {
			continue
		}
		if err := st.finish(); err != nil {
			return err
		}
	}
	return nil
}

// ask takes a packet of the client. What is refused is answered with no.
func (s *SFTP) ask(p []byte, down <-chan struct{}) (no []byte, err error) {
	b := &body{rest: p[4:]}
	kind := b.byte()
	if kind == fxInit {
		return nil, s.begin(b)
	}
	id := b.uint32()
	if b.bad {
		return nil, fmt.Errorf("%w: a packet without a number", ErrNonsense)
	}
	q, refused := s.question(kind, b)
	select {
	case s.room <- struct{}{}:
	case <-down:
		return nil, io.EOF
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.welcome || s.waiting[id] != nil {
		return nil, fmt.Errorf("%w: a question before the greeting, or two with one number", ErrNonsense)
	}
	if refused == nil {
		refused = s.bind(q)
	}
	if refused != nil {
		<-s.room
		return status(id, refused.code, refused.Why), s.journal.Refused(refused.Refusal)
	}
	if q.kind == fxWrite {
		if err := q.handle.put.take(q.offset, b.rest); err != nil {
			return nil, err
		}
	}
	s.waiting[id] = q
	return nil, nil
}

// begin takes the client's greeting, which comes first and once.
func (s *SFTP) begin(b *body) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if version := b.uint32(); b.bad || version < 3 || s.greeted {
		return fmt.Errorf("%w: version 3 of SFTP is spoken here, and greeted once", ErrNonsense)
	}
	s.greeted = true
	return nil
}

// answer takes a packet of the device.
func (s *SFTP) answer(p []byte) error {
	b := &body{rest: p[4:]}
	kind := b.byte()
	s.mu.Lock()
	defer s.mu.Unlock()
	if kind == fxVersion {
		if version := b.uint32(); b.bad || version != 3 || !s.greeted || s.welcome {
			return fmt.Errorf("%w: it answers the greeting with another version than 3, or twice", ErrNonsense)
		}
		s.welcome = true
		return nil
	}
	id := b.uint32()
	q := s.waiting[id]
	if b.bad || q == nil || kind != fxStatus && kind != answers(q.kind) {
		return fmt.Errorf("%w: an answer to no question, or to another", ErrNonsense)
	}
	delete(s.waiting, id)
	<-s.room
	return s.settle(q, kind, b)
}

// answers is the type of the answer to a question that went well; STATUS where
// nothing else can come.
func answers(kind byte) byte {
	switch kind {
	case fxOpen, fxOpendir:
		return fxHandle
	case fxRead:
		return fxData
	case fxReaddir, fxRealpath, fxReadlink:
		return fxName
	case fxStat, fxLstat, fxFstat:
		return fxAttrs
	case fxExtended:
		return fxExtendedReply
	}
	return fxStatus
}
