//go:build darwin || freebsd

package proc

import "accord/agent/census"

// processes lists those that are not over.
func processes() (list []process) {
	all, err := census.All()
	if err != nil {
		return nil
	}
	for _, p := range all {
		if !p.Over {
			list = append(list, fromCensus(p))
		}
	}
	return list
}

func readProcess(pid int) (process, error) {
	p, err := census.Of(pid)
	return fromCensus(p), err
}

func fromCensus(c census.Process) process {
	p := process{pid: c.PID, ppid: c.Parent, group: c.Group, session: c.Session, threads: 1, state: 'R', start: c.Start}
	if c.Over {
		p.state = 'Z'
	}
	return p
}
