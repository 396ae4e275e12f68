package tui

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// sheet is a page for the line mode: one long line, and the time it is.
func (l *lineMode) sheet() *page { return &page{ph: l.ph, width: 1000, height: 1000, now: time.Now()} }

// latest is the newest list that is there, without waiting.
func latest[T any](list T, updates <-chan T) T {
	for {
		select {
		case next, open := <-updates:
			if !open {
				return list
			}
			list = next
		default:
			return list
		}
	}
}

func plainDevices(ctx context.Context, t *Terminal, list DeviceList) (Picked, error) {
	l := t.lines(PhrasesFor(t.Locale()))
	if list.Notice != "" {
		l.say(list.Notice)
	}
	filter := list.Filter
	for {
		if t.Banner != nil && t.Banner.Text() != "" {
			l.say(t.Banner.Text())
		}
		list.Devices = latest(list.Devices, list.Updates)
		s := newDeviceScreen(*l.sheet(), DeviceList{Devices: list.Devices, Filter: filter})
		l.say(s.Title() + " · " + s.ph.Say("TechCount", "Shown", len(s.shown), "All", len(s.rows)))
		for i, r := range s.shown {
			l.say(fmt.Sprintf("  %d. %s", i+1, strings.Join(withoutBlanks(r.cells), ", ")))
		}
		if len(s.shown) == 0 {
			l.say(strings.TrimSpace(strings.Join(s.empty(), "\n")))
		}
		if len(s.shown) > 0 {
			l.say(l.ph.Say("FactsPlainWay"))
		}
		if list.Visits {
			l.say(l.ph.Say("VisitsPlainWay"))
		}
		answer, err := l.ask(ctx, l.ph.Say("TechPlainPick"))
		if err != nil {
			return Picked{}, err
		}
		if list.Visits && answer == plainToVisits {
			return Picked{Visits: true}, nil
		}
		which, tell := strings.CutSuffix(answer, "?")
		if s.at = chosen(s.shown, which); tell && s.at >= 0 {
			l.tellDevice(s)
			continue
		}
		if s.at = chosen(s.shown, answer); s.at < 0 {
			filter = answer
			continue
		}
		if s.pick(); s.picked != "" {
			return Picked{Device: s.picked}, nil
		}
		l.say(s.notice)
	}
}

// tellDevice says all that is known of the device under the cursor.
func (l *lineMode) tellDevice(s *deviceScreen) {
	for _, d := range s.list.Devices {
		if d.Name == s.current().id {
			l.say(d.Name)
			for _, line := range s.known(d) {
				l.say("  " + line)
			}
		}
	}
}

// plainToVisits is the answer that goes to the list of visits.
const plainToVisits = "visits"

// chosen is the index of the row that an answer names by number or in full; -1
// for none.
func chosen(rows []pickRow, answer string) int {
	if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(rows) {
		return n - 1
	}
	return slices.IndexFunc(rows, func(r pickRow) bool { return r.id == answer })
}

// plainBack is the answer that goes back to the list.
const plainBack = "."

