// Package rfb speaks the remote framebuffer protocol (RFC 6143 and the
// community's registry of encodings) and keeps what it shows.
//
// A [Screen] is the one picture of a device's screen. One writer builds a
// [Frame] and commits it: a client that reads a server, or a replay that reads a
// frame log. Any number of readers, each with a [View], take what has changed
// when they have time for it: recorder, VNC viewers, terminals. A slow reader
// misses what lies between and slows nobody.
//
// The package knows no SSH and no policy. What comes from a peer is checked
// before anything is allocated for it.
package rfb
