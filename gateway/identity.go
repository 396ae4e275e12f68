package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	gossh "golang.org/x/crypto/ssh"

	"accord/policy"
	"accord/wire"
)

var (
	errNoKey      = errors.New("this connection proved no key that is known here")
	errUnknownKey = errors.New("this key is not known here")
)

// identify is who a key or certificate means by this law, now. It is to be
// asked whenever the key is relied upon: a certificate ends, and a law changes.
func (l *law) identify(key gossh.PublicKey, now time.Time) (person, error) {
	cert, ok := key.(*gossh.Certificate)
	if !ok {
		found, ok := l.people.Find(key)
		if !ok {
			return person{}, errUnknownKey
		}
		return person{Person: found, key: key, fingerprint: gossh.FingerprintSHA256(key)}, nil
	}
	c, err := l.people.Certified(cert, now)
	if err != nil {
		return person{}, err
	}
	return person{
		Person: c.Person, key: key, fingerprint: gossh.FingerprintSHA256(cert.Key), principals: c.Principals,
		certificate: wire.Clean(fmt.Sprintf("%s serial %d id %q", c.Authority, cert.Serial, cert.KeyId), wire.MaxLine),
	}, nil
}

// proof is what the log keeps of a login.
func (p person) proof() map[string]string {
	data := map[string]string{"key": p.fingerprint}
	if p.certificate != "" {
		data["certificate"] = p.certificate
	}
	return data
}

// stands is who somebody is by a law, found by what they proved at the door,
// never by a name: a key that is another's by now is not theirs any more. Who
// may not be here, or not any more, gets the sentence why.
func (g *Gateway) stands(l *law, p person) (found policy.Person, why string) {
	now, err := l.identify(p.key, time.Now())
	switch {
	case errors.Is(err, errUnknownKey), err == nil && now.Name != p.Name:
		return policy.Person{}, fmt.Sprintf("%s can't log in here any more with the key of this connection.", p.Name)
	case err != nil:
		return policy.Person{}, sentenceCase(err.Error())
	}
	if lock := g.locks.of(p.Name); lock != (policy.Lock{}) {
		return policy.Person{}, lock.Sentence()
	}
	return now.Person, ""
}

// standingEvery is how often it is looked whether time has ended a certificate
// or a training. What they opened ends within two seconds of that.
const standingEvery = time.Second

// watchStanding ends what somebody has open whose certificate or training ends
// meanwhile. Locks, laws and charters that change call [Gateway.recheck] by
// themselves.
func (g *Gateway) watchStanding(ctx context.Context) {
	tick := time.NewTicker(standingEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
		if g.someFell() {
			g.recheck("somebody's certificate or training has ended")
		}
	}
}

// someFell reports whether somebody has something open who may not have it now.
func (g *Gateway) someFell() bool {
	l := g.law()
	for _, s := range g.sessions.all() {
		if _, why := g.stands(l, s.person); why != "" {
			return true
		}
	}
	for _, v := range g.visits.all() {
		if v.ctx.Err() != nil {
			continue // it is being ended
		}
		found, why := g.stands(l, v.person)
		if why != "" || len(g.standing(l, found.Name).Bars(found, time.Now())) > 0 {
			return true
		}
	}
	return false
}
