// Package store keeps what the gateway must not forget: the devices, the
// tokens that enrol them, the visits, and the audit log.
//
// The engine is SQLite; the SQL is what PostgreSQL also takes, and the
// contract suite of the tests runs against any engine.
//
// Every change of state takes an [Entry] of the audit log and commits together
// with it, in one transaction: there is no change without its entry, and no
// entry for a change that did not happen. One goroutine writes. It takes
// whatever changes wait at that moment, up to a bound, and commits them as one
// group, so that one flush of the disk serves them all. A method that returns
// nil has its change on the disk; when a group can't be committed, all in it
// get the error.
//
// The log is a Merkle tree as in RFC 6962, and each group ends in a head of it
// signed by the log's own key ([golang.org/x/mod/sumdb/note], in the form of a
// transparency log's checkpoint). [Store.CheckLog] says which entry was altered
// or is missing.
//
// There is no clock in this package: the time of a change is its entry's.
// Text is kept as it is given; whoever decodes text from outside cleans it
// first.
package store
