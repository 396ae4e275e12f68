package census

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// kinfo writes a process as FreeBSD's kernel does.
func kinfo(p Process, boot int64) []byte {
	b := make([]byte, kinfoSize)
	put := func(at, n int) { binary.LittleEndian.PutUint32(b[at:], uint32(n)) }
	put(0, kinfoSize)
	for at, n := range map[int]int{
		atPID: p.PID, atParent: p.Parent, atGroup: p.Group, atFront: p.Foreground, atSession: p.Session,
		atUID: p.UIDs.Effective, atUID + 4: p.UIDs.Real, atUID + 8: p.UIDs.Saved,
		atGIDs: p.GIDs.Effective, atRealGID: p.GIDs.Real, atSavedGID: p.GIDs.Saved,
	} {
		put(at, n)
	}
	start := int64(p.Start) + boot
	binary.LittleEndian.PutUint64(b[atStart:], uint64(start/1e6))
	binary.LittleEndian.PutUint64(b[atStart+8:], uint64(start%1e6))
	tty := p.TTY
	if tty == 0 {
		tty = noDevice
	}
	binary.LittleEndian.PutUint64(b[atTTY:], tty)
	copy(b[atName:atName+nameSize-1], p.Name)
	if p.Over {
		b[atState] = zombie
	}
	return b
}

func TestFreeBSD(t *testing.T) {
	sh := Process{
		PID: 4242, Parent: 1, Group: 4242, Session: 4200, Foreground: 4300, TTY: 0x8a, Name: "sh", Start: 17_000_001,
		UIDs: IDs{1001, 0, 1002}, GIDs: IDs{20, 21, 22},
	}
	over := Process{PID: 7, Name: "a name that is long", Over: true, Foreground: -1}
	for _, boot := range []int64{1_700_000_000_123_456, 1_600_000_000_000_000} { // somebody set the clock
		got, err := freebsd(append(kinfo(sh, boot), kinfo(over, boot)...), boot)
		if err != nil || !slices.Equal(got, []Process{sh, over}) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	other := kinfo(sh, 0)
	binary.LittleEndian.PutUint32(other, 1104)
	for name, raw := range map[string][]byte{"cut short": kinfo(sh, 0)[:1000], "another layout": other} {
		if _, err := freebsd(raw, 0); !errors.Is(err, errLayout) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// procargs writes what macOS hands out, see sysctl_procargsx of its kernel.
func procargs(program string, args, env []string) []byte {
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(args)))
	b = append(b, program...)
	b = append(b, 0, 0, 0)
	for _, s := range slices.Concat(args, env) {
		b = append(append(b, s...), 0)
	}
	return append(append(b, 0), "ptr_munge=\x00executable_file=0x1\x00"...)
}

func TestArguments(t *testing.T) {
	args, env := []string{"-zsh", "", "A=no variable"}, []string{"HOME=/Users/ann", "ACCORD_VISIT=v7"}
	program, got := arguments(procargs("/bin/zsh", args, env))
	if program != "/bin/zsh" || !slices.Equal(got, env) {
		t.Errorf("got %q, %q", program, got)
	}
	// A program of the system's: its environment isn't told.
	hidden := procargs("/bin/zsh", []string{"-zsh"}, nil)
	if _, got := arguments(hidden[:4+len("/bin/zsh")+3+len("-zsh")+1]); got != nil {
		t.Errorf("got %q", got)
	}
}

func TestArgumentsOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := rapid.SliceOf(rapid.SampledFrom([]byte{0, 0, 1, 255, 'A', '=', '/'})).Draw(t, "raw")
		arguments(raw)
		_, _ = freebsd(raw, 0)
	})
}
