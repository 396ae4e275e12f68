package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"accord/gateway/store"
	"accord/policy"
	"accord/recordings"
	"accord/replay"
	"accord/tui"
	"accord/wire"
)

// cmdRecordings lists the recordings; on a terminal one can be picked and is
// played, and then the list is back.
func (s *session) cmdRecordings(ctx context.Context, c *call) error {
	if err := c.none("json", "limit"); err != nil {
		return err
	}
	limit, err := c.number("limit", 200)
	if err != nil {
		return err
	}
	entries, err := s.gateway.library.List("", limit)
	if err != nil {
		s.gateway.log.Error("list of recordings", "error", err)
	}
	switch {
	case c.has("json"):
		return s.recordingsJSON(entries)
	case s.pty != nil:
		return s.chooseRecording(ctx, entries)
	}
	rows := make([][]string, 0, len(entries))
	for _, e := range entries {
		l := recordingLine(e)
		rows = append(rows, []string{l.Visit, l.State, l.Technician, l.Device, since(l.Began), l.Length.Round(time.Second).String()})
	}
	return s.listed("There is no recording yet.", []string{"VISIT", "STATE", "TECHNICIAN", "DEVICE", "BEGAN", "LENGTH"}, rows)
}

func (s *session) recordingsJSON(entries []recordings.Entry) error {
	type line struct {
		Visit      string     `json:"visit"`
		State      string     `json:"state"`
		Technician string     `json:"technician"`
		Device     string     `json:"device"`
		Began      *time.Time `json:"began,omitempty"`
		Seconds    float64    `json:"seconds"`
		Error      string     `json:"error,omitempty"`
	}
	list := make([]line, 0, len(entries))
	for _, e := range entries {
		l := recordingLine(e)
		j := line{Visit: l.Visit, State: l.State, Technician: l.Technician, Device: l.Device, Began: stamp(l.Began), Seconds: l.Length.Seconds()}
		if e.Err != nil {
			j.Error = wire.Clean(e.Err.Error(), wire.MaxReason)
		}
		list = append(list, j)
	}
	return s.printJSON(list)
}

// chooseRecording is the list on a terminal.
func (s *session) chooseRecording(ctx context.Context, entries []recordings.Entry) error {
	list := tui.RecordingList{}
	for _, e := range entries {
		list.Recordings = append(list.Recordings, recordingLine(e))
	}
	for {
		id, err := tui.Recordings(ctx, s.terminal(), list)
		if err != nil {
			return err
		}
		list.Notice, list.Cursor = "", id
		if err := s.play(ctx, id); err != nil {
			if ctx.Err() != nil || errors.Is(err, tui.ErrLeft) {
				return err
			}
			list.Notice = s.sentence(err)
		}
	}
}

func recordingLine(e recordings.Entry) tui.RecordingLine {
	v := e.Visit
	l := tui.RecordingLine{
		Visit: e.ID, Began: v.Opened, State: tui.RecordingRunning,
		Technician: wire.Clean(v.Technician.Name, wire.MaxName), Device: wire.Clean(v.Device.Name, wire.MaxName),
	}
	if v.End != nil {
		l.Length = max(0, v.End.Ended.Sub(v.Opened))
	}
	switch {
	case e.Err != nil:
		l.State = tui.RecordingBroken
	case v.State == recordings.StateInterrupted:
		l.State = tui.RecordingInterrupted
	case e.Sealed:
		l.State = tui.RecordingSealed
	}
	return l
}

func (s *session) cmdPlay(ctx context.Context, c *call) error {
	if err := c.exactly(1); err != nil {
		return err
	}
	return s.play(ctx, c.words[0])
}

// play shows a recording. That it is looked at stands in the audit log first;
// if it can't, it isn't shown.
func (s *session) play(ctx context.Context, id string) error {
	if err := s.allowed(policy.Play, "play "+wire.Clean(id, wire.MaxName)); err != nil {
		return err
	}
	e, err := s.find(id)
	if err != nil {
		return err
	}
	seen := s.entry()
	seen.Kind, seen.Visit, seen.Device, seen.Success = store.RecordingViewed, id, wire.Clean(e.Visit.Device.Name, wire.MaxName), true
	if err := s.gateway.note(seen); err != nil {
		return err
	}
	return replay.Play(ctx, s.terminal(), e.Dir)
}

func (s *session) find(id string) (recordings.Entry, error) {
	if !wire.ValidVisit(id) {
		return recordings.Entry{}, &usageError{"That is no number of a visit; `recordings` lists them."}
	}
	e, err := s.gateway.library.Find(id)
	if errors.Is(err, recordings.ErrNotFound) {
		return e, fmt.Errorf("there is no recording of visit %s; `recordings` lists them", id)
	}
	return e, err
}

// cmdVerify checks a recording, also against the head that the device signed.
func (s *session) cmdVerify(ctx context.Context, c *call) error {
	if err := c.exactly(1, "json"); err != nil {
		return err
	}
	e, err := s.find(c.words[0])
	if err != nil {
		return err
	}
	heads, receipt := s.gateway.receiptHeads(ctx, e.ID)
	report, err := recordings.Verify(e.Dir, s.gateway.checkSeal, heads...)
	if err != nil {
		return err
	}
	if c.has("json") {
		return s.printJSON(map[string]any{
			"visit": e.ID, "ok": report.OK(), "state": report.State, "verified_bytes": report.Verified,
			"receipt": receipt, "problems": problems(report),
		})
	}
	for _, p := range problems(report) {
		s.print(p + "\n")
	}
	if !report.OK() {
		return fmt.Errorf("the recording of visit %s is not as it was written", e.ID)
	}
	s.print(fmt.Sprintf("The recording of visit %s is as it was written (%s, %d bytes, %s).\n", e.ID, report.State, report.Verified, receipt))
	return nil
}

func problems(r recordings.Report) []string {
	list := make([]string, 0, len(r.Problems))
	for _, p := range r.Problems {
		list = append(list, wire.Clean(p.String(), wire.MaxReason))
	}
	return list
}

// checkSeal verifies a seal with the gateway's own key.
func (g *Gateway) checkSeal(statement, signature []byte) error {
	return wire.Verify(g.key.PublicKey(), wire.NamespaceSeal, statement, signature)
}

// receiptHeads is the head in the device's signed ending, where there is one.
func (g *Gateway) receiptHeads(ctx context.Context, id string) ([]recordings.Head, string) {
	const none = "without a receipt of the device"
	v, err := g.store.Visit(ctx, id)
	if err != nil || len(v.Ending) == 0 {
		return nil, none
	}
	d, err := g.store.DeviceEver(ctx, v.DeviceKey)
	if err != nil {
		return nil, none
	}
	key, err := policy.ParseKey(d.PublicKey)
	if err != nil {
		return nil, none
	}
	ending, err := wire.OpenEnding(key, v.Ending, v.EndingSignature)
	if err != nil {
		return nil, "the device's receipt is not valid: " + wire.Clean(err.Error(), wire.MaxLine)
	}
	head, err := recordings.ParseHead(ending.Head.Seq, ending.Head.Hash)
	if err != nil {
		return nil, none
	}
	return []recordings.Head{head}, fmt.Sprintf("as receipt %d of the device says", ending.Number)
}
