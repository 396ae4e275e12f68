package display

import (
	"cmp"
	"slices"

	"accord/agent/census"
)

// processesOf are those of an account, the newest first.
func processesOf(uid int) []int {
	all, err := census.All()
	if err != nil {
		return nil
	}
	all = slices.DeleteFunc(all, func(p census.Process) bool { return p.Over || p.UIDs.Effective != uid })
	slices.SortFunc(all, func(a, b census.Process) int { return cmp.Compare(b.Start, a.Start) })
	var pids []int
	for _, p := range all {
		pids = append(pids, p.PID)
	}
	return pids
}

// environment is that which a program was started with, as far as it may be read.
func environment(pid int) [][]byte {
	var vars [][]byte
	for _, v := range census.Environment(pid) {
		vars = append(vars, []byte(v))
	}
	return vars
}

// sessionFiles is nowhere: no keeper of logins notes sessions.
const sessionFiles = ""

// activeDisplay is not known.
func activeDisplay(string, int) string { return "" }

// Servers finds none: the kernel doesn't say which program listens where without
// more than is read here. One that runs has to be named.
func Servers(int, func(pid int) bool) []string { return nil }
