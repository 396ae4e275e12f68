package files

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"crypto/sha256"

	"pgregory.net/rapid"
)

// notes is a journal that writes down what it is told.
type notes struct {
	lines []string
	moved map[int][]byte
}

func (n *notes) note(format string, args ...any) error {
	n.lines = append(n.lines, fmt.Sprintf(format, args...))
	return nil
}

func (n *notes) Begins(t *Transfer) error { return n.note("begins %s %s", t.Direction, t.Path) }

func (n *notes) Moved(t *Transfer, p []byte) error {
	if n.moved == nil {
		n.moved = make(map[int][]byte)
	}
	n.moved[t.Number] = append(n.moved[t.Number], p...)
	return nil
}

func (n *notes) Ends(t *Transfer) error {
	sum := ""
	if t.Sum != "" {
		sum = " sum " + t.Sum[:8]
	}
	why := ""
	if t.Why != "" {
		why = ": " + t.Why
	}
	return n.note("ends %s %s %d from %d, %s%s%s", t.Direction, t.Path, t.Bytes, t.From, t.State, why, sum)
}

func (n *notes) Changed(c Change) error {
	return n.note("%s", strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s", c.Op, c.Path, c.To, c.Attributes, c.Error)))
}

func (n *notes) Refused(r Refusal) error { return n.note("refused %s %s: %s", r.Op, r.Path, r.Why) }

func all(Direction) bool { return true }

func only(d Direction) func(Direction) bool { return func(o Direction) bool { return o == d } }

// packet makes one: bytes, uint32, uint64 and strings after the type.
func packet(kind byte, fields ...any) []byte {
	p := []byte{0, 0, 0, 0, kind}
	for _, f := range fields {
		switch f := f.(type) {
		case int:
			p = binary.BigEndian.AppendUint32(p, uint32(f))
		case uint64:
			p = binary.BigEndian.AppendUint64(p, f)
		case string:
			p = append(binary.BigEndian.AppendUint32(p, uint32(len(f))), f...)
		}
	}
	binary.BigEndian.PutUint32(p, uint32(len(p)-4))
	return p
}

// talk is one connection: what each side says is put in, in order.
type talk struct {
	t *testing.T
	*SFTP
	*notes
	down chan struct{}
}

func newTalk(t *testing.T, may func(Direction) bool) *talk {
	n := &notes{}
	k := &talk{t, NewSFTP(may, n), n, make(chan struct{})}
	k.asks(packet(fxInit, 3))
	k.answers(packet(fxVersion, 3))
	return k
}

func (k *talk) asks(p []byte) {
	k.t.Helper()
	if no, err := k.ask(p, k.down); no != nil || err != nil {
		k.t.Fatalf("%q: refused %q, %v", p, no, err)
	}
}

func (k *talk) refused(p []byte, code uint32) {
	k.t.Helper()
	no, err := k.ask(p, k.down)
	if err != nil || len(no) < 13 || binary.BigEndian.Uint32(no[9:]) != code {
		k.t.Errorf("%q: %q, %v, want %d", p, no, err, code)
	}
}

func (k *talk) answers(p []byte) {
	k.t.Helper()
	if err := k.answer(p); err != nil {
		k.t.Fatalf("%q: %v", p, err)
	}
}

func (k *talk) says(want ...string) {
	k.t.Helper()
	if !slices.Equal(k.lines, want) {
		k.t.Errorf("the journal has\n  %s\nwant\n  %s", strings.Join(k.lines, "\n  "), strings.Join(want, "\n  "))
	}
}

func ok(id int) []byte        { return packet(fxStatus, id, statusOK, "", "") }
func failed(id, c int) []byte { return packet(fxStatus, id, c, "no", "") }

func at(n int) uint64 { return uint64(n) }

func (k *talk) open(path string, flags int, handle string) {
	k.t.Helper()
	k.asks(packet(fxOpen, 1, path, flags, 0))
	k.answers(packet(fxHandle, 1, handle))
}

func TestGet(t *testing.T) {
	k := newTalk(t, only(Get))
	k.open("/etc/motd", openRead, "h")
	// Pipelined, as clients do; answered short once, and made up for.
	k.asks(packet(fxRead, 2, "h", at(0), 4))
	k.asks(packet(fxRead, 3, "h", at(4), 4))
	k.answers(packet(fxData, 2, "ab"))
	k.answers(packet(fxData, 3, "efgh"))
	k.asks(packet(fxRead, 4, "h", at(2), 2))
	k.asks(packet(fxRead, 5, "h", at(8), 4))
	k.answers(packet(fxData, 4, "cd"))
	k.answers(failed(5, statusEOF))
	k.asks(packet(fxClose, 6, "h"))
	k.answers(ok(6))
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("abcdefgh")))
	k.says("begins get /etc/motd", "ends get /etc/motd 8 from 0, whole sum "+sum[:8])
	if string(k.moved[1]) != "abcdefgh" {
		t.Errorf("in order: %q", k.moved[1])
	}
	if k.budget != heldMost {
		t.Errorf("%d bytes of what is held are not given back", heldMost-k.budget)
	}
}

