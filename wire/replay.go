package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// ChannelReplay brings a device the sealed recording of a visit whose user may
// replay it ([Request].Replay): gateway to agent, after the visit. The open
// message names the visit as that of a [ChannelSession] does. Each file is the
// length of its name (one byte), the name, its size (eight bytes, most
// significant first) and its bytes; a name of no length is the end.
const ChannelReplay = "replay@accord"

// Limits of one replay.
const (
	MaxReplay      = 256 << 20 // bytes of all files
	MaxReplayFiles = 1024
)

// replayName are the files of a recording that a device takes.
var replayName = pattern(`^(visit\.json|timeline\.jsonl|chain\.jsonl|seal|[0-9]{3,4}\.(cast|frames))$`)

// errReplay reports a replay that breaks its format or a limit.
var errReplay = errors.New("the replay that the gateway sent makes no sense")

// ReplayFile reports whether a file of this name is part of a replay.
func ReplayFile(name string) bool { return replayName().MatchString(name) }

// WriteReplayFile sends one file. The size must be that of r.
func WriteReplayFile(w io.Writer, name string, size int64, r io.Reader) error {
	if !ReplayFile(name) {
		return fmt.Errorf("%.40q is no file of a replay", name)
	}
	head := append([]byte{byte(len(name))}, name...)
	if _, err := w.Write(binary.BigEndian.AppendUint64(head, uint64(size))); err != nil {
		return err
	}
	_, err := io.CopyN(w, r, size)
	return err
}

// WriteReplayEnd says that all files were sent.
func WriteReplayEnd(w io.Writer) error {
	_, err := w.Write([]byte{0})
	return err
}

// ReadReplay hands each file to take, which must read it to its end. It returns
// nil only when the end was said; a cut replay is an error.
func ReadReplay(r io.Reader, take func(name string, file io.Reader) error) error {
	left := int64(MaxReplay)
	seen := make(map[string]bool)
	for {
		name, size, err := readReplayHead(r)
		if err != nil || name == "" {
			return err
		}
		if !ReplayFile(name) || seen[name] || len(seen) >= MaxReplayFiles || size < 0 || size > left {
			return errReplay
		}
		seen[name] = true
		left -= size
		file := &io.LimitedReader{R: r, N: size}
		if err := take(name, file); err != nil {
			return err
		}
		if file.N > 0 {
			return fmt.Errorf("%w: it was cut", errReplay)
		}
	}
}

// readReplayHead reads what comes before a file; the name is empty at the end.
func readReplayHead(r io.Reader) (name string, size int64, err error) {
	var n [1]byte
	if _, err := io.ReadFull(r, n[:]); err != nil {
		return "", 0, noEOF(err)
	}
	if n[0] == 0 {
		return "", 0, nil
	}
	head := make([]byte, int(n[0])+8)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", 0, noEOF(err)
	}
	return string(head[:n[0]]), int64(binary.BigEndian.Uint64(head[n[0]:])), nil //nolint:gosec // the caller refuses what is negative
}
