package main

import (
	"context"
	"fmt"

	"accord/gateway"
)

func backupVerb() verb {
	return verb{
		name:  "backup",
		usage: "[--config FILE] [--json] FOLDER",
		line:  "copy all that a gateway can't lose, while it runs",
		help: `Copies the gateway's keys, database, recordings and configuration to FOLDER,
which is made for its owner alone. The gateway may run or be stopped. The copy
of the database is of one moment, and its audit log is proven before it takes
the place of the one from the last time.

Called again with the same FOLDER it copies what is new: recordings that are
sealed never change. What runs meanwhile is copied as far as it has come, and
again the next time. FOLDER holds the gateway's keys: whoever reads it can be
the gateway. To restore, see docs/operating.md.

Options:
  -c, --config FILE   the configuration of the gateway; else
                      /etc/accord/gateway.toml
  -j, --json          for programs

Examples:
  accord backup /mnt/backup/accord
  accord backup --config ./gateway.toml /mnt/backup/accord`,
		run: runBackup,
	}
}

func runBackup(ctx context.Context, c *call, args []string) error {
	fs := flags("backup")
	path := stringFlag(fs, "config", "c", "")
	asJSON := boolFlag(fs, "json", "j")
	rest, err := parse(c, fs, args, 1)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return usage("backup", "name the folder to copy to")
	}
	*path = installed(*path, "gateway.toml")
	f, err := readConfig(*path, false)
	if err != nil {
		return err
	}
	done, err := gateway.Backup(ctx, gatewayOptions(f), *path, rest[0])
	if err != nil {
		return err
	}
	if *asJSON {
		return writeJSON(c, done)
	}
	_, err = fmt.Fprintf(c.stdout, "%s holds the gateway now: %s\n", rest[0], done.Sentence())
	return err
}
