package wire

import (
	"errors"
	"net"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

// exhausted is a listener that fails so often, and then has a connection.
type exhausted struct {
	net.Listener
	times  int
	closed bool
}

func (f *exhausted) Accept() (net.Conn, error) {
	if f.closed {
		return nil, net.ErrClosed
	}
	if f.times--; f.times >= 0 {
		return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return newGated(), nil
}

func (f *exhausted) Close() error { f.closed = true; return nil }

// The machine has no descriptor to spare, again and again: that ends no port.
func TestAccepting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told, began := 0, time.Now()
		l := Accepting(&exhausted{times: 20}, func(err error) {
			if !errors.Is(err, syscall.EMFILE) {
				t.Error(err)
			}
			told++
		})
		if conn, err := l.Accept(); conn == nil || err != nil {
			t.Fatalf("%v, %v", conn, err)
		}
		if took := time.Since(began); told != 20 || took < 5*time.Second || took > 20*time.Second {
			t.Errorf("told %d times, for %v: neither in a hurry nor asleep", told, took)
		}
	})
}

func TestAcceptingIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := Accepting(&exhausted{times: 1 << 30}, func(error) {})
		ended := make(chan error, 1)
		go func() {
			_, err := l.Accept()
			ended <- err
		}()
		time.Sleep(acceptLongest / 2) //nolint:forbidigo // on the clock of the bubble
		synctest.Wait()
		if err := errors.Join(l.Close(), l.Close()); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		select {
		case err := <-ended:
			if !errors.Is(err, net.ErrClosed) {
				t.Error(err)
			}
		default:
			t.Error("it goes on after Close")
		}
	})
}
