package agent

import (
	"os"
	"strings"
)

// bootID is what the kernel calls this boot (random(4)).
func bootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(text)), err
}