func TestPut(t *testing.T) {
	k := newTalk(t, only(Put))
	k.open("a\nb", openWrite|openCreate|openTrunc, "h")
	k.asks(packet(fxWrite, 2, "h", at(0), "abcd"))
	k.asks(packet(fxWrite, 3, "h", at(4), "ef"))
	k.asks(packet(fxFsetstat, 4, "h", attrMode|attrTimes, 0o100640, 1, 2))
	k.answers(ok(2))
	k.answers(ok(3))
	k.answers(ok(4))
	k.asks(packet(fxClose, 5, "h"))
	k.answers(ok(5))
	sum := fmt.Sprintf("%x", sha256.Sum256([]byte("abcdef")))
	k.says("begins put a\nb", "attributes a\nb  mode=0640 times", "ends put a\nb 6 from 0, whole sum "+sum[:8])
}

func TestHowTransfersEnd(t *testing.T) {
	for name, c := range map[string]struct {
		flags int
		do    func(k *talk)
		want  string
	}{
		"cut": {openRead, func(k *talk) {
			k.asks(packet(fxRead, 2, "h", at(0), 4))
			k.answers(packet(fxData, 2, "abcd"))
		}, "ends get f 4 from 0, part: it was cut sum 88d4266f"},
		"read in part": {openRead, func(k *talk) {
			k.asks(packet(fxFstat, 9, "h"))
			k.answers(packet(fxAttrs, 9, attrSize, at(100)))
			k.asks(packet(fxRead, 2, "h", at(0), 4))
			k.answers(packet(fxData, 2, "abcd"))
			k.asks(packet(fxClose, 3, "h"))
			k.answers(ok(3))
		}, "ends get f 4 from 0, part: it was not read to the end sum 88d4266f"},
		"of known size": {openRead, func(k *talk) {
			k.asks(packet(fxFstat, 9, "h"))
			k.answers(packet(fxAttrs, 9, attrSize, at(4)))
			k.asks(packet(fxRead, 2, "h", at(0), 4))
			k.answers(packet(fxData, 2, "abcd"))
			k.asks(packet(fxClose, 3, "h"))
			k.answers(ok(3))
		}, "ends get f 4 from 0, whole sum 88d4266f"},
		"closed before its last answer": {openRead, func(k *talk) {
			k.asks(packet(fxRead, 2, "h", at(0), 9))
			k.asks(packet(fxRead, 4, "h", at(4), 9))
			k.asks(packet(fxClose, 3, "h"))
			k.answers(ok(3))
			k.answers(packet(fxData, 2, "abcd"))
			k.answers(failed(4, statusEOF))
		}, "ends get f 4 from 0, whole sum 88d4266f"},
		"resumed": {openWrite, func(k *talk) {
			k.asks(packet(fxWrite, 2, "h", at(7), "abcd"))
			k.answers(ok(2))
			k.asks(packet(fxClose, 3, "h"))
			k.answers(ok(3))
		}, "ends put f 4 from 7, part: it does not begin with the file's first byte sum 88d4266f"},
		"twice": {openWrite, func(k *talk) {
			k.asks(packet(fxWrite, 2, "h", at(0), "abcd"))
			k.asks(packet(fxWrite, 3, "h", at(2), "ab"))
			k.answers(ok(2))
			k.answers(ok(3))
			k.asks(packet(fxClose, 4, "h"))
			k.answers(ok(4))
		}, "ends put f 6 from 0, scattered"},
		"with a hole": {openWrite, func(k *talk) {
			k.asks(packet(fxWrite, 2, "h", at(0), "ab"))
			k.asks(packet(fxWrite, 3, "h", at(9), "cd"))
			k.answers(ok(2))
			k.answers(ok(3))
			k.asks(packet(fxClose, 4, "h"))
			k.answers(ok(4))
		}, "ends put f 4 from 0, scattered"},
		"not written": {openWrite, func(k *talk) {
			k.asks(packet(fxWrite, 2, "h", at(0), "abcd"))
			k.answers(failed(2, statusFailure))
			k.asks(packet(fxClose, 3, "h"))
			k.answers(ok(3))
		}, "ends put f 4 from 0, part: it could not be written: no sum 88d4266f"},
		"not closed": {openWrite, func(k *talk) {
			k.asks(packet(fxClose, 3, "h"))
			k.answers(failed(3, statusFailure))
		}, "ends put f 0 from 0, part: it could not be closed: no sum e3b0c442"},
		"not read": {openRead, func(k *talk) {
			k.asks(packet(fxRead, 2, "h", at(0), 4))
			k.answers(failed(2, statusFailure))
		}, "ends get f 0 from 0, part: it could not be read: no sum e3b0c442"},
	} {
		t.Run(name, func(t *testing.T) {
			k := newTalk(t, all)
			k.open("f", c.flags, "h")
			c.do(k)
			if err := k.End(); err != nil {
				t.Error(err)
			}
			if got := k.lines[len(k.lines)-1]; got != c.want || strings.Count(strings.Join(k.lines, "\n"), "ends ") != 1 {
				t.Errorf("got  %q\nwant %q", k.lines, c.want)
			}
		})
	}
}

