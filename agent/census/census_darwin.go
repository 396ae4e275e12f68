package census

import (
	"encoding/binary"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// All lists the processes of this machine.
func All() ([]Process, error) {
	raw, err := unix.SysctlKinfoProcSlice("kern.proc.all")
	if err != nil {
		return nil, fmt.Errorf("list the processes: %w", err)
	}
	list := make([]Process, 0, len(raw))
	for i := range raw {
		if raw[i].Proc.P_pid > 0 {
			list = append(list, process(&raw[i]))
		}
	}
	return list, nil
}

// Of is one process.
func Of(pid int) (Process, error) {
	raw, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil || int(raw.Proc.P_pid) != pid {
		return Process{}, fmt.Errorf("look at process %d: %w", pid, os.ErrProcessDone)
	}
	return process(raw), nil
}

// process takes over what the kernel says (sys/sysctl.h, sys/proc.h). It keeps
// the session to itself there; getsid(2) tells it.
func process(k *unix.KinfoProc) Process {
	p := Process{
		PID: int(k.Proc.P_pid), Parent: int(k.Eproc.Ppid), Group: int(k.Eproc.Pgid), Foreground: int(k.Eproc.Tpgid),
		Name: text(k.Proc.P_comm[:]), Over: k.Proc.P_stat == zombie,
		Start: uint64(k.Proc.P_starttime.Sec)*1e6 + uint64(k.Proc.P_starttime.Usec), //nolint:gosec // kept as it was at the fork
		UIDs:  IDs{Real: int(k.Eproc.Pcred.P_ruid), Effective: int(k.Eproc.Ucred.Uid), Saved: int(k.Eproc.Pcred.P_svuid)},
		GIDs:  IDs{Real: int(k.Eproc.Pcred.P_rgid), Effective: int(k.Eproc.Ucred.Groups[0]), Saved: int(k.Eproc.Pcred.P_svgid)},
	}
	if k.Eproc.Tdev != -1 { // NODEV
		p.TTY = uint64(uint32(k.Eproc.Tdev)) //nolint:gosec // the bits of a dev_t
	}
	if session, err := unix.Getsid(p.PID); err == nil {
		p.Session = session
	}
	return p
}

// Environment is that which a program was started with; none where the kernel
// doesn't tell, as for the system's own programs.
func Environment(pid int) []string {
	_, env := argumentsOf(pid)
	return env
}

// Program is the path that a program was started by, "" where it isn't told.
func Program(pid int) string {
	path, _ := argumentsOf(pid)
	return path
}

func argumentsOf(pid int) (string, []string) {
	raw, err := unix.SysctlRaw("kern.procargs2", pid)
	if err != nil {
		return "", nil
	}
	return arguments(raw)
}

// proc_info(2) as libproc calls it, sys/proc_info_private.h.
const (
	callPidInfo   = 2
	flavCoalition = 20
	coalitionSize = 40 // two coalitions and three reserved numbers, of 64 bits each
)

// Coalition is the resource coalition of a process: launchd gives each of its
// jobs one, what a process starts is born into its own, and only launchd can
// start something in another one.
func Coalition(pid int) (uint64, error) {
	var info [coalitionSize]byte
	n, _, errno := unix.Syscall6(unix.SYS_PROC_INFO, callPidInfo, uintptr(pid), flavCoalition, 0, uintptr(unsafe.Pointer(&info)), coalitionSize) //nolint:staticcheck // no library that this program is linked with has it
	if errno != 0 {
		return 0, fmt.Errorf("ask for the coalition of process %d: %w", pid, errno)
	}
	id := binary.LittleEndian.Uint64(info[:])
	if n != coalitionSize || id == 0 {
		return 0, fmt.Errorf("the kernel doesn't tell the coalition of process %d", pid)
	}
	return id, nil
}
