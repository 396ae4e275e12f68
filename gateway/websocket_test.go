package gateway

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/coder/websocket"
	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire/ws"
)

// webbed is a gateway that also takes WebSockets, behind a reverse proxy at
// these addresses.
func webbed(t *testing.T, change func(*Options), proxies ...string) *house {
	t.Helper()
	return newHouse(t, func(o *Options) {
		o.Config.WebSocket = WebSocket{Listen: "127.0.0.1:0", URL: "wss://gw.example.org", Proxies: proxies}
		if err := o.Config.Check(); err != nil {
			t.Fatal(err)
		}
		if change != nil {
			change(o)
		}
	})
}

// web calls a path as the reverse proxy does for somebody from there.
func (h *house) web(path string, from ...string) (net.Conn, int, error) {
	header := http.Header{}
	for _, f := range from {
		header.Add("X-Forwarded-For", f)
	}
	c, answer, err := websocket.Dial(h.t.Context(), "ws://"+h.webSocket+path, &websocket.DialOptions{
		HTTPHeader: header, HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true}},
	})
	status := 0
	if answer != nil {
		status = answer.StatusCode
	}
	if err != nil {
		return nil, status, err
	}
	h.t.Cleanup(func() { _ = c.CloseNow() })
	return websocket.NetConn(h.t.Context(), c, websocket.MessageBinary), status, nil
}

// webLogin is a technician's connection from there.
func (h *house) webLogin(from string, key gossh.Signer) (*gossh.Client, error) {
	conn, _, err := h.web(ws.PathTechnicians, from)
	if err != nil {
		return nil, err
	}
	c, chans, reqs, err := gossh.NewClientConn(conn, "gateway", &gossh.ClientConfig{
		User: "gw", HostKeyCallback: gossh.FixedHostKey(h.Key()), Auth: []gossh.AuthMethod{
			gossh.PublicKeys(key),
			gossh.KeyboardInteractive(func(string, string, []string, []bool) ([]string, error) { return nil, nil }), // the last resort of a stock client
		},
	})
	if err != nil {
		return nil, err
	}
	client := gossh.NewClient(c, chans, reqs)
	h.t.Cleanup(func() { _ = client.Close() })
	return client, nil
}

// logins are the addresses in the log from which somebody logged in.
func (h *house) logins() (from []string) {
	h.t.Helper()
	entries, err := h.store.Audit(h.t.Context(), store.Filter{Kind: store.LoginAccepted})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, e := range entries {
		from = append(from, e.Address)
	}
	return from
}

// TestWebSocketDoors: behind the port there are two paths, for WebSockets that
// come from no page, and nothing else.
func TestWebSocketDoors(t *testing.T) {
	h := webbed(t, nil, "127.0.0.1")
	for _, c := range []struct {
		name, method, target string
		header               map[string]string
		want                 int
	}{
		{"the root", "GET", "/", nil, 404},
		{"another path", "GET", "/accord/", nil, 404},
		{"a path below", "GET", ws.PathAgents + "/x", nil, 404},
		{"a query", "GET", ws.PathAgents + "?token=x", nil, 404},
		{"an odd spelling", "GET", "//accord/agents", nil, 404},
		{"no upgrade", "GET", ws.PathAgents, nil, 426},
		{"another method", "POST", ws.PathAgents, map[string]string{"Upgrade": "websocket", "Connection": "Upgrade"}, 405},
		{"a browser", "GET", ws.PathTechnicians, map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Origin": "http://" + h.webSocket}, 403},
		{"large headers", "GET", ws.PathAgents, map[string]string{"X-Large": strings.Repeat("x", 3*requestMost)}, 431},
		{"an old version", "GET", ws.PathAgents, map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "8"}, 400},
		{"no key", "GET", ws.PathAgents, map[string]string{"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}, 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := http.NewRequestWithContext(t.Context(), c.method, "http://"+h.webSocket+c.target, nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header.Set("X-Forwarded-For", "203.0.113.1")
			for k, v := range c.header {
				r.Header.Set(k, v)
			}
			answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if answer.StatusCode != c.want || !answer.Close {
				t.Errorf("got %s, want %d", answer.Status, c.want)
			}
		})
	}
	// HTTP/2 without TLS, and SSH that lost its way.
	for _, text := range []string{"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "SSH-2.0-OpenSSH_9.2\r\n\r\n"} {
		conn := h.dialFrom("127.0.0.1", h.webSocket)
		fmt.Fprint(conn, text)
		eventually(t, "it is closed", func() bool {
			_, err := conn.Read(make([]byte, 512))
			return err != nil
		})
	}
}

// TestWebSocketSources: where somebody comes from is what the listed proxy has
// written last, and nobody else's word.
func TestWebSocketSources(t *testing.T) {
	ca, carol := newSigner(t), newSigner(t)
	h := webbed(t, company(ca), "127.0.0.1")
	near := signedBy(t, ca, carol, func(c *gossh.Certificate) { c.CriticalOptions = map[string]string{sourceAddress: "203.0.113.0/24"} })
	for _, from := range []string{"203.0.113.9", "198.51.100.1, 203.0.113.9", "::ffff:203.0.113.9"} {
		c, err := h.webLogin(from, near)
		if err != nil {
			t.Fatal(from, err)
		}
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if got := h.runIn(s, "help"); !strings.Contains(got.out, "You are carol") {
			t.Errorf("%+v", got)
		}
	}
	if from := h.logins(); !slices.Equal(from, []string{"203.0.113.9:0", "203.0.113.9:0", "203.0.113.9:0"}) {
		t.Errorf("the log says %q", from)
	}
	if _, err := h.webLogin("203.0.113.9, 198.51.100.1", near); err == nil {
		t.Error("what a client has written itself is believed")
	}
	for _, from := range [][]string{nil, {""}, {"somewhere"}, {"203.0.113.9:80"}, {"203.0.113.9, "}, {"203.0.113.9", "x"}} {
		if _, status, err := h.web(ws.PathTechnicians, from...); err == nil || status != http.StatusBadRequest {
			t.Errorf("%q: %d, %v", from, status, err)
		}
	}
}