func TestReadAndWritten(t *testing.T) {
	k := newTalk(t, all)
	k.open("f", openRead|openWrite, "h")
	k.asks(packet(fxWrite, 2, "h", at(0), "abcd"))
	k.answers(ok(2))
	k.asks(packet(fxRead, 3, "h", at(0), 4))
	k.answers(packet(fxData, 3, "abcd"))
	k.asks(packet(fxClose, 4, "h"))
	k.answers(ok(4))
	k.says("begins put f", "begins get f", "ends get f 4 from 0, part: where the file ends was not asked for sum 88d4266f", "ends put f 4 from 0, whole sum 88d4266f")
	k = newTalk(t, all)
	k.open("f", openRead|openWrite, "h")
	k.asks(packet(fxClose, 4, "h"))
	k.answers(ok(4))
	k.says("begins put f", "ends put f 0 from 0, whole sum e3b0c442")
}

func TestChanges(t *testing.T) {
	k := newTalk(t, only(Put))
	for i, c := range []struct {
		asks, answer []byte
		want         string
	}{
		{packet(fxMkdir, 1, "d", 0), ok(1), "mkdir d"},
		{packet(fxMkdir, 1, "d", 0), failed(1, statusFailure), "mkdir d   no"},
		{packet(fxRmdir, 1, "d"), ok(1), "rmdir d"},
		{packet(fxRemove, 1, "f"), failed(1, statusDenied), "remove f   no"},
		{packet(fxRename, 1, "a", "b"), ok(1), "rename a b"},
		{packet(fxSymlink, 1, "a", "b"), ok(1), "symlink a b"},
		{packet(fxSetstat, 1, "a", attrSize|attrOwner, at(7), 1, 2), ok(1), "attributes a  size=7 owner=1:2"},
		{packet(fxExtended, 1, extRename, "a", "b"), ok(1), "rename a b"},
		{packet(fxExtended, 1, extLink, "a", "b"), ok(1), "link a b"},
		{packet(fxExtended, 1, extAttributes, "a", attrMode, 0o644), ok(1), "attributes a  mode=0644"},
		{packet(fxOpendir, 1, "d"), packet(fxHandle, 1, "x"), "list d"},
		{packet(fxOpendir, 1, "e"), failed(1, statusDenied), "list e   no"},
		{packet(fxOpen, 1, "f", openWrite, 0), failed(1, statusDenied), "open f   no"},
	} {
		k.asks(c.asks)
		k.answers(c.answer)
		if got := k.lines[len(k.lines)-1]; len(k.lines) != i+1 || got != c.want {
			t.Errorf("%q: got %q, want %q", c.asks, got, c.want)
		}
	}
	// What only looks is not told.
	told := len(k.lines)
	for _, asks := range [][]byte{
		packet(fxStat, 1, "f"), packet(fxLstat, 1, "f"), packet(fxRealpath, 1, "."), packet(fxReadlink, 1, "l"), packet(fxReaddir, 1, "x"),
		packet(fxExtended, 1, extLimits), packet(fxExtended, 1, extStatVFS, "/"), packet(fxExtended, 1, extExpand, "~"),
	} {
		k.asks(asks)
		k.answers(failed(1, statusFailure))
	}
	if len(k.lines) != told {
		t.Errorf("%q", k.lines[told:])
	}
}