func plainRequest(ctx context.Context, t *Terminal, form RequestForm) (RequestFields, error) {
	l := t.lines(PhrasesFor(t.Locale()).With(form.Device.Actions))
	l.say(l.ph.Say("TechFormTitle", "Device", form.Device.Name) + " · " + l.ph.Say("TechPlainBack"))
	if form.Device.Agentless {
		l.say(l.ph.Say("TechAgentlessJudges"))
	}
	in := RequestFields{Login: nth(form.Device.Logins, max(0, slices.Index(form.Device.Logins, form.Login)))}
	steps := []struct {
		place formPlace
		ask   func() error
	}{
		{atReason, func() (err error) {
			in.Reason, err = l.proposed(ctx, "TechReason", form.Reason)
			return err
		}},
		{atTicket, func() (err error) {
			in.Ticket, err = l.proposed(ctx, "TechTicket", form.Ticket)
			return err
		}},
		{atLogin, func() (err error) {
			if len(form.Device.Logins) > 1 {
				var i int
				i, err = l.choose(ctx, l.ph.Say("TechLogin"), form.Device.Logins)
				in.Login = form.Device.Logins[i]
			}
			return err
		}},
		{atCapability, func() (err error) {
			in.Capabilities, err = l.tick(ctx, form.Device.Capabilities, form.Wanted)
			return err
		}},
		{atMinutes, func() error {
			text, err := l.proposed(ctx, "TechMinutes", strconv.Itoa(form.Minutes))
			in.Minutes, _ = strconv.Atoi(text) // no number is 0, which is out of bounds
			return err
		}},
	}
	mend := func(place formPlace, ask func() error) error {
		for wrong := form.check(l.ph, in)[place]; wrong != ""; wrong = form.check(l.ph, in)[place] {
			l.say(wrong)
			if err := ask(); err != nil {
				return err
			}
		}
		return nil
	}
	for _, step := range steps {
		if err := step.ask(); err != nil {
			return RequestFields{}, err
		}
		if err := mend(step.place, step.ask); err != nil {
			return RequestFields{}, err
		}
	}
	// The capabilities may want more of what was right before they were named.
	for _, step := range steps {
		if err := mend(step.place, step.ask); err != nil {
			return RequestFields{}, err
		}
	}
	return in, nil
}

// proposed asks for a text; an empty line takes what is proposed.
func (l *lineMode) proposed(ctx context.Context, key, proposal string) (string, error) {
	question := l.ph.Say(key)
	if proposal != "" {
		question += " [" + proposal + "]"
	}
	answer, err := l.ask(ctx, question+":")
	switch {
	case err != nil:
		return "", err
	case answer == plainBack:
		return "", ErrBack
	case answer == "":
		return proposal, nil
	}
	return answer, nil
}

// tick asks for numbers of a list, separated by commas or spaces. An empty
// line takes those proposed; a number that is none asks again.
func (l *lineMode) tick(ctx context.Context, offered, proposed []string) ([]string, error) {
	l.say(l.ph.Say("TechCapabilities") + ":")
	var numbers []string
	for i, c := range offered {
		l.say(fmt.Sprintf("  %d. %s", i+1, l.ph.Short(c)))
		if slices.Contains(proposed, c) {
			numbers = append(numbers, strconv.Itoa(i+1))
		}
	}
	answer, err := l.proposed(ctx, "TechPlainNumbers", strings.Join(numbers, ","))
	if err != nil {
		return nil, err
	}
	var picked []string
	for _, word := range strings.FieldsFunc(answer, func(r rune) bool { return r == ',' || r == ' ' }) {
		n, err := strconv.Atoi(word)
		if err != nil || n < 1 || n > len(offered) {
			return nil, nil // nothing picked, which is refused with a sentence
		}
		if !slices.Contains(picked, offered[n-1]) {
			picked = append(picked, offered[n-1])
		}
	}
	return picked, nil
}

func plainWait(ctx context.Context, t *Terminal, w Waiting, states <-chan WaitState) error {
	l := t.lines(PhrasesFor(t.Locale()))
	l.say(l.ph.Say("TechWaitTitle", "Device", w.Device) + " · " + l.ph.Say("TechPlainCancel"))
	reading, stop := context.WithCancel(ctx)
	left := make(chan error, 1)
	go func() { left <- l.untilCancelled(reading) }()
	said := ""
	for {
		select {
		case state, open := <-states:
			if !open {
				stop()
				<-left
				return nil
			}
			if text := state.told(l.ph); text != said {
				l.say(text)
				said = text
			}
		case err := <-left:
			stop()
			return err
		}
	}
}

