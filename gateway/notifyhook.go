package gateway

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/gateway/store"
	"accord/wire"
)

// hook is the webhook: what is told of overrides to a program elsewhere.
type hook struct{ wake chan struct{} }

// Times and sizes of the webhook. docs/override.md has what it sends.
const (
	hookTimeout  = 10 * time.Second
	hookFirst    = 10 * time.Second // before the second try; then it doubles
	hookLongest  = time.Hour
	hookLife     = 24 * time.Hour // then it is given up
	hookBatch    = 16
	hookIdle     = time.Hour
	secretLeast  = 16
	secretMost   = 4 << 10
	answerIsRead = 64 << 10 // bytes; the rest is none of our business
)

// prepareHook refuses to start with a webhook that can't be told anything.
func (g *Gateway) prepareHook() error {
	g.hook.wake = make(chan struct{}, 1)
	o := g.law().policy.Override
	g.store.Announce(o.Webhook != "")
	if o.Webhook == "" {
		return nil
	}
	_, err := hookSecret(o.WebhookSecret)
	return err
}

// hookChanged has the webhook told soon of what is new.
func (g *Gateway) hookChanged() {
	select {
	case g.hook.wake <- struct{}{}:
	default:
	}
}

// hookSecret reads the key of the signatures.
func hookSecret(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("policy.override.webhook_secret: %w", err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, secretMost+1))
	if err != nil {
		return nil, fmt.Errorf("policy.override.webhook_secret: %w", err)
	}
	if text = bytes.TrimSpace(text); len(text) < secretLeast || len(text) > secretMost {
		return nil, fmt.Errorf("policy.override.webhook_secret: %s holds %d bytes; %d to %d are a key (openssl rand -hex 32 makes one)", path, len(text), secretLeast, secretMost)
	}
	return text, nil
}

// deliver tells the webhook what is due and returns how long nothing is.
func (g *Gateway) deliver(ctx context.Context) time.Duration {
	o := g.law().policy.Override
	g.store.Announce(o.Webhook != "")
	if o.Webhook == "" {
		return hookIdle
	}
	due, next, err := g.store.DueHooks(ctx, time.Now(), hookBatch)
	if err != nil {
		return hookFirst
	}
	for _, h := range due {
		g.deliverOne(ctx, o.Webhook, o.WebhookSecret, h)
		if ctx.Err() != nil {
			return hookIdle
		}
	}
	switch {
	case len(due) == hookBatch:
		return 0
	case len(due) > 0: // one that failed is due again at a time not known here
		return hookFirst / 2
	case next.IsZero():
		return hookIdle
	}
	return max(time.Until(next), 100*time.Millisecond)
}

// deliverOne tells the webhook of one entry, or says when it is tried again.
func (g *Gateway) deliverOne(ctx context.Context, url, secret string, h store.Hook) {
	err := g.post(ctx, url, secret, h)
	if ctx.Err() != nil {
		return // the next run tells it
	}
	now := time.Now()
	switch {
	case err == nil:
		err = g.store.HookTold(ctx, h.Entry.Seq)
	case now.Sub(h.Since) >= hookLife:
		g.log.Error("the webhook could not be told for a day; it is given up", "entry", h.Entry.Seq, "kind", h.Entry.Kind, "error", err)
		err = g.store.HookLost(ctx, h.Entry.Seq, wire.Clean(err.Error(), wire.MaxReason), self(now))
	default:
		g.log.Warn("the webhook was not told", "entry", h.Entry.Seq, "kind", h.Entry.Kind, "tries", h.Tries+1, "error", err)
		err = g.store.HookFailed(ctx, h.Entry.Seq, now.Add(hookDelay(h.Tries)))
	}
	if err != nil {
		g.log.Error("how the webhook was told was not kept", "entry", h.Entry.Seq, "error", err)
	}
}

// hookDelay is how long after a failed try the next one comes: doubling, with
// a tenth of jitter.
func hookDelay(tries int) time.Duration {
	d := hookLongest
	if tries < 9 {
		d = min(hookFirst<<tries, hookLongest)
	}
	return d + rand.N(d/10) //nolint:gosec // spreads load, guards nothing
}

// hookBody is what is posted.
type hookBody struct {
	ID           string            `json:"id"` // the same at each try of the same event
	Event        string            `json:"event"`
	At           time.Time         `json:"at"`
	Gateway      string            `json:"gateway"` // fingerprint
	Organisation string            `json:"organisation"`
	Actor        string            `json:"actor"`
	Device       string            `json:"device,omitempty"`
	Visit        string            `json:"visit,omitempty"`
	Data         map[string]string `json:"data"`
}

func (g *Gateway) post(ctx context.Context, url, secretFile string, h store.Hook) error {
	secret, err := hookSecret(secretFile)
	if err != nil {
		return err
	}
	e, fingerprint := h.Entry, gossh.FingerprintSHA256(g.key.PublicKey())
	body, err := json.Marshal(hookBody{
		ID: wire.Digest(fingerprint)[:16] + "-" + strconv.FormatInt(e.Seq, 10), Event: string(e.Kind), At: e.At.UTC(), Gateway: fingerprint,
		Organisation: g.cfg.Organisation, Actor: e.Actor, Device: e.Device, Visit: e.Visit, Data: e.Data,
	})
	if err != nil {
		return fmt.Errorf("encode what the webhook is told: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Accord/"+g.version)
	req.Header.Set("Accord-Signature", hookSignature(secret, time.Now(), body))
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
	transport.DisableKeepAlives = true
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = answer.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, answerIsRead))
	if answer.StatusCode < 200 || answer.StatusCode > 299 {
		return errors.New("it answered " + wire.Clean(answer.Status, wire.MaxName))
	}
	return nil
}

// hookSignature is the header that proves body and time: HMAC-SHA256 over the
// time, a dot, and the body.
func hookSignature(secret []byte, at time.Time, body []byte) string {
	t := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(t + "."))
	mac.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}