// What isn't granted never reaches the device, whatever it would do.
func TestWhatIsNotGranted(t *testing.T) {
	reads := [][]byte{packet(fxOpen, 9, "f", openRead, 0), packet(fxOpen, 9, "f", openRead|openWrite, 0)}
	writes := [][]byte{
		packet(fxOpen, 9, "f", openWrite, 0), packet(fxOpen, 9, "f", openRead|openTrunc, 0), packet(fxOpen, 9, "f", openRead|openCreate, 0),
		packet(fxOpen, 9, "f", openRead|openAppend, 0),
		packet(fxMkdir, 9, "d", 0), packet(fxRmdir, 9, "d"), packet(fxRemove, 9, "f"), packet(fxRename, 9, "a", "b"), packet(fxSymlink, 9, "a", "b"),
		packet(fxSetstat, 9, "a", attrSize, at(0)), packet(fxExtended, 9, extRename, "a", "b"), packet(fxExtended, 9, extLink, "a", "b"),
		packet(fxExtended, 9, extAttributes, "a", attrMode, 0),
	}
	looks := [][]byte{packet(fxStat, 9, "f"), packet(fxOpendir, 9, "/"), packet(fxRealpath, 9, "."), packet(fxReadlink, 9, "l"), packet(fxExtended, 9, extStatVFS, "/")}
	for _, c := range []struct {
		may func(Direction) bool
		not [][]byte
	}{
		{only(Put), reads}, {only(Get), writes}, {only("none"), slices.Concat(reads, writes, looks)},
	} {
		for _, p := range c.not {
			k := newTalk(t, c.may)
			k.refused(p, statusDenied)
			if len(k.waiting) > 0 || len(k.room) > 0 || !strings.HasPrefix(strings.Join(k.lines, ""), "refused") {
				t.Errorf("%q: %d wait, %q", p, len(k.waiting), k.lines)
			}
		}
	}
	// Taken back in the middle: what is open is of no more use.
	granted := true
	k := newTalk(t, func(Direction) bool { return granted })
	k.open("f", openRead, "h")
	granted = false
	k.refused(packet(fxRead, 2, "h", at(0), 4), statusDenied)
	k.asks(packet(fxClose, 3, "h"))
}

func TestWhatNobodyKnows(t *testing.T) {
	k := newTalk(t, all)
	k.open("f", openRead, "h")
	k.refused(packet(42, 9), statusUnsupported)
	k.refused(packet(fxExtended, 9, "copy-data", "h"), statusUnsupported)
	k.refused(packet(fxOpen, 9, "f", 0, 0), statusFailure)
	k.refused(packet(fxOpen, 9, "a\x00b", openRead, 0), statusBadMessage)
	k.refused(packet(fxOpen, 9, strings.Repeat("a", maxPath+1), openRead, 0), statusBadMessage)
	k.refused(packet(fxRead, 9, "g", at(0), 1), statusFailure)
	k.refused(packet(fxRead, 9, "h", ^uint64(0), 1), statusBadMessage)
	k.refused(packet(fxWrite, 9, "h", at(0), "a"), statusFailure)
	k.refused(packet(fxWrite, 9, "h", at(0), 5), statusBadMessage)
	k.refused(packet(fxReaddir, 9, "h"), statusFailure)
	k.refused(packet(fxClose, 9), statusBadMessage)
	k.asks(packet(fxClose, 9, "h"))
	k.refused(packet(fxRead, 8, "h", at(0), 1), statusFailure)
}

