package agent

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"accord/wire"

	"golang.org/x/crypto/ssh"
)

// Pin is what a device keeps of the gateway it joined. The key is the only one
// the device ever admits.
type Pin struct {
	Address      string `json:"address"` // host:port that agents call, or wss://HOST
	Key          string `json:"key"`     // authorized_keys form
	Device       string `json:"device"`  // the name the gateway calls this device
	Organisation string `json:"organisation"`
}

// ErrNotJoined reports a device that belongs to no gateway yet.
var ErrNotJoined = errors.New("this device has not joined a gateway: run `accord join HOST:PORT TOKEN` with the line that `ssh GATEWAY enroll` prints")

// state is the agent's folder:
//
//	key           the device's identity, an OpenSSH private key
//	gateway.json  the pin
//	supervisors.json  whose override counts
//	overrides.json    numbers for overrides, those that wait and those spent
//	receipts/     one file per request
//	replays/      recordings of visits that the user may replay
type state string

// openState makes the folder if there is none.
func openState(dir string) (state, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make the agent's folder: %w", err)
	}
	if err := keepFolder(dir); err != nil {
		return "", fmt.Errorf("keep the agent's folder to its account: %w", err)
	}
	return state(dir), nil
}

// deviceKey loads the device's key, or makes it the first time. A key that is
// there but can't be read is an error: a new one would be another device.
func (s state) deviceKey() (ssh.Signer, error) {
	path := filepath.Join(string(s), "key")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = newKey(path)
	}
	if err != nil {
		return nil, fmt.Errorf("the device's key: %w", err)
	}
	key, err := ssh.ParsePrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("the device's key in %s can't be read (%w): restore it, or remove it and join again as a new device", path, err)
	}
	return key, nil
}

func newKey(path string) ([]byte, error) {
	text, err := wire.NewPrivateKey("accord device")
	if err != nil {
		return nil, err
	}
	return text, writeFile(path, text, 0o600)
}

// pin loads the gateway's pin; [ErrNotJoined] when there is none.
func (s state) pin() (*Pin, error) {
	path := filepath.Join(string(s), "gateway.json")
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNotJoined
	}
	if err != nil {
		return nil, fmt.Errorf("the pinned gateway: %w", err)
	}
	var p Pin
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("the pinned gateway in %s can't be read (%w): join again", path, err)
	}
	return &p, nil
}

func (s state) savePin(p Pin) error {
	text, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return fmt.Errorf("keep the gateway's pin: %w", err)
	}
	return writeFile(filepath.Join(string(s), "gateway.json"), append(text, '\n'), 0o644)
}

// gatewayKey is the pinned key itself.
func (p *Pin) gatewayKey() (ssh.PublicKey, error) {
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(p.Key))
	if err != nil {
		return nil, fmt.Errorf("the pinned key of the gateway can't be read (%w): join again", err)
	}
	return key, nil
}

// writeFile puts a file in place whole and synced, or not at all.
func writeFile(path string, data []byte, mode fs.FileMode) error {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, ".new-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}
