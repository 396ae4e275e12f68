package agent

import (
	"context"
	"errors"
	"net"

	"accord/agent/proc"
)

var errNoLocal = errors.New("the agent of this version does not run on Windows")

func listenLocal(string) (net.Listener, error) { return nil, errNoLocal }

func callLocal(context.Context, string) (net.Conn, error) { return nil, errNoLocal }

func peerAt(net.Conn) (proc.Identity, int, error) { return proc.Identity{}, 0, errNoLocal }
