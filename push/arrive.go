package push

import (
	"cmp"
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"accord/wire"
)

//go:embed why.sh
var whyScript string

// arrivalLimit is how long a host's agent may take from its start until the gateway
// sees it online. It calls at once, and again within agent.redial (30 s). arrivalPace
// is how often the gateway is asked.
const (
	arrivalLimit = 45 * time.Second
	arrivalPace  = time.Second
)

// Device is a device as the gateway sees it.
type Device struct {
	Name  string `json:"name"`
	State string `json:"state"`
	Why   string `json:"why"`
	Agent string `json:"agent"` // version
}

// due reports whether it is to be waited for.
func (t *target) due() bool { return !t.ended() && t.arrives != nil }

// await waits for those that come from started, until that is closed and none is
// left. It returns those that did not come in time.
func (r *run) await(ctx context.Context, started <-chan *target) (absent []*target) {
	var due []*target
	var ask <-chan time.Time // nil while there is nobody to ask for
	for started != nil || len(due) > 0 {
		select {
		case t, open := <-started:
			if !open {
				started = nil
			} else {
				due = append(due, t)
				if ask == nil {
					ask = time.After(arrivalPace / 5)
				}
			}
			continue
		case <-ask:
		}
		seen, err := r.seen(ctx, due)
		var still []*target
		for _, t := range due {
			switch {
			case ctx.Err() != nil:
				t.fail(context.Cause(ctx))
			case t.arrived(seen, err):
			case time.Now().After(t.late):
				absent = append(absent, t)
			default:
				still = append(still, t)
			}
		}
		due, ask = still, nil
		if len(due) > 0 {
			ask = time.After(arrivalPace)
		}
	}
	return absent
}

// seen asks the gateway for devices.
func (r *run) seen(ctx context.Context, due []*target) (map[string]Device, error) {
	if r.Devices == nil {
		return nil, nil
	}
	names := make([]string, len(due))
	for i, t := range due {
		names[i] = t.arrives.Device
	}
	list, err := r.Devices(ctx, names)
	seen := make(map[string]Device, len(list))
	for _, d := range list {
		seen[d.Name] = d
	}
	return seen, err
}

// arrived ends a target of which there is something to say: it is online with the
// program that it should have, or it can't be waited for.
func (t *target) arrived(seen map[string]Device, err error) bool {
	o := *t.arrives
	d, there := seen[o.Device]
	switch {
	case t.Devices == nil:
		o.Sentence = also(o.Sentence, "It is started; whether it is online says: ssh GATEWAY devices")
	case err != nil:
		o.Sentence = also(o.Sentence, "It is started; whether it is online can't be seen: "+err.Error())
	case there && d.State == "online" && (t.runs == "" || d.Agent == t.runs || t.runs == t.version()):
	case there && d.State == "quarantined":
		o.Outcome, o.Sentence = Failed, "it is in quarantine at the gateway: "+d.Why+"; ssh GATEWAY devices release "+o.Device+" ends that"
	default:
		return false
	}
	t.end(o)
	return true
}

// also is one sentence after another.
func also(before, more string) string {
	if before == "" {
		return more
	}
	return before + ". " + more
}

// missed asks a host why the gateway has not seen it.
func (t *target) missed(ctx context.Context) {
	ctx, cancel := context.WithTimeoutCause(ctx, lookLimit, fmt.Errorf("it has not answered for %s", lookLimit))
	defer cancel()
	before := ""
	if t.said["uid"] != "0" {
		before = "sudo -n "
	}
	said, err := t.Shell.script(ctx, t.line, t.host, before, "state="+quote(t.said["state"])+"\nmanager="+quote(t.said["manager"])+"\n"+whyScript, strings.NewReader(""))
	if ctx.Err() != nil && err != nil {
		t.fail(err)
		return
	}
	var p pin
	if json.Unmarshal([]byte(said["pin"]), &p) == nil && p.Device != "" && p.Device != t.arrives.Device {
		t.arrives.Device = p.Device // renamed while it was away, which it learns when it calls
		if seen, err := t.seen(ctx, []*target{t}); t.arrived(seen, err) {
			return
		}
	}
	o := *t.arrives
	is := "is started"
	if s := wire.Clean(said["active"], wire.MaxName); s != "" && s != "active" {
		is = "is " + s + " there"
	}
	o.Outcome, o.Sentence = Failed, fmt.Sprintf("it has joined and %s, but the gateway has not seen it online for %.0f s%s. Look on %s: accord doctor, %s",
		is, arrivalLimit.Seconds(), behind(lastWords(said["last"])), t.host, t.service().Log)
	t.end(o)
}

// lastWords are what the agent's log said last, of a line of JSON its error.
func lastWords(line string) string {
	var entry struct {
		Message string `json:"msg"`
		Error   string `json:"error"`
	}
	if start := strings.Index(line, "{"); start >= 0 && json.Unmarshal([]byte(line[start:]), &entry) == nil {
		line = cmp.Or(entry.Error, entry.Message, line)
	}
	return wire.Clean(line, wire.MaxReason/2)
}
