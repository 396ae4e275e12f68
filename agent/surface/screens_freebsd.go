package surface

// onScreens lists nobody: nothing on FreeBSD says who is logged in at a screen.
func onScreens() []Seat { return nil }