// nonsense expects an end.
func nonsense(t *testing.T, what string, err error) {
	t.Helper()
	if !errors.Is(err, ErrNonsense) {
		t.Errorf("%s: %v", what, err)
	}
}

func TestEvilDevice(t *testing.T) {
	read := func(k *talk) {
		k.open("f", openRead, "h")
		k.asks(packet(fxRead, 2, "h", at(0), 4))
	}
	for name, c := range map[string]struct {
		before func(*talk)
		says   []byte
	}{
		"an answer to nothing":         {func(*talk) {}, ok(7)},
		"a second version":             {func(*talk) {}, packet(fxVersion, 3)},
		"another type":                 {read, packet(fxName, 2, 0)},
		"a handle for a read":          {read, packet(fxHandle, 2, "g")},
		"more than was asked for":      {read, packet(fxData, 2, "abcde")},
		"nothing":                      {read, packet(fxData, 2, "")},
		"a lie about the length":       {read, append(packet(fxData, 2, "ab"), "cd"...)},
		"ok to a read":                 {read, ok(2)},
		"the same handle twice":        {func(k *talk) { k.open("f", openRead, "h"); k.asks(packet(fxOpen, 2, "g", openRead, 0)) }, packet(fxHandle, 2, "h")},
		"no handle":                    {func(k *talk) { k.asks(packet(fxOpen, 2, "g", openRead, 0)) }, packet(fxHandle, 2, "")},
		"opened, without a handle":     {func(k *talk) { k.asks(packet(fxOpen, 2, "g", openRead, 0)) }, ok(2)},
		"a status without a code":      {read, packet(fxStatus, 2)},
		"a packet without a number":    {read, packet(fxData)},
		"data for what was only asked": {func(k *talk) { k.asks(packet(fxStat, 2, "f")) }, packet(fxData, 2, "abcd")},
	} {
		k := newTalk(t, all)
		c.before(k)
		nonsense(t, name, k.answer(c.says))
	}
	k := &talk{t, NewSFTP(all, &notes{}), &notes{}, nil}
	nonsense(t, "a version that nobody asked for", k.answer(packet(fxVersion, 3)))
	k.asks(packet(fxInit, 6))
	nonsense(t, "a version that isn't understood", k.answer(packet(fxVersion, 4)))
	_, err := k.ask(packet(fxStat, 1, "f"), nil)
	nonsense(t, "a question before the greeting", err)
	_, err = k.ask(packet(fxInit, 3), nil)
	nonsense(t, "a second greeting", err)
	k = newTalk(t, all)
	k.asks(packet(fxStat, 1, "f"))
	_, err = k.ask(packet(fxStat, 1, "g"), nil)
	nonsense(t, "two questions with one number", err)
}

// A client that never closes, and a device that never answers, are bounded.
func TestBounds(t *testing.T) {
	k := newTalk(t, all)
	for i := range handlesMost {
		k.asks(packet(fxOpen, 1, "f", openRead, 0))
		k.answers(packet(fxHandle, 1, fmt.Sprint("h", i)))
	}
	k.refused(packet(fxOpen, 1, "f", openRead, 0), statusFailure)
	k.refused(packet(fxOpendir, 1, "f"), statusFailure)
	for i := range waitMost {
		k.asks(packet(fxStat, i, "f"))
	}
	close(k.down) // else the next one waits for room
	if _, err := k.ask(packet(fxStat, waitMost, "f"), k.down); !errors.Is(err, io.EOF) {
		t.Errorf("%v", err)
	}
	k = newTalk(t, all)
	k.open("f", openWrite, "h")
	piece := strings.Repeat("x", 256<<10)
	for i := range heldMost/len(piece) + 2 {
		k.asks(packet(fxWrite, i+2, "h", at((i+1)*len(piece)+1), piece))
		k.answers(ok(i + 2))
	}
	k.asks(packet(fxWrite, 99, "h", at(0), "late"))
	if err := k.End(); err != nil || k.budget != heldMost || !strings.Contains(strings.Join(k.lines, ""), "scattered") && !strings.Contains(strings.Join(k.lines, ""), "part") {
		t.Errorf("%v, %d, %q", err, k.budget, k.lines)
	}
}

