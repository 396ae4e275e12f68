package surface

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// environMost bounds what is read of a process's environment, in bytes.
const environMost = 128 << 10

// environment is that which a program was started with, as far as it may be read.
func environment(pid int) []string {
	f, err := os.Open(fmt.Sprintf("/proc/%d/environ", pid))
	if err != nil {
		return nil
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, environMost))
	if err != nil {
		return nil
	}
	return strings.Split(string(text), "\x00")
}
