//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"accord/recordings/rfb"
)

// film is what a server sent after its ServerInit, and when.
type film struct {
	name          string
	width, height int
	pieces        []piece
	length        time.Duration
}

type piece struct {
	at   time.Duration
	data []byte
}

// bytes is how many were received.
func (f *film) bytes() (n int) {
	for _, p := range f.pieces {
		n += len(p.data)
	}
	return n
}

// readFilms reads a folder of captures.
func readFilms(folder string) ([]*film, error) {
	names, err := filepath.Glob(filepath.Join(folder, "*.zrle.xfbs"))
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no captures (*.zrle.xfbs)", folder)
	}
	var films []*film
	for _, name := range names {
		f, err := readFilm(name)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		films = append(films, f)
	}
	return films, nil
}

// readFilm reads 'XFBS', u16 width, u16 height, and messages: u32 length, u32 ms
// and the bytes.
func readFilm(name string) (*film, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	if len(b) < 8 || string(b[:4]) != "XFBS" {
		return nil, errors.New("it is no capture")
	}
	f := &film{
		name:  "capture " + strings.TrimSuffix(filepath.Base(name), ".zrle.xfbs"),
		width: int(binary.BigEndian.Uint16(b[4:])), height: int(binary.BigEndian.Uint16(b[6:])),
		length: time.Minute,
	}
	for b = b[8:]; len(b) > 0; {
		if len(b) < 8 || uint64(len(b)-8) < uint64(binary.BigEndian.Uint32(b)) {
			return nil, errors.New("it ends within a message")
		}
		end := 8 + int(binary.BigEndian.Uint32(b))
		f.pieces = append(f.pieces, piece{time.Duration(binary.BigEndian.Uint32(b[4:])) * time.Millisecond, b[8:end]})
		b = b[end:]
	}
	return f, nil
}

// projector sends a film to a client as the server did, but as fast as it can be
// read; its clock is that of the film.
type projector struct {
	hello *bytes.Reader
	rest  []piece
	now   time.Duration
	data  []byte // of the piece that is being read
}

func (p *projector) Write(b []byte) (int, error) { return len(b), nil }

func (p *projector) Read(b []byte) (int, error) {
	if p.hello.Len() > 0 {
		return p.hello.Read(b)
	}
	for len(p.data) == 0 {
		if len(p.rest) == 0 {
			return 0, io.EOF
		}
		p.now, p.data, p.rest = p.rest[0].at, p.rest[0].data, p.rest[1:]
	}
	n := copy(b, p.data)
	p.data = p.data[n:]
	return n, nil
}

// project runs a client on a film, and calls with each update and its time.
func (f *film) project(with func(now time.Duration, frame *rfb.Frame, d rfb.Damage) error) error {
	// RFC 6143: version, one security type (None), its result, ServerInit.
	hello := []byte("RFB 003.008\n\x01\x01\x00\x00\x00\x00")
	hello = binary.BigEndian.AppendUint16(hello, uint16(f.width))
	hello = binary.BigEndian.AppendUint16(hello, uint16(f.height))
	hello = append(hello, 32, 24, 0, 1, 0, 255, 0, 255, 0, 255, 16, 8, 0, 0, 0, 0)
	hello = append(hello, 0, 0, 0, 0)
	p := &projector{hello: bytes.NewReader(hello), rest: f.pieces}
	c, err := rfb.NewClient(p, rfb.ClientOptions{
		Commit: func(frame *rfb.Frame, d rfb.Damage) error { return with(p.now, frame, d) },
		Change: func(func(rfb.State) rfb.State) {},
	})
	if err != nil {
		return err
	}
	if err := c.Run(); !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return err
	}
	return nil // the camera may have been stopped within a message
}