// TestWebSocketStrangersWord: who is not listed says nothing of where it comes
// from.
func TestWebSocketStrangersWord(t *testing.T) {
	other := webbed(t, nil, "192.0.2.1")
	c, err := other.webLogin("203.0.113.9", other.alice)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.NewSession()
	if err != nil {
		t.Fatal(err)
	}
	other.runIn(s, "help")
	if from := other.logins(); len(from) != 1 || !strings.HasPrefix(from[0], "127.0.0.1:") {
		t.Errorf("a stranger's X-Forwarded-For is believed: %q", from)
	}
}

// TestWebSocketPenalties: who fails is kept out at both doors of a port, others
// behind the same proxy are not.
func TestWebSocketPenalties(t *testing.T) {
	h := webbed(t, nil, "127.0.0.1")
	stranger := newSigner(t)
	for range 4 {
		if _, err := h.webLogin("127.9.9.9", stranger); err == nil {
			t.Fatal("a stranger is in")
		}
	}
	if _, err := h.webLogin("127.9.9.9", h.alice); err == nil {
		t.Error("it may try again")
	}
	if _, err := h.loginWith("127.9.9.9", "gw", gossh.PublicKeys(h.alice)); err == nil {
		t.Error("it may try the other door")
	}
	if _, err := h.webLogin("127.9.9.8", h.alice); err != nil {
		t.Errorf("another one may not: %v", err)
	}
}

// TestWebSocketDevice: a device is the same by either way, and its link ends
// with the gateway.
func TestWebSocketDevice(t *testing.T) {
	h := webbed(t, nil, "127.0.0.1")
	d := h.device("laptop")
	d.wrap = func(c net.Conn) net.Conn {
		_ = c.Close()
		conn, _, err := h.web(ws.PathAgents, "203.0.113.7")
		if err != nil {
			t.Error(errors.New("a device can't call"), err)
			return c
		}
		return conn
	}
	d.join()
	if got := h.run("gw", h.boss, "devices --json"); !strings.Contains(got.out, `"address": "203.0.113.7:0"`) || !strings.Contains(got.out, "online") {
		t.Errorf("%+v", got)
	}
	if got := h.run("gw", h.boss, "enroll --web"); !strings.HasPrefix(got.out, "accord join wss://gw.example.org accord1.") {
		t.Errorf("%+v", got)
	}
	h.stopIt()
	if _, err := d.tcp.Read(make([]byte, 1)); err == nil {
		t.Error("the link is still there")
	}
}

// TestWebSocketConfig: what can't be meant is refused with its key.
func TestWebSocketConfig(t *testing.T) {
	good := WebSocket{Listen: ":443", URL: "wss://gw.example.org", Certificate: "c.pem", Key: "k.pem"}
	for _, c := range []struct {
		change func(*WebSocket)
		want   string
	}{
		{func(*WebSocket) {}, ""},
		{func(w *WebSocket) { *w = WebSocket{} }, ""},
		{func(w *WebSocket) {
			*w = WebSocket{Listen: "[::1]:80", URL: w.URL, Proxies: []string{"::1", "10.0.0.0/28"}}
		}, ""},
		{func(w *WebSocket) { w.Listen = "" }, "websocket.url: this is for gateway.websocket.listen"},
		{func(w *WebSocket) { w.Listen = "443" }, "websocket.listen"},
		{func(w *WebSocket) { w.Listen = "127.0.0.1:2222" }, "websocket.listen"},
		{func(w *WebSocket) { w.URL = "" }, "websocket.url"},
		{func(w *WebSocket) { w.URL = "https://gw.example.org" }, "websocket.url"},
		{func(w *WebSocket) { w.Key = "" }, "websocket.key"},
		{func(w *WebSocket) { w.Certificate, w.Key = "", "" }, "websocket.certificate"},
		{func(w *WebSocket) { w.Listen, w.Certificate, w.Key = "127.0.0.1:80", "", "" }, "websocket.proxies"},
		{func(w *WebSocket) { w.Listen, w.Certificate, w.Key = "localhost:80", "", "" }, "websocket.certificate"},
		{func(w *WebSocket) { w.Proxies = []string{"10.0.0.1", "proxy"} }, "websocket.proxies[1]"},
		{func(w *WebSocket) { w.Proxies = []string{"10.0.0.1/8"} }, "websocket.proxies[0]"},
		{func(w *WebSocket) { w.Proxies = []string{"0.0.0.0/0"} }, "websocket.proxies[0]"},
		{func(w *WebSocket) { w.Proxies = make([]string, proxiesMost+1) }, "websocket.proxies"},
	} {
		cfg := Defaults()
		cfg.WebSocket = good
		c.change(&cfg.WebSocket)
		if err := cfg.Check(); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.HasPrefix(err.Error(), c.want)) {
			t.Errorf("%+v: got %v, want %q", cfg.WebSocket, err, c.want)
		}
	}
}
