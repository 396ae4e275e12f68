package rfb

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"errors"
	cmdline "flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

var noVNC = cmdline.String("novnc", "/usr/share/novnc", "where noVNC is, for -matrix")

// page shows a screen by noVNC, and nothing beside it.
const page = `<!DOCTYPE html><meta charset="utf-8"><style>html,body,#s{margin:0;background:#000;width:100%;height:100%;overflow:hidden}</style>
<div id="s"></div><script type="module">
import RFB from "/core/rfb.js";
const r = new RFB(document.getElementById("s"), "ws://" + location.host + "/socket");
r.background = "#000"; r.viewOnly = true;
</script>`

// inBrowser has noVNC show a screen in Chromium.
func inBrowser(t testing.TB, s *Screen, display string) (*program, func() error) {
	t.Helper()
	failed := make(chan error, 16)
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServer(http.Dir(*noVNC)))
	mux.HandleFunc("/page", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		io.WriteString(w, page)
	})
	mux.HandleFunc("/socket", func(w http.ResponseWriter, r *http.Request) {
		conn, err := upgrade(w, r)
		if err == nil {
			var v *Viewer
			if v, err = NewViewer(conn, s, ViewerOptions{Name: "a test"}); err == nil {
				err = v.Run()
			}
			conn.Close()
		}
		if err != nil {
			failed <- err
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	p := start(t, display, nil, "chromium", "--no-sandbox", "--no-first-run", "--disable-gpu", "--user-data-dir="+t.TempDir(),
		"--force-device-scale-factor=1", "--force-color-profile=srgb", "--window-position=0,0", "--window-size=900,600", "--app="+server.URL+"/page")
	return p, func() error {
		select {
		case err := <-failed:
			return err
		default:
			return nil
		}
	}
}

// noVNCShows is [realViewer.shows] for noVNC.
func noVNCShows(t testing.TB, s *Screen, pictures ...func(testing.TB) *Frame) {
	t.Helper()
	display := xvfb(t, 900, 600)
	p, problem := inBrowser(t, s, display)
	defer p.stop()
	for _, truth := range pictures {
		within(t, 40*time.Second, p, func() bool {
			if err := problem(); err != nil {
				t.Fatalf("noVNC: %v", err)
			}
			_, found := find(screenshot(t, display), truth(t))
			return found
		}, func() {
			keep(t, "viewer", screenshot(t, display))
			t.Fatalf("noVNC does not show the picture; Chromium says:\n%s", p.out)
		})
	}
}

// socket is the server's side of a WebSocket (RFC 6455) that carries bytes.
type socket struct {
	net.Conn
	in   *bufio.Reader
	left int // of the frame that is being read
	mask [4]byte
	at   int
}

func upgrade(w http.ResponseWriter, r *http.Request) (*socket, error) {
	h, ok := w.(http.Hijacker)
	if !ok || !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return nil, errors.New("not a WebSocket")
	}
	conn, rw, err := h.Hijack()
	if err != nil {
		return nil, err
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]))
	return &socket{Conn: conn, in: rw.Reader}, nil
}

func (s *socket) Read(b []byte) (int, error) {
	for s.left == 0 {
		if err := s.header(); err != nil {
			return 0, err
		}
	}
	n, err := s.in.Read(b[:min(len(b), s.left)])
	for i := range b[:n] {
		b[i] ^= s.mask[s.at%4]
		s.at++
	}
	s.left -= n
	return n, err
}

func (s *socket) header() error {
	var h [2]byte
	if _, err := io.ReadFull(s.in, h[:]); err != nil {
		return err
	}
	if h[0]&15 == 8 {
		return io.EOF
	}
	s.left, s.at = int(h[1]&127), 0
	if s.left >= 126 {
		long := make([]byte, 8)[:2+s.left%126*6]
		if _, err := io.ReadFull(s.in, long); err != nil {
			return err
		}
		s.left = 0
		for _, b := range long {
			s.left = s.left<<8 | int(b)
		}
	}
	_, err := io.ReadFull(s.in, s.mask[:])
	return err
}

func (s *socket) Write(b []byte) (int, error) {
	head := []byte{0x82}
	switch n := len(b); {
	case n < 126:
		head = append(head, byte(n))
	case n < 1<<16:
		head = binary.BigEndian.AppendUint16(append(head, 126), uint16(n))
	default:
		head = binary.BigEndian.AppendUint64(append(head, 127), uint64(n))
	}
	if _, err := s.Conn.Write(append(head, b...)); err != nil {
		return 0, err
	}
	return len(b), nil
}
