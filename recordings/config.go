package recordings

import (
	"errors"
	"fmt"
	"strings"
)

// Config is the section "recordings" of the gateway's configuration.
type Config struct {
	// Dir is the folder of all recordings. It is made when it is missing. One
	// gateway at a time uses it.
	Dir string `toml:"dir"`
	// MinFreeMiB is the free space, in MiB, below which no recording starts,
	// and so no visit. 0 means that a visit starts as long as its first bytes
	// can be written.
	MinFreeMiB int64 `toml:"min_free_mib"`
	// CopyFilesKiB is how much of each file that a visit copies is kept with its
	// recording, in KiB; 0 keeps none.
	CopyFilesKiB int64 `toml:"copy_files_kib"`
}

// Default is the configuration in force where the file says nothing.
func Default() Config {
	return Config{Dir: "/var/lib/accord/recordings", MinFreeMiB: 256}
}

// Check refuses values that can't be meant. The error names the key.
func (c Config) Check() error {
	switch {
	case c.Dir == "":
		return errors.New("recordings.dir is empty: name the folder for the recordings")
	case strings.ContainsRune(c.Dir, 0):
		return errors.New("recordings.dir holds a NUL byte: name the folder for the recordings")
	case c.MinFreeMiB < 0 || c.MinFreeMiB > 1<<30:
		return fmt.Errorf("recordings.min_free_mib is %d: it must be between 0 and %d", c.MinFreeMiB, 1<<30)
	case c.CopyFilesKiB < 0 || c.CopyFilesKiB > 1<<30:
		return fmt.Errorf("recordings.copy_files_kib is %d: it must be between 0 and %d", c.CopyFilesKiB, 1<<30)
	}
	return nil
}
