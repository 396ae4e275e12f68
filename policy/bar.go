package policy

type Bar struct{ Rule, Why string }
