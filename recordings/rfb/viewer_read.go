package rfb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"io"
	"time"
)

// skipMost bounds the text of a clipboard that is too long to be taken and is
// read over: many viewers send what was copied unasked, whatever its size.
const skipMost = 64 << 20

// abilities is what a viewer can take, by its SetEncodings.
type abilities struct {
	encoding    int32 // the one it likes best of ours
	level       int   // of compression, 1 to 9
	copyRect    bool
	cursor      bool
	pointer     bool
	name        bool
	desktopSize bool
	extended    bool // ExtendedDesktopSize
}

// read takes the viewer's messages (RFC 6143 section 7.5), until one is wrong or
// none comes.
func (v *Viewer) read() error {
	for {
		kind, err := v.in.ReadByte()
		if err != nil {
			return err
		}
		if err := v.message(kind); err != nil {
			return fmt.Errorf("message %d of the viewer: %w", kind, err)
		}
	}
}

func (v *Viewer) message(kind byte) error {
	switch kind {
	case msgSetPixelFormat:
		return v.setFormat()
	case msgSetEncodings:
		return v.setEncodings()
	case msgFramebufferUpdateRequest:
		return v.request()
	case msgKeyEvent:
		return v.key()
	case msgPointerEvent:
		return v.pointer()
	case msgClientCutText:
		return v.cutText()
	case msgSetDesktopSize:
		return v.setSize()
	}
	return errors.New("it is of a kind that was not offered, so that nobody knows where it ends")
}

// field reads the rest of a message of a fixed size, n of at most 19 bytes. The
// result is good until the next one.
func (v *Viewer) field(n int) ([]byte, error) {
	b, err := v.in.Peek(n)
	if err != nil {
		return nil, fmt.Errorf("it ends too early: %w", cutOff(err))
	}
	_, err = v.in.Discard(n)
	return b, err
}

// cutOff is for an end where there must be none.
func cutOff(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (v *Viewer) setFormat() error {
	b, err := v.field(3 + formatBytes)
	if err != nil {
		return err
	}
	format, err := parseFormat(b[3:])
	if err != nil {
		return err
	}
	v.order(func(o *orders) { o.format = format })
	return nil
}

func (v *Viewer) setEncodings() error {
	b, err := v.field(3)
	if err != nil {
		return err
	}
	n := int(binary.BigEndian.Uint16(b[1:]))
	can := abilities{level: 2}
	for range n {
		b, err := v.field(4)
		if err != nil {
			return err
		}
		can.add(int32(binary.BigEndian.Uint32(b)))
	}
	v.order(func(o *orders) { o.abilities = can })
	return nil
}

// add takes one of a list, which has the best first. Raw comes last whatever the
// list says: viewers put it first when they take the server to be on their own
// machine, and through a tunnel they always do.
func (a *abilities) add(encoding int32) {
	switch encoding {
	case encTight, encZRLE, encHextile:
		if a.encoding == encRaw {
			a.encoding = encoding
		}
	case encCopyRect:
		a.copyRect = true
	case encCursor:
		a.cursor = true
	case encPointerPos:
		a.pointer = true
	case encDesktopName:
		a.name = true
	case encDesktopSize:
		a.desktopSize = true
	case encExtendedDesktopSize:
		a.extended = true
	default:
		if level := encoding - encCompression0; level >= 0 && level <= 9 {
			a.level = max(1, int(level))
		}
	}
}

func (v *Viewer) request() error {
	b, err := v.field(9)
	if err != nil {
		return err
	}
	at := image.Pt(int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:])))
	size := image.Pt(int(binary.BigEndian.Uint16(b[5:])), int(binary.BigEndian.Uint16(b[7:])))
	r := request{asked: true, fresh: true, region: image.Rectangle{Min: at, Max: at.Add(size)}}
	if b[0] == 0 {
		r.all = r.region
	}
	v.order(func(o *orders) { o.request = o.request.and(r) })
	return nil
}

// and is both requests in one, which may ask for more.
func (r request) and(s request) request {
	return request{r.asked || s.asked, r.fresh || s.fresh, r.region.Union(s.region), r.all.Union(s.all)}
}

func (v *Viewer) key() error {
	b, err := v.field(7)
	if err == nil && v.o.Key != nil {
		v.o.Key(b[0] != 0, binary.BigEndian.Uint32(b[3:]))
	}
	return err
}

func (v *Viewer) pointer() error {
	b, err := v.field(5)
	if err == nil && v.o.Pointer != nil {
		part, _ := v.screen.Part(v.o.Monitor)
		x, y := int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
		v.mu.Lock()
		v.orders.moved = time.Now()
		v.mu.Unlock()
		v.o.Pointer(min(part.Min.X+x, part.Max.X-1), min(part.Min.Y+y, part.Max.Y-1), b[0])
	}
	return err
}

func (v *Viewer) cutText() error {
	b, err := v.field(7)
	if err != nil {
		return err
	}
	n := int64(binary.BigEndian.Uint32(b[3:]))
	if n > skipMost {
		return fmt.Errorf("it has a text of %d bytes; %d are read, and %d are taken", n, skipMost, maxCut)
	}
	if n > maxCut || v.o.Cut == nil {
		if _, err := io.CopyN(io.Discard, v.in, n); err != nil {
			return fmt.Errorf("it ends within a text: %w", cutOff(err))
		}
		return nil
	}
	text := make([]byte, n)
	if _, err := io.ReadFull(v.in, text); err != nil {
		return fmt.Errorf("it ends within a text: %w", err)
	}
	v.o.Cut(string(fromLatin1(text)))
	return nil
}

// setSize asks for another size. What monitors it is divided into is the
// device's affair.
func (v *Viewer) setSize() error {
	b, err := v.field(7)
	if err != nil {
		return err
	}
	w, h := int(binary.BigEndian.Uint16(b[1:])), int(binary.BigEndian.Uint16(b[3:]))
	for range b[5] {
		if _, err := v.field(16); err != nil {
			return err
		}
	}
	if v.o.Resize == nil || v.o.Monitor != 0 || CheckSize(w, h) != nil || v.o.Resize(w, h) != nil {
		v.order(func(o *orders) { o.refused = true })
	}
	return nil
}
