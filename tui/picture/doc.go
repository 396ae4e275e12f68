// Package picture draws a device's screen in a terminal: with the kitty graphics
// protocol, with sixels, or with half-blocks, by what the terminal can do.
//
// A [Painter] has a place on the terminal, looks at pictures and returns the
// bytes that bring the terminal from what it shows to what was seen last:
//
//	p := picture.New(means)                         // what the terminal can do
//	p.Show(image.Rect(0, 1, 80, 23), picture.View{}) // where, and how much of it
//	p.Look(frame, changed, rfb.State{})              // copies; may be under a lock
//	out, more := p.Paint(nil, 256<<10)               // encodes; no lock needed
//
// Look is quick, so that it may be the function that [rfb.View.Take] calls.
// Between two calls of Paint any number of pictures may be looked at: only the
// newest is drawn. It knows no terminal and no clock: who writes the bytes
// decides when.
//
// Within a screen of lines that something else compares and draws, such as a
// Bubble Tea program, half-blocks are [Painter.Lines], as a part of the view. Images
// are not text: there the view has blank lines at [Painter.Place], and what Paint
// returns goes to the terminal beside it, with the cursor saved and restored
// around it (tea.Raw of "\x1b7", the bytes, "\x1b8"). Forget follows whatever
// cleared the window, and Erase ends it.
package picture
