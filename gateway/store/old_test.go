package store

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// oldState makes the state folder of an older program from what one has written
// (testdata/NAME.sql and the key of its log).
func oldState(t *testing.T, name string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	key, err := os.ReadFile(filepath.Join("testdata", name+".key"))
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, keyFile), key, 0o600))
	text, err := os.ReadFile(filepath.Join("testdata", name+".sql"))
	must(t, err)
	db, err := sql.Open("sqlite", filepath.Join(dir, databaseFile))
	must(t, err)
	_, err = db.Exec(string(text))
	must(t, err)
	must(t, db.Close())
	return dir
}

// TestUpgrade: the state of older programs is opened by this one with everything
// in it, and goes on. "first" is of the first form; "fifth" lacks a migration
// that was written before its last one and came after it.
func TestUpgrade(t *testing.T) {
	for _, name := range []string{"first", "fifth"} {
		t.Run(name, func(t *testing.T) {
			ctx, dir := context.Background(), oldState(t, name)
			r := looked(t, dir)
			must(t, r.Sound(ctx))
			before, err := r.CheckLog(ctx)
			must(t, err)
			was, err := r.Outline(ctx)
			must(t, err)
			if was.Form >= was.Known || was.Entries != before || was.Devices != 2 || was.Open != 1 {
				t.Fatalf("it is not of an older program: %+v", was)
			}
			s := openIn(t, dir)
			same(t, "proven", sound(t, s), before)
			a, err := s.DeviceByName(ctx, "lab-1")
			must(t, err)
			same(t, "device", fmt.Sprint(a.OS, a.Version, a.Logins, a.Online, a.Class, a.Told), fmt.Sprint("linux", "v0", []string{"user"}, true, "", ""))
			b, err := s.DeviceByName(ctx, "lab-2")
			must(t, err)
			same(t, "quarantine", b.QuarantineWhy, "two devices use one key")
			v, err := s.Visit(ctx, "20260304-120200-aaaaaaaa")
			must(t, err)
			same(t, "visit", fmt.Sprint(v.State, v.By, v.Note, v.HeadSeq, v.Granted), fmt.Sprint(Ended, "user", "all is well", 7, []string{"shell"}))
			overrides, err := s.Overrides(ctx, OverrideFilter{})
			must(t, err)
			if name == "fifth" && (len(overrides) != 1 || overrides[0].State != OverrideApproved || overrides[0].Signatures[0].Signer != "sue") {
				t.Errorf("overrides: %+v", overrides)
			}
			goesOn(t, s, a, b)
			if n := sound(t, s); n <= before {
				t.Errorf("%d entries before, %d now", before, n)
			}
		})
	}
}

// goesOn does what a gateway does after an upgrade, to tables of every age.
func goesOn(t *testing.T, s *Store, a, b Device) {
	t.Helper()
	ctx := context.Background()
	over, err := s.InterruptVisits(ctx, by("gateway", 20))
	must(t, err)
	same(t, "interrupted", len(over), 1)
	must(t, s.Online(ctx, a.Key, Facts{OS: "linux", Class: "unattended"}, by("lab-1", 21)))
	must(t, s.Told(ctx, map[string]string{a.Key: "facts"}, noon))
	must(t, s.Lock(ctx, "tom", "left", by("ada", 22)))
	must(t, s.Release(ctx, b.Key, by("ada", 23)))
	must(t, s.Retire(ctx, a.Key, "old", by("ada", 24)))
}
