// Command release writes the manifest of a release, RELEASE, into a folder with
// the programs of one version, accord-VERSION-SYSTEM-ARCH:
//
//	release FOLDER VERSION COMMIT TIME
//
// TIME, as RFC 3339, is that of the commit, as the programs have it.
package main

import (
	"fmt"
	"os"
	"time"

	"accord/wire/release"
)

func main() {
	if len(os.Args) != 5 {
		fmt.Fprintln(os.Stderr, "usage: release FOLDER VERSION COMMIT TIME")
		os.Exit(2)
	}
	if err := write(os.Args[1], os.Args[2], os.Args[3], os.Args[4]); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func write(folder, version, commit, moment string) error {
	made, err := time.Parse(time.RFC3339, moment)
	if err != nil {
		return err
	}
	_, err = release.Make(folder, release.Build{Version: version, Made: made}, commit)
	return err
}
