package main

import (
	"fmt"
	"io"
	"strings"
)

// writeMan writes the manual page accord(1), made of what help says: man(7), as
// every man reads it.
func writeMan(w io.Writer, b build) {
	fmt.Fprintf(w, ".TH ACCORD 1 \"\" %q \"Accord\"\n", "accord "+roff(b.Version))
	fmt.Fprint(w, `.SH NAME
accord \- reach a device with ssh, with the yes of its user
.SH SYNOPSIS
.B accord
.I VERB
[\fIOPTIONS\fR] [\fIARGUMENTS\fR]
.SH DESCRIPTION
Accord is a gateway for support desks. A technician reaches a device with ssh; the
person at the device says yes, later or no to every visit; all of it is recorded.
.SH VERBS
`)
	for _, v := range verbs() {
		fmt.Fprintf(w, ".SS accord %s\n", roff(strings.TrimSpace(v.name+" "+v.usage)))
		text(w, v.help)
	}
	fmt.Fprint(w, `.SH EXIT STATUS
0: done. 1: failed. 2: the command line or the configuration is wrong.
.SH FILES
.TP
.I /etc/accord/gateway.toml
the gateway's configuration
.TP
.I /etc/accord/agent.toml
the device's
.SH SEE ALSO
.BR ssh (1),
.BR ssh\-keygen (1)
`)
}

// text writes help as it was laid out where its lines are indented, and as
// running text elsewhere.
func text(w io.Writer, help string) {
	for _, block := range strings.Split(strings.TrimSpace(help), "\n\n") {
		if strings.Contains("\n"+block, "\n  ") {
			fmt.Fprintf(w, ".PP\n.nf\n%s\n.fi\n", roff(block))
		} else {
			fmt.Fprintf(w, ".PP\n%s\n", roff(block))
		}
	}
}

// roff makes text stand for itself: a backslash, a dash, and what begins a line
// as a request does.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...").Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
}
