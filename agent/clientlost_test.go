package agent

import (
	"errors"
	"io"
	"net"
	"path/filepath"
	"testing"

	"accord/tui"
)

// TestDyingAgent: one that is killed takes calls for a moment after it has dropped
// those it had. To lose it before it says a word is no reason to end a screen; what
// it says is.
func TestDyingAgent(t *testing.T) {
	dir := shortDir(t)
	socket := filepath.Join(dir, "agent.sock")
	ln, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	says := make(chan string, 1)
	go func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 4<<10)) // what the screen says first
			_, _ = io.WriteString(conn, <-says)
			_ = conn.Close()
		}
	}()
	for word, want := range map[string]bool{"": true, `{"error":"you are not the user"}` + "\n": false} {
		says <- word
		err := reside(t.Context(), atSocket(socket), &tui.Terminal{}, stay{}, nil)
		if err == nil || cutOff(err) != want {
			t.Errorf("after %q: %v", word, err)
		}
	}
	_ = ln.Close()
	if err := reside(t.Context(), atSocket(socket), &tui.Terminal{}, stay{}, nil); !cutOff(err) || errors.Is(err, tui.ErrAgentGone) {
		t.Errorf("nobody listens: %v", err)
	}
}
