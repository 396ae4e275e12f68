package gateway

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/tui"
	"accord/wire"
)

// ask sends the request and follows the prompt until the device has answered.
func (v *visit) ask() error {
	if err := v.conn.Write(&v.req); err != nil {
		return err
	}
	limit := time.NewTimer(v.gateway.cfg.Wait)
	defer limit.Stop()
	for {
		select {
		case <-limit.C:
			v.end(ending{byGateway, "The device did not answer in time."})
		case <-v.ctx.Done():
			return context.Cause(v.ctx)
		case <-v.left:
			v.leave()
		case m, ok := <-v.inbox:
			if !ok {
				return context.Cause(v.ctx)
			}
			switch m := m.(type) {
			case *wire.Prompt:
				v.prompts.tell(m)
			case *wire.Answer:
				return v.take(m)
			case *wire.End:
				return saidBy(m)
			default:
				return wire.ErrMessage
			}
		}
	}
}

// take checks the device's signed answer: by its enrolled key, for this very
// request, granting nothing that was not asked for. The end of the visit is
// reckoned on this clock: the device's may be wrong.
func (v *visit) take(m *wire.Answer) error {
	c, err := wire.OpenConsent(v.home.key, m.Statement, m.Signature)
	if err != nil {
		return fmt.Errorf("the device's receipt is not valid: %w", err)
	}
	if !reflect.DeepEqual(c.Request, v.req) || c.DeviceKey != gossh.FingerprintSHA256(v.home.key) || c.Further {
		return errors.New("the device's receipt is for another request")
	}
	if v.override != nil {
		if err := v.override.took(c); err != nil {
			return err
		}
	} else if c.Choice == wire.Overridden {
		return errors.New("the device names an override that it was not brought")
	}
	if c.Opens() {
		life := c.Until.Sub(c.Answered)
		switch {
		case life > time.Duration(v.req.Minutes)*time.Minute:
			return errors.New("the device granted more time than was asked for")
		case !slices.Contains(v.home.hello.Logins, c.Login), v.req.Login != "" && c.Login != v.req.Login:
			return errors.New("the device granted another account than was asked for")
		}
		v.until = time.Now().Add(life)
	}
	v.consent = c
	v.req.Login = c.Login
	v.statement, v.signature = m.Statement, m.Signature
	return nil
}

func phase(s wire.State) string {
	switch s {
	case wire.Queued:
		return tui.PhaseQueued
	case wire.Shown:
		return tui.PhaseShown
	case wire.Read:
		return tui.PhaseRead
	case wire.Nobody:
		return tui.PhaseUnreachable
	}
	return tui.PhaseAsking
}
