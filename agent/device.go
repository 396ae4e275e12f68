package agent

import (
	"context"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/wire"
)

// maxDeviceChannels bounds the questions about the device that are answered at
// once.
const maxDeviceChannels = 4

// deviceLimit bounds the time that a gateway takes to ask one.
const deviceLimit = 10 * time.Second

// onDevice answers one question about the device itself, outside any visit.
func (l *link) onDevice(cancel context.CancelCauseFunc) func(context.Context, *gossh.ServerConn, gossh.NewChannel) {
	return func(ctx context.Context, _ *gossh.ServerConn, nc gossh.NewChannel) { l.serveDevice(ctx, nc, cancel) }
}

func (l *link) serveDevice(ctx context.Context, nc gossh.NewChannel, cancel context.CancelCauseFunc) {
	admitted := l.admitted(ctx)
	l.mu.Lock()
	allowed := admitted && l.questions < maxDeviceChannels
	if allowed {
		l.questions++
	}
	l.mu.Unlock()
	if !allowed {
		_ = nc.Reject(gossh.ResourceShortage, "too many questions at once, or before the hello")
		return
	}
	defer func() {
		l.mu.Lock()
		l.questions--
		l.mu.Unlock()
	}()
	ch, reqs, err := nc.Accept()
	if err != nil {
		return
	}
	go gossh.DiscardRequests(reqs)
	defer func() { _ = ch.Close() }()
	timer := time.AfterFunc(deviceLimit, func() { _ = ch.Close() })
	defer timer.Stop()
	conn := wire.NewConn(ch)
	question, err := conn.Read()
	if err != nil {
		return
	}
	if m, ok := question.(*wire.NewKey); ok && l.agent.far == nil {
		l.onNewKey(conn, m, cancel)
		return
	}
	if answer := l.agent.about(question); answer != nil {
		_ = conn.Write(answer)
	}
}

// about is the answer to a question about the device; nil where it is none.
func (a *Agent) about(question wire.Message) wire.Message {
	switch m := question.(type) {
	case *wire.Rosters:
		if a.far != nil {
			return &wire.Pinned{Sentence: sentence(errNoOverride)}
		}
		answer := a.supervisors.take(m.Chain)
		a.log.Info("supervisors", "version", answer.Version, "refused", answer.Sentence)
		return answer
	case *wire.AskNonce:
		return a.issue()
	}
	return nil
}

// issue makes a number for an override, or says why there is none.
func (a *Agent) issue() *wire.Nonce {
	if a.far != nil {
		return &wire.Nonce{Sentence: sentence(errNoOverride)}
	}
	if a.supervisors.current().Version == 0 {
		return &wire.Nonce{Sentence: rosterNone}
	}
	made, err := a.nonces.issue(now())
	if err != nil {
		return &wire.Nonce{Sentence: sentence(err)}
	}
	return &wire.Nonce{Nonce: made.Nonce, Until: made.Made.Add(nonceLife)}
}
