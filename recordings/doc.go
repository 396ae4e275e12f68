// Package recordings keeps the evidence of visits on disk. Each visit has a
// folder of its own, <root>/YYYY/MM/DD/<visit>/, in which every file but the
// last two only grows:
//
//	visit.json      who, what, why; replaced once, atomically, at the seal
//	timeline.jsonl  every event of the visit in order, one JSON object a line
//	001.cast        a shell: asciicast v2, one file for each shell or command
//	002.frames      a screen: a frame log (package framelog)
//	chain.jsonl     one line for each flush to disk
//	seal            the signed statement over all of it, written last
//	reserve         blocks held back so that a full disk can still close;
//	                gone after the seal
//
// # Order of things
//
// [Shell.Output] has written to the file before it returns, so whoever
// forwards afterwards forwards nothing that isn't in the recording. A
// goroutine of the [Recording] flushes: fdatasync of the files that grew, then
// one line to chain.jsonl, then fdatasync of that. [Recording.Head] tells of a
// line only after that. So after a power cut the chain covers nothing that was
// not on disk before it.
//
// # The chain
//
// A line of chain.jsonl names its number, the time, the head before it, and
// for each file that grew the range and the SHA-256 of the new bytes. The head
// is the SHA-256 of the line with its newline (`tail -n1 chain.jsonl |
// sha256sum`); before the first line it is 64 zeros. The first line covers
// visit.json in its first form; the first event of the timeline holds the same
// value. The last event, "ended", holds what the final visit.json adds, so
// visit.json follows from the chained timeline alone, and the seal's list of
// files covers its final form.
//
// # The seal
//
// The file seal is a JSON statement (state, sizes and SHA-256 of all files,
// last line and head of the chain), followed by an armored SSHSIG over it.
// Stock tools check it: split the file at the first line that starts with
// "-----BEGIN", then `ssh-keygen -Y verify`.
//
// # Exact bytes in a cast
//
// JSON holds text, a terminal's output is bytes. Three event codes that
// players ignore keep the difference, in the same write(2) as what they belong
// to:
//
//	[t, "e", ""]      the next "o" came from stderr of a command without a pty
//	[t, "b", base64]  one byte for each U+FFFD in the next "o" or "i": the byte
//	                  that is no UTF-8, or 0 for a U+FFFD that was really there
//	[t, "c", s+base64] the stream s ("o", "e", "i") stops here within a
//	                  character; its next event starts with these bytes again
//	[t, "x", status]  the exit status, or "signal NAME"
//
// So no byte waits in memory, and characters that were split between two
// writes are whole in the "o" events.
package recordings
