//go:build !windows

package main

// systemVerbs are those that only one system has: none here.
func systemVerbs() []verb { return nil }
