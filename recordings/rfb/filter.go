package rfb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
)

// ErrClient reports a client's message that is unknown, or longer than allowed.
// Where it ends can't be told, so nothing after it counts.
var ErrClient = errors.New("the viewer sent what is not served")

// Bounds of a client's messages.
const (
	filterEncodings = 256 // entries of one list
	filterKeys      = 32  // held down at once
)

// Filter stands between a client and a server and passes what the client may say:
// which picture it wants, and, while it is allowed, keys, the mouse, a text for
// the clipboard, another size. It knows what is held down, so that nothing stays
// held when that is taken away.
type Filter struct {
	// Control is asked for each key, movement of the mouse and change of size,
	// Clip for each text. Nil is a no. They must be set before Run and may be
	// called while the filter's lock is held.
	Control, Clip func() bool
	// Sent, where it is set, is called after a key or a movement has passed.
	Sent func()

	mu      sync.Mutex // guards all below, and writing
	server  io.Writer
	keys    []uint32 // held down in the server
	buttons byte     // the same
	x, y    [2]byte  // where the mouse was last
	stale   byte     // buttons pressed while they were not allowed, until they are released
}

// NewFilter makes one whose client writes to server.
func NewFilter(server io.Writer) *Filter { return &Filter{server: server} }

// Run takes what the client says, ClientInit first, until it ends (nil) or sends
// what can't be passed.
func (f *Filter) Run(client io.Reader) error {
	var first [1]byte
	if _, err := io.ReadFull(client, first[:]); err != nil {
		return leftNicely(err)
	}
	// Shared, whatever the client wants: else a server hangs up on its others.
	if err := f.pass([]byte{1}); err != nil {
		return err
	}
	for {
		m, err := readClient(client)
		if err != nil {
			return leftNicely(err)
		}
		if err := f.take(m); err != nil {
			return err
		}
	}
}

