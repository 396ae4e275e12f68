package display

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// event is an input_event of this kind.
func event(kind uint16) []byte {
	e := make([]byte, eventTime+8)
	binary.NativeEndian.PutUint16(e[eventTime:], kind)
	return e
}

// eventually waits for a fact that nothing announces.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for !holds() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("never: ", what)
		}
	}
}

// TestHands touches devices that are pipes, one of which is plugged in later.
func TestHands(t *testing.T) {
	dir := t.TempDir()
	plug := func(name string) *os.File {
		path := filepath.Join(dir, name)
		if err := unix.Mkfifo(path+".new", 0o600); err != nil {
			t.Fatal(err)
		}
		f, err := os.OpenFile(path+".new", os.O_RDWR, 0) // so that a reader finds a writer
		if err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = f.Close() })
		return f
	}
	sensor, mouse := plug("event0"), plug("event1")
	plug("mouse0")
	var moved atomic.Int64
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		Hands(ctx, dir, func() { moved.Add(1) })
	}()
	touch := func(f *os.File, kinds ...uint16) {
		for _, k := range kinds {
			if _, err := f.Write(event(k)); err != nil {
				t.Fatal(err)
			}
		}
	}
	const sync = 0
	touch(sensor, eventAbsolute, sync, eventAbsolute, sync)
	touch(mouse, eventRelative, sync)
	eventually(t, "the mouse moves", func() bool { return moved.Load() == 1 })
	pad := plug("event2")
	touch(pad, eventAbsolute, eventKey, eventAbsolute, sync)
	eventually(t, "a finger is felt, once it is down", func() bool { return moved.Load() == 3 })
	cancel()
	<-done
	if n := moved.Load(); n != 3 {
		t.Errorf("%d touches; a sensor counts, or a file that is no device", n)
	}
}