// A technician writes single bytes with a gap between each two, so that none can be
// summed: what must be remembered of a byte is more than the byte.
func TestTinyPieces(t *testing.T) {
	const gaps = 3 * piecesMost
	n, budget := &notes{}, heldMost
	streams := []*stream{newStream(1, "f", Put, -1, n, &budget), newStream(2, "g", Put, -1, n, &budget)}
	held := 0
	for i := range gaps {
		for _, s := range streams {
			s.from(0)
			if err := s.take(int64(2*i+1), []byte{1}); err != nil {
				t.Fatal(err)
			}
		}
		held = max(held, len(streams[0].held)+len(streams[1].held))
	}
	if held > piecesMost || held == 0 {
		t.Errorf("%d pieces are held, at most %d may be", held, piecesMost)
	}
	for _, s := range streams {
		if err := s.finish(); err != nil || s.State != Scattered || s.Bytes != gaps {
			t.Errorf("%v: %+v", err, s.Transfer)
		}
	}
	if budget != heldMost {
		t.Errorf("%d bytes of what was held are not given back", heldMost-budget)
	}
}

// TestPieces: in whatever order the pieces of a file come, the sum is that of
// the file, or there is none.
func TestPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(t, "file")
		type piece struct{ from, to int }
		var list []piece
		for at := 0; at < len(file); {
			n := rapid.IntRange(1, 40).Draw(t, "piece")
			list = append(list, piece{at, min(at+n, len(file))})
			at += n
		}
		first, rest := list[0], rapid.Permutation(list[1:]).Draw(t, "order")
		n, budget := &notes{}, heldMost
		s := newStream(1, "f", Put, -1, n, &budget)
		for _, p := range append([]piece{first}, rest...) {
			if err := s.take(int64(p.from), file[p.from:p.to]); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.finish(); err != nil || s.State != Whole || s.Sum != fmt.Sprintf("%x", sha256.Sum256(file)) || !bytes.Equal(n.moved[1], file) || budget != heldMost {
			t.Errorf("%v: %+v, %d", err, s.Transfer, budget)
		}
	})
}

// FuzzSFTP throws anything at both sides: nothing crashes, nothing is kept
// beyond the bounds, and each transfer that begins ends once.
func FuzzSFTP(f *testing.F) {
	up := slices.Concat(packet(fxInit, 3), packet(fxOpen, 1, "f", openRead|openWrite, 0), packet(fxWrite, 2, "h", at(0), "ab"), packet(fxRead, 3, "h", at(0), 2), packet(fxClose, 4, "h"))
	down := slices.Concat(packet(fxVersion, 3), packet(fxHandle, 1, "h"), ok(2), packet(fxData, 3, "ab"), ok(4))
	f.Add(up, down)
	f.Add(slices.Concat(packet(fxInit, 3), packet(fxExtended, 1, extLimits)), slices.Concat(packet(fxVersion, 3, "x", "y"), packet(fxExtendedReply, 1, at(1))))
	f.Fuzz(func(t *testing.T, up, down []byte) {
		n := &notes{}
		s := NewSFTP(only(Get), n)
		s.may = all
		u, d := bytes.NewReader(up), bytes.NewReader(down)
		closed := make(chan struct{})
		close(closed)
		for {
			p, _, err := readPacket(u, nil)
			if err == nil {
				_, err = s.ask(p, closed)
			}
			q, _, derr := readPacket(d, nil)
			if derr == nil {
				derr = s.answer(q)
			}
			if err != nil && derr != nil || errors.Is(err, ErrNonsense) || errors.Is(derr, ErrNonsense) {
				break
			}
		}
		if err := s.End(); err != nil {
			t.Error(err)
		}
		begun, ended := 0, 0
		for _, l := range n.lines {
			if strings.HasPrefix(l, "begins ") {
				begun++
			} else if strings.HasPrefix(l, "ends ") {
				ended++
			}
		}
		if begun != ended || s.budget != heldMost {
			t.Errorf("%d begun, %d ended, %d held: %q", begun, ended, heldMost-s.budget, n.lines)
		}
	})
}
