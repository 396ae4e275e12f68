package surface

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// systemd-logind keeps a pipe beside each session's file, whose writer stays as long
// as the session: who reads it waits as long.
func TestScreensPassOverPipes(t *testing.T) {
	dir := t.TempDir()
	const session = "UID=1000\nCLASS=user\nACTIVE=1\nTYPE=x11\nDISPLAY=:0\n"
	if err := os.WriteFile(filepath.Join(dir, "2"), []byte(session), 0o600); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(dir, "1.ref")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	writer, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	found := make(chan []screenSeat, 1)
	go func() { found <- screens(dir) }()
	select {
	case seats := <-found:
		if len(seats) != 1 || seats[0] != (screenSeat{"2", Seat{UID: 1000, Place: ":0", Idle: -1}}) {
			t.Errorf("%+v", seats)
		}
	case <-time.After(patience):
		t.Fatal("it waits for a pipe")
	}
}
