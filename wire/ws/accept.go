package ws

import (
	"fmt"
	"net"
	"net/http"

	"github.com/coder/websocket"
)

// Accept makes of a request the connection that it asks for. below is what it
// came on: its address, deadlines and end are those of the result. Without one
// the request has been answered.
//
// A request with an Origin comes from a page in a browser, which has no
// business here.
func Accept(w http.ResponseWriter, r *http.Request, below net.Conn) (net.Conn, error) {
	if len(r.Header.Values("Origin")) > 0 {
		http.Error(w, "This is not for browsers.", http.StatusForbidden)
		return nil, fmt.Errorf("a page in a browser (%.100q) asked for a connection", r.Header.Get("Origin"))
	}
	p := new(pings)
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{CompressionMode: websocket.CompressionDisabled, OnPingReceived: p.received})
	if err != nil {
		return nil, err
	}
	return newStream(ws, below, p), nil
}