// untilCancelled reads lines until one of them cancels; its error says so.
func (l *lineMode) untilCancelled(ctx context.Context) error {
	for {
		var line typedLine
		if err := l.read(ctx, &line); err != nil {
			return err
		}
		if strings.TrimSpace(line.text) == "c" {
			return ErrLeft
		}
	}
}

// plainNotice prints a note; it asks for no key, as nothing is covered by it.
func plainNotice(t *Terminal, n Note) error {
	l := t.lines(PhrasesFor(t.Locale()))
	sign, _ := n.Kind.sign()
	l.say(sign + " " + n.Title)
	for _, line := range n.Lines {
		l.say(line)
	}
	if !n.Appointment.IsZero() {
		l.say(l.ph.Say("TechAppointment", "When", l.sheet().moment(n.Appointment)))
	}
	return nil
}

func plainClosing(ctx context.Context, t *Terminal, sum Summary) (string, error) {
	l := t.lines(PhrasesFor(t.Locale()))
	l.say(l.ph.Say("TechClosingTitle"))
	for _, row := range sum.rows(l.sheet()) {
		if row[1] != "" {
			l.say("  " + row[0] + ": " + row[1])
		}
	}
	key := "TechNoteOptional"
	if sum.NoteRequired {
		key = "TechNoteNeeded"
	}
	for {
		note, err := l.ask(ctx, l.ph.Say(key))
		if err != nil || note != "" || !sum.NoteRequired {
			return note, err
		}
		l.say(l.ph.Say("TechNoteRequired"))
	}
}

func plainRecordings(ctx context.Context, t *Terminal, list RecordingList) (string, error) {
	l := t.lines(PhrasesFor(t.Locale()))
	if list.Notice != "" {
		l.say(list.Notice)
	}
	for {
		s := newRecordingScreen(*l.sheet(), list)
		l.say(s.Title() + " · " + s.ph.Say("TechCount", "Shown", len(s.shown), "All", len(s.rows)))
		for i, r := range s.shown {
			l.say(fmt.Sprintf("  %d. %s", i+1, strings.Join(withoutBlanks(r.cells), ", ")))
		}
		answer, err := l.ask(ctx, l.ph.Say("TechPlainPick"))
		if err != nil {
			return "", err
		}
		if i := chosen(s.shown, answer); i >= 0 {
			return s.shown[i].id, nil
		}
		list.Filter = answer
	}
}

// plainPlay prints what is on each shell's screen at its end.
func plainPlay(ctx context.Context, t *Terminal, rec Recording) error {
	l := t.lines(PhrasesFor(t.Locale()))
	rec = withStory(rec, l.ph, Size{})
	l.say(rec.Title)
	if rec.Notice != "" {
		l.say(rec.Notice)
	}
	for i, track := range rec.Tracks {
		if len(rec.Tracks) > 1 {
			l.say(l.ph.Say("TechPlayShell", "Name", track.Name, "N", i+1, "Of", len(rec.Tracks)))
		}
		if track.Pictures != nil {
			l.say(l.ph.Say("PlayPicture", "Name", track.Name, "Length", clock(track.Pictures.Length())))
			continue
		}
		if told, is := track.Source.(*story); is {
			for _, line := range told.texts() {
				l.say(line)
			}
			continue
		}
		lines, broken := lastScreen(ctx, track.Source)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		for _, line := range lines {
			l.say(line)
		}
		if broken != nil {
			l.say(l.ph.Say("TechPlayBroken"))
		}
	}
	return nil
}

// lastScreen is the text of the screen at the end of a shell, without the
// empty lines at its end.
func lastScreen(ctx context.Context, src Source) (lines []string, broken error) {
	r := newReel(src)
	defer r.close()
	var p progress
	for !p.reached && ctx.Err() == nil {
		p = r.work(ctx, 1<<62)
	}
	if p.frame == nil {
		return nil, p.broken
	}
	for y := range p.frame.height {
		lines = append(lines, p.frame.text(y))
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines, p.broken
}
