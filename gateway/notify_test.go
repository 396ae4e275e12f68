package gateway

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"accord/gateway/store"
)

// listener is a program that the webhook tells. answer may be nil for 204.
type listener struct {
	*httptest.Server
	t      *testing.T
	secret string
	file   string

	mu     sync.Mutex
	answer http.HandlerFunc
	heard  []hookBody
}

func newListener(t *testing.T) *listener {
	t.Helper()
	l := &listener{t: t, secret: "0123456789abcdef0123", file: filepath.Join(t.TempDir(), "secret")}
	if err := os.WriteFile(l.file, []byte(l.secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	l.Server = httptest.NewServer(http.HandlerFunc(l.serve))
	return l
}

func (l *listener) options(o *Options) {
	o.Policy.Override.Webhook, o.Policy.Override.WebhookSecret = l.URL+"/accord", l.file
}

// serve checks the signature as docs/override.md says.
func (l *listener) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the gateway is being stopped
	}
	at, sig, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("Accord-Signature"), "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(l.secret))
	_, _ = io.WriteString(mac, at+".")
	_, _ = mac.Write(body)
	if hex.EncodeToString(mac.Sum(nil)) != sig {
		l.t.Errorf("the signature %q is not over %s", sig, body)
	}
	var b hookBody
	if err := json.Unmarshal(body, &b); err != nil || r.Method != http.MethodPost || r.URL.Path != "/accord" {
		l.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	l.mu.Lock()
	l.heard = append(l.heard, b)
	answer := l.answer
	l.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

func (l *listener) answers(h http.HandlerFunc) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answer = h
}

func (l *listener) events() (list []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, b := range l.heard {
		list = append(list, b.Event+" "+b.Actor)
	}
	return list
}

func (l *listener) waits(want ...string) {
	l.t.Helper()
	eventually(l.t, strings.Join(want, ", "), func() bool { return len(l.events()) >= len(want) })
	if got := strings.Join(l.events(), ", "); got != strings.Join(want, ", ") {
		l.t.Errorf("heard %s, want %s", got, strings.Join(want, ", "))
	}
}

func TestWebhook(t *testing.T) {
	l := newListener(t)
	defer l.Close()
	th := newTheatre(t, l.options)
	defer th.stopIt()
	th.approved("--reason Fire")
	l.waits("override.requested alice", "override.approved boss")
	if b := l.heard[0]; b.Data["reason"] != "Fire" || b.Data["override"] != "1" || b.Device != "lab-1" || b.ID == "" || b.ID == l.heard[1].ID {
		t.Errorf("%+v", b)
	}
	if got := th.run("lab-1", th.alice, "x"); got.status != 0 {
		t.Fatalf("%+v", got)
	}
	th.noLive()
	th.run("list", th.ann, "override review 1 --verdict justified --note fire")
	l.waits("override.requested alice", "override.approved boss", "override.used device lab-1", "override.reviewed ann")
}

// TestWebhookRestart: what could not be told is told after a restart, with the
// same id; a redirect is no success and is not followed.
func TestWebhookRestart(t *testing.T) {
	l := newListener(t)
	defer l.Close()
	l.answers(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	})
	var o Options
	th := newTheatre(t, func(to *Options) { l.options(to); o = *to })
	th.request("Fire")
	l.waits("override.requested alice")
	eventually(t, "the try is kept", func() bool {
		due, _, err := th.store.DueHooks(t.Context(), time.Now().Add(time.Hour), 10)
		return err == nil && len(due) == 1 && due[0].Tries == 1
	})
	_ = th.dev.conn.Close()
	th.stopIt()
	l.answers(nil)
	g, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = g.Close() }()
	due, _, err := g.store.DueHooks(t.Context(), time.Now().Add(time.Hour), 10)
	if err != nil || len(due) != 1 {
		t.Fatalf("%v, %v", due, err)
	}
	g.deliverOne(t.Context(), o.Policy.Override.Webhook, l.file, due[0])
	l.waits("override.requested alice", "override.requested alice")
	if l.heard[0].ID != l.heard[1].ID {
		t.Error("the same event has two ids")
	}
	if due, next, err := g.store.DueHooks(t.Context(), time.Now().Add(time.Hour), 10); err != nil || len(due) != 0 || !next.IsZero() {
		t.Errorf("still due: %v %v %v", due, next, err)
	}
}

// TestWebhookGivesUp: after a day an event is given up, and the log says so.
func TestWebhookGivesUp(t *testing.T) {
	l := newListener(t)
	defer l.Close()
	l.answers(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) })
	th := newTheatre(t, l.options)
	defer th.stopIt()
	th.request("Fire")
	l.waits("override.requested alice")
	eventually(t, "the try is kept", func() bool {
		due, _, err := th.store.DueHooks(t.Context(), time.Now().Add(time.Hour), 10)
		return err == nil && len(due) == 1 && due[0].Tries == 1
	})
	due, _, _ := th.store.DueHooks(t.Context(), time.Now().Add(time.Hour), 10)
	due[0].Since = time.Now().Add(-hookLife)
	th.deliverOne(t.Context(), l.URL+"/accord", l.file, due[0])
	list, err := th.store.Audit(t.Context(), store.Filter{Kind: store.WebhookLost})
	if err != nil || len(list) != 1 || !strings.Contains(list[0].Data["why"], "500") {
		t.Errorf("%+v, %v", list, err)
	}
}

func TestHookDelay(t *testing.T) {
	for tries, want := range map[int]time.Duration{0: 10 * time.Second, 1: 20 * time.Second, 5: 320 * time.Second, 8: 2560 * time.Second, 9: time.Hour, 1000: time.Hour} {
		if got := hookDelay(tries); got < want || got > want+want/10 {
			t.Errorf("after %d tries %v, want about %v", tries, got, want)
		}
	}
}

// TestHookSecret: a gateway does not start with a webhook whose key can't be
// used.
func TestHookSecret(t *testing.T) {
	dir := t.TempDir()
	short := filepath.Join(dir, "short")
	if err := os.WriteFile(short, []byte("  abc\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{short, filepath.Join(dir, "none"), dir, "/dev/zero"} {
		if _, err := hookSecret(path); err == nil || !strings.Contains(err.Error(), "policy.override.webhook_secret") {
			t.Errorf("%s: %v", path, err)
		}
	}
}
