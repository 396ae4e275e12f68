// Package tui holds the screens of technicians and of the device's users. A
// screen is a question: it takes values and returns the answer, and it reaches
// back into nothing. A context that ends takes it down, and that is never a yes.
//
// Every screen has a line mode, texts in English and French, and fits 40 by 12.
package tui
