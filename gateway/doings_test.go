package gateway

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"accord/tui"
)

// TestDoings: who watches sees files and connections as they go, those who come
// late the last of them, and nothing waits for anybody who is slow.
func TestDoings(t *testing.T) {
	d, ph := newDoings(), tui.PhrasesFor("en")
	if _, any := d.live(ph, false); any {
		t.Error("nothing has happened, and it is shown")
	}
	if d.add(0, "streams", []byte(`{}`)) || !d.add(time.Second, eventFile, []byte(`{"files":1,"path":"/etc/hosts"}`)) {
		t.Error("what people read is not the first")
	}
	shell, any := d.live(ph, false)
	if !any || shell.Ended || shell.Second {
		t.Errorf("%+v", shell)
	}
	tail, err := shell.Follow()
	if err != nil {
		t.Fatal(err)
	}
	ev, err := tail.Next()
	if err != nil || string(ev.Data) != "00:01  copying /etc/hosts …\r\n" {
		t.Errorf("%q, %v", ev.Data, err)
	}
	if _, err := tail.Next(); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	waited := make(chan error, 1)
	go func() { waited <- tail.Wait(t.Context()) }()
	const many = 3 * doingsMost
	for i := range many {
		d.add(time.Minute, eventForward, fmt.Appendf(nil, `{"number":%d,"host":"h","port":%d}`, i, i+1))
	}
	if err := <-waited; err != nil {
		t.Error(err)
	}
	d.end()
	d.add(time.Hour, eventFile, []byte(`{"path":"late"}`))
	var last string
	n := 0
	for ; ; n++ {
		ev, err := tail.Next()
		if err != nil {
			break
		}
		last = string(ev.Data)
	}
	if n < doingsMost || n >= 2*doingsMost || !strings.Contains(last, fmt.Sprintf("connected to h:%d", many)) {
		t.Errorf("%d lines, the last %q", n, last)
	}
	if err := tail.Wait(t.Context()); !errors.Is(err, io.EOF) {
		t.Error(err)
	}
	tail.Close()
	if shell, _ := d.live(ph, true); !shell.Ended || !shell.Second {
		t.Errorf("%+v", shell)
	}
}
