// Package hub is the middle of a visit's screen: one client of the device's
// screen, one picture, many readers.
//
// A [Hub] opens the screen on the device, keeps its picture and lets it be
// looked at: by the recorder, by VNC viewers, by terminals. Whoever looks has a
// [Seat], and may do with the device what the seat's owner may at that moment: it
// is asked at every event. No picture is shown that the recorder has not kept up
// with, and none while the visit is paused.
//
// The package knows RFB and neither SSH nor the rules: what opens the screen, what
// records it and what may be done come in as values.
package hub
