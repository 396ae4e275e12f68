package gateway

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Somebody else on the gateway's machine makes the folder that the backup will be
// told to use, so as to alter what will be restored some day.
func TestBackupOfAnotherAccounts(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root can make a folder another account's")
	}
	const nobody = 65534
	o := Options{}
	o.Config.State, o.Recordings.Dir = t.TempDir(), t.TempDir()
	folder := filepath.Join(t.TempDir(), "backup")
	if err := os.Mkdir(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	try := func() error {
		release, err := prepareBackup(o, folder)
		if err == nil {
			release()
		}
		return err
	}
	if err := try(); err != nil {
		t.Errorf("a folder of one's own: %v", err)
	}
	if err := os.Chown(folder, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if err := try(); err == nil || !strings.Contains(err.Error(), "another account") {
		t.Errorf("a folder of somebody else's: %v", err)
	}
	// That of the gateway, whose keys these are.
	if err := os.Chown(o.Config.State, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	if err := try(); err != nil {
		t.Errorf("a folder of the gateway's account: %v", err)
	}
}