// leftNicely is nil for a client that left between two messages.
func leftNicely(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// readClient reads one message, of a kind and length that are known.
func readClient(client io.Reader) ([]byte, error) {
	var kind [1]byte
	if _, err := io.ReadFull(client, kind[:]); err != nil {
		return nil, err
	}
	head, known := clientHead(kind[0])
	if !known {
		return nil, fmt.Errorf("%w: a message of type %d", ErrClient, kind[0])
	}
	m := make([]byte, head)
	m[0] = kind[0]
	if _, err := io.ReadFull(client, m[1:]); err != nil {
		return nil, noEnd(err)
	}
	rest, err := clientRest(m)
	if err != nil || rest == 0 {
		return m, err
	}
	m = append(m, make([]byte, rest)...)
	_, err = io.ReadFull(client, m[head:])
	return m, noEnd(err)
}

func noEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// clientHead is how long a message is at least, the type included.
func clientHead(kind byte) (bytes int, known bool) {
	switch kind {
	case msgSetPixelFormat:
		return 20, true
	case msgSetEncodings, msgXVP:
		return 4, true
	case msgFramebufferUpdateRequest:
		return 10, true
	case msgKeyEvent, msgClientCutText, msgSetDesktopSize:
		return 8, true
	case msgPointerEvent:
		return 6, true
	case msgQEMU:
		return 12, true
	}
	return 0, false
}

// clientRest is how much follows a head.
func clientRest(head []byte) (int, error) {
	switch head[0] {
	case msgSetEncodings:
		n := int(binary.BigEndian.Uint16(head[2:]))
		if n > filterEncodings {
			return 0, fmt.Errorf("%w: %d encodings", ErrClient, n)
		}
		return 4 * n, nil
	case msgClientCutText:
		// A negative length would be the extended clipboard, which the filter
		// keeps both sides from agreeing on.
		n := binary.BigEndian.Uint32(head[4:])
		if n > maxCut {
			return 0, fmt.Errorf("%w: a text of %d bytes for the clipboard, %d are allowed", ErrClient, n, maxCut)
		}
		return int(n), nil
	case msgSetDesktopSize:
		return 16 * int(head[6]), nil
	case msgQEMU:
		if head[1] != 0 { // all but keys: audio
			return 0, fmt.Errorf("%w: an extension %d of QEMU", ErrClient, head[1])
		}
	}
	return 0, nil
}

// take passes a message, or drops it.
func (f *Filter) take(m []byte) error {
	switch m[0] {
	case msgSetEncodings:
		return f.pass(onlyServed(m))
	case msgSetPixelFormat, msgFramebufferUpdateRequest:
		return f.pass(m)
	case msgKeyEvent:
		return f.key(m)
	case msgPointerEvent:
		return f.pointer(m)
	case msgClientCutText:
		if !says(f.Clip) {
			return nil
		}
		return f.pass(m)
	case msgSetDesktopSize:
		if !says(f.Control) {
			return nil
		}
		return f.pass(m)
	}
	// Turning the machine off, and keys of an extension that the filter keeps
	// both sides from agreeing on.
	return nil
}

func says(rule func() bool) bool { return rule != nil && rule() }

func (f *Filter) pass(m []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.write(m)
}

// write sends to the server. The caller holds mu.
func (f *Filter) write(m []byte) error {
	if _, err := f.server.Write(m); err != nil {
		return fmt.Errorf("speak with the VNC server: %w", err)
	}
	return nil
}

// key passes a key that is allowed. A release passes only for what is held.
func (f *Filter) key(m []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	down, sym := m[1] != 0, binary.BigEndian.Uint32(m[4:])
	held := slices.Index(f.keys, sym)
	switch {
	case !says(f.Control):
		return f.release() // what is held from before goes too
	case !down && held < 0, down && held < 0 && len(f.keys) >= filterKeys:
		return nil
	case !down:
		f.keys = slices.Delete(f.keys, held, held+1)
	case held < 0:
		f.keys = append(f.keys, sym)
	}
	err := f.write(m)
	f.sent()
	return err
}

// pointer passes a movement that is allowed. A button that was pressed while it
// was not counts only once it was let go.
func (f *Filter) pointer(m []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !says(f.Control) {
		f.stale = m[1]
		return f.release()
	}
	f.stale &= m[1]
	m[1] &^= f.stale
	f.buttons, f.x, f.y = m[1], [2]byte(m[2:4]), [2]byte(m[4:6])
	err := f.write(m)
	f.sent()
	return err
}

func (f *Filter) sent() {
	if f.Sent != nil {
		f.Sent()
	}
}

// Release lets go of all that the client holds down: for the moment at which
// control is taken away. A button counts again only once the client let it go.
func (f *Filter) Release() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.release()
}

// release does it. The caller holds mu.
func (f *Filter) release() error {
	var all []byte
	for _, sym := range f.keys {
		all = binary.BigEndian.AppendUint32(append(all, msgKeyEvent, 0, 0, 0), sym)
	}
	if f.buttons != 0 {
		all = append(all, msgPointerEvent, 0, f.x[0], f.x[1], f.y[0], f.y[1])
	}
	f.stale |= f.buttons
	f.keys, f.buttons = nil, 0
	if len(all) == 0 {
		return nil
	}
	return f.write(all)
}

// onlyServed leaves of a list of encodings what a picture needs. What else a
// server may know would bring messages that nobody has judged: the extended
// clipboard, sound, files.
func onlyServed(m []byte) []byte {
	kept := m[:4:4]
	for at := 4; at < len(m); at += 4 {
		if served(int32(binary.BigEndian.Uint32(m[at:]))) {
			kept = append(kept, m[at:at+4]...)
		}
	}
	binary.BigEndian.PutUint16(kept[2:], uint16((len(kept)-4)/4))
	return kept
}

// served says whether an encoding is one of pictures.
func served(encoding int32) bool {
	switch encoding {
	case encRaw, encCopyRect, encHextile, encZlib, encTight, encZRLE,
		encDesktopSize, encLastRect, encPointerPos, encVMwarePointerPos, encCursor, encXCursor, encDesktopName, encExtendedDesktopSize:
		return true
	}
	return encoding >= encJPEGQuality0 && encoding <= encJPEGQuality0+9 || encoding >= encCompression0 && encoding <= encCompression0+9
}
