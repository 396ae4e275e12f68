package agent

import (
	"errors"
	"io"
	"net"
	"testing"

	"accord/wire"
)

// A state that is on its way when the user answers arrives before the answer,
// never after it: the gateway would end the visit for it.
func TestTellerIsSilentBeforeTheAnswer(t *testing.T) {
	device, gateway := net.Pipe() // a write ends when it was read
	defer gateway.Close()         //nolint:errcheck // a test's
	defer device.Close()          //nolint:errcheck // a test's
	tell := newTeller(wire.NewConn(device))
	tell.tell(wire.Prompt{State: wire.Shown})
	first := make([]byte, 1)
	if _, err := io.ReadFull(gateway, first); err != nil {
		t.Fatal(err)
	}
	tell.tell(wire.Prompt{State: wire.Read})
	tell.stop() // and does not wait for a gateway that does not read
	select {
	case <-tell.silent:
		t.Fatal("it is silent while it sends")
	default:
	}
	_ = gateway.Close()
	<-tell.silent
}

// Whenever the user answers, the answer is the last that the gateway hears.
func TestNoStateAfterTheAnswer(t *testing.T) {
	for range 500 {
		device, gateway := net.Pipe()
		heard := make(chan []wire.Message)
		go func() {
			var all []wire.Message
			c := wire.NewConn(gateway)
			for {
				m, err := c.Read()
				if err != nil {
					if !errors.Is(err, io.EOF) {
						t.Error(err)
					}
					heard <- all
					return
				}
				all = append(all, m)
			}
		}()
		conn := wire.NewConn(device)
		tell := newTeller(conn)
		for _, s := range []wire.State{wire.Queued, wire.Shown, wire.Read} {
			tell.tell(wire.Prompt{State: s})
		}
		tell.stop()
		<-tell.silent
		if err := conn.Write(&wire.Answer{Statement: []byte("{}"), Signature: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		_ = device.Close()
		all := <-heard
		if len(all) == 0 {
			t.Fatal("the answer was not heard")
		}
		if _, last := all[len(all)-1].(*wire.Answer); !last {
			t.Fatalf("%+v came after the answer", all[len(all)-1])
		}
	}
}
