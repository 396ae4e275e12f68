package proc

import (
	"fmt"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// job is a job object: whatever a process in it starts is in it too, and can't
// leave it. When the last handle is closed, because this program says so or is no
// more, all in it is killed.
type job struct{ handle windows.Handle }

func newJob(l Limits) (*job, error) {
	h, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return nil, fmt.Errorf("make a job: %w", err)
	}
	// Without JOB_OBJECT_LIMIT_BREAKAWAY_OK nothing breaks away.
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	if l.Tasks > 0 {
		info.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_ACTIVE_PROCESS
		info.BasicLimitInformation.ActiveProcessLimit = uint32(l.Tasks)
	}
	if l.Memory > 0 {
		info.BasicLimitInformation.LimitFlags |= windows.JOB_OBJECT_LIMIT_JOB_MEMORY
		info.JobMemoryLimit = uintptr(l.Memory)
	}
	_, err = windows.SetInformationJobObject(h, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	if err != nil {
		_ = windows.CloseHandle(h)
		return nil, fmt.Errorf("limit a job: %w", err)
	}
	return &job{h}, nil
}

// accounting is JOBOBJECT_BASIC_ACCOUNTING_INFORMATION (winnt.h).
type accounting struct {
	user, kernel, periodUser, periodKernel int64
	faults, total, active, terminated      uint32
}

// active is how many processes are in the job.
func (j *job) active() (int, error) {
	var a accounting
	err := windows.QueryInformationJobObject(j.handle, windows.JobObjectBasicAccountingInformation, uintptr(unsafe.Pointer(&a)), uint32(unsafe.Sizeof(a)), nil)
	return int(a.active), err
}

// has reports a process of the job.
func (j *job) has(process windows.Handle) (bool, error) {
	var in int32
	isInJob := windows.NewLazySystemDLL("kernel32.dll").NewProc("IsProcessInJob")
	if ok, _, err := isInJob.Call(uintptr(process), uintptr(j.handle), uintptr(unsafe.Pointer(&in))); ok == 0 {
		return false, err
	}
	return in != 0, nil
}

const (
	// killLimit is promise P7: all is over within it.
	killLimit = 2 * time.Second
	// killedStatus is what processes end with that are killed here: 128 and SIGKILL's
	// number, as elsewhere.
	killedStatus = 137
	jobPause     = 20 * time.Millisecond
)

// kill ends all in the job and waits until it is gone, as long as killLimit.
func (j *job) kill() {
	for end := time.Now().Add(killLimit); ; time.Sleep(jobPause) {
		_ = windows.TerminateJobObject(j.handle, killedStatus) // what it left is counted below
		if n, err := j.active(); err != nil || n == 0 || time.Now().After(end) {
			return
		}
	}
}

func (j *job) close() { _ = windows.CloseHandle(j.handle) }

// live are the jobs of this process's shells. It is a variable of the package
// because whose process one is is a fact of the whole process, and who asks for
// it, the agent's pipe, holds no Process.
var live jobs

type jobs struct {
	mu   sync.Mutex // guards what follows, and that none of them is closed
	jobs map[*job]bool
}

func (l *jobs) add(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.jobs == nil {
		l.jobs = make(map[*job]bool)
	}
	l.jobs[j] = true
}

// end closes a job, which kills what is left in it.
func (l *jobs) end(j *job) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.jobs[j] {
		delete(l.jobs, j)
		j.close()
	}
}

// Belongs says whether pid is a process of a live shell of this agent: an answer
// from there is the technician's own. While there are shells, a pid that can't be
// placed belongs.
func Belongs(pid int) bool {
	live.mu.Lock()
	defer live.mu.Unlock()
	if len(live.jobs) == 0 {
		return false
	}
	// The agent may look at its own account's processes, and as SYSTEM at all. Not
	// every system takes the lesser right for the question.
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_INFORMATION, false, uint32(pid))
	if err != nil {
		return true
	}
	defer func() { _ = windows.CloseHandle(h) }()
	for j := range live.jobs {
		if in, err := j.has(h); in || err != nil {
			return true
		}
	}
	return false
}

// Groups make a job for each visit.
type Groups struct{ limits Limits }

// Confine holds visits to limits; tasks are processes here.
func Confine(l Limits) (*Groups, error) { return &Groups{l}, nil }

// Visit makes the job of a visit.
func (g *Groups) Visit(string) (*Group, error) {
	j, err := newJob(g.limits)
	if err != nil {
		return nil, err
	}
	return &Group{job: j}, nil
}

// Group is the job of a visit.
type Group struct {
	job  *job
	once sync.Once
}

// Held is true: no visit is without its job.
func (g *Group) Held() bool { return g != nil }

// End kills what is left of the visit.
func (g *Group) End() {
	if g == nil {
		return
	}
	g.once.Do(func() {
		g.job.kill()
		g.job.close()
	})
}
