// Settings prints the configuration of one side of an installed Accord, cut from
// the commented sample on its standard input:
//
//	go run ./packaging/settings gateway|agent <config.toml
package main

import (
	"fmt"
	"io"
	"os"

	"accord/packaging"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "settings:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("name gateway or agent")
	}
	sample, err := io.ReadAll(os.Stdin)
	if err != nil {
		return err
	}
	text, err := packaging.Settings(args[0], string(sample))
	if err != nil {
		return err
	}
	_, err = io.WriteString(os.Stdout, text)
	return err
}
