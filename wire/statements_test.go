package wire

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// keys is a key of each type that signs without a device in a USB port.
func keys(t *testing.T) map[string]ssh.Signer {
	t.Helper()
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	prime, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]ssh.Signer{"ed25519": newKey(t)}
	for name, k := range map[string]any{"ecdsa": curve, "rsa": prime} {
		if list[name], err = ssh.NewSignerFromKey(k); err != nil {
			t.Fatal(err)
		}
	}
	return list
}

// keygen runs ssh-keygen and returns what it says.
func keygen(t *testing.T, input []byte, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ssh-keygen", args...)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func write(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// What we sign, the stock ssh-keygen verifies, and only that.
func TestSSHKeygenVerifies(t *testing.T) {
	statement := []byte("a statement\n\x00\xff")
	for name, key := range keys(t) {
		t.Run(name, func(t *testing.T) {
			armored, err := Sign(key, NamespaceReceipt, statement)
			if err != nil {
				t.Fatal(err)
			}
			allowed := write(t, "allowed", append([]byte("laptop-7 "), ssh.MarshalAuthorizedKey(key.PublicKey())...))
			sig := write(t, "sig", armored)
			verify := func(namespace string, text []byte) error {
				out, err := keygen(t, text, "-Y", "verify", "-f", allowed, "-I", "laptop-7", "-n", namespace, "-s", sig)
				t.Log(strings.TrimSpace(out))
				return err
			}
			if err := verify(NamespaceReceipt, statement); err != nil {
				t.Error(err)
			}
			if verify(NamespaceSeal, statement) == nil || verify(NamespaceReceipt, statement[1:]) == nil {
				t.Error("ssh-keygen takes it for something else")
			}
		})
	}
}

// What the stock ssh-keygen signs, we verify.
func TestSSHKeygenSigns(t *testing.T) {
	statement := []byte("override\n")
	for _, kind := range []string{"ed25519", "ecdsa", "rsa"} {
		t.Run(kind, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "key")
			if out, err := keygen(t, nil, "-q", "-t", kind, "-N", "", "-f", path); err != nil {
				t.Fatal(out, err)
			}
			public, err := os.ReadFile(path + ".pub")
			if err != nil {
				t.Fatal(err)
			}
			key, _, _, _, err := ssh.ParseAuthorizedKey(public)
			if err != nil {
				t.Fatal(err)
			}
			text := write(t, "statement", statement)
			if out, err := keygen(t, nil, "-Y", "sign", "-n", NamespaceReceipt, "-f", path, text); err != nil {
				t.Fatal(out, err)
			}
			armored, err := os.ReadFile(text + ".sig")
			if err != nil {
				t.Fatal(err)
			}
			if err := Verify(key, NamespaceReceipt, statement, armored); err != nil {
				t.Error(err)
			}
			if err := Verify(key, NamespaceSeal, statement, armored); !errors.Is(err, ErrSignature) {
				t.Errorf("another namespace: %v", err)
			}
		})
	}
}

func TestVerifyRefuses(t *testing.T) {
	key, statement := newKey(t), []byte("statement")
	armored, err := Sign(key, NamespaceReceipt, statement)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := sshsig.Sign(bytes.NewReader(statement), key, sshsig.HashSHA256, NamespaceReceipt)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		key            ssh.PublicKey
		namespace      string
		statement, sig []byte
	}{
		"another key":       {newKey(t).PublicKey(), NamespaceReceipt, statement, armored},
		"another namespace": {key.PublicKey(), NamespaceSeal, statement, armored},
		"no namespace":      {key.PublicKey(), "", statement, armored},
		"another statement": {key.PublicKey(), NamespaceReceipt, []byte("Statement"), armored},
		"no statement":      {key.PublicKey(), NamespaceReceipt, nil, armored},
		"another hash":      {key.PublicKey(), NamespaceReceipt, statement, sshsig.Armor(weak)},
		"no signature":      {key.PublicKey(), NamespaceReceipt, statement, nil},
		"no armor":          {key.PublicKey(), NamespaceReceipt, statement, []byte("SSHSIG")},
		"cut":               {key.PublicKey(), NamespaceReceipt, statement, armored[:len(armored)/2]},
	} {
		if err := Verify(c.key, c.namespace, c.statement, c.sig); !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Sign(key, "", statement); err == nil {
		t.Error("signed for no namespace")
	}
}

func TestConsentComesBack(t *testing.T) {
	key, want := newKey(t), aConsent()
	text, signature, err := SignStatement(key, &want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenConsent(key.PublicKey(), text, signature)
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := OpenConsent(newKey(t).PublicKey(), text, signature); !errors.Is(err, ErrSignature) {
		t.Errorf("another device's key: %v", err)
	}
	if _, err := OpenConsent(key.PublicKey(), append(text, '\n'), signature); !errors.Is(err, ErrSignature) {
		t.Errorf("another text: %v", err)
	}
	if e, err := OpenEnding(key.PublicKey(), text, signature); err == nil {
		t.Errorf("a consent was taken for an end card: %+v", e)
	}
}

func TestOpenConsentRefuses(t *testing.T) {
	key := newKey(t)
	later := time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC)
	for name, change := range map[string]func(*Consent){
		"no choice":                 func(c *Consent) { c.Choice = "" },
		"unknown choice":            func(c *Consent) { c.Choice = "yes" },
		"approval with no end":      func(c *Consent) { c.Until = nil },
		"approval of nothing":       func(c *Consent) { c.Granted = nil },
		"approval of more":          func(c *Consent) { c.Granted = []Capability{Shell, FilesPut} },
		"approval of one twice":     func(c *Consent) { c.Granted = []Capability{Shell, Shell} },
		"approval that has ended":   func(c *Consent) { c.Until = &c.Answered },
		"approval without end":      func(c *Consent) { end := c.Answered.Add(24 * time.Hour); c.Until = &end },
		"later, but not when":       func(c *Consent) { c.Choice, c.Granted, c.Until = Later, nil, nil },
		"refusal that grants":       func(c *Consent) { c.Choice, c.Until = Refuse, nil },
		"silence that has an end":   func(c *Consent) { c.Choice, c.Granted = None, nil },
		"later that grants":         func(c *Consent) { c.Choice, c.Later = Later, &later },
		"request that is no good":   func(c *Consent) { c.Request.Minutes = 0 },
		"device that can't be":      func(c *Consent) { c.Device = "\x1b" },
		"account that can't be":     func(c *Consent) { c.Login = "a b" },
		"year that can't be said":   func(c *Consent) { c.Asked = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"statement of another sort": nil,
	} {
		c := aConsent()
		var statement any = &c
		if change == nil {
			statement = map[string]any{"choice": "approve"}
		} else {
			change(&c)
		}
		text, signature, err := SignStatement(key, statement)
		if err != nil {
			continue // it can't even be said
		}
		if got, err := OpenConsent(key.PublicKey(), text, signature); err == nil || got != nil {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

func TestOpenConsentCleans(t *testing.T) {
	key, c := newKey(t), aConsent()
	c.Choice, c.Granted, c.Until = Refuse, nil, nil
	c.Why, c.Surface, c.Language, c.Nonce, c.DeviceKey = "\x1b[2J", "\a", "\r", "\b", "\u202e"
	c.Text = "line\nline\x1b]0;title\a\n"
	c.Request.Reason = "\x1b"
	text, signature, err := SignStatement(key, &c)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenConsent(key.PublicKey(), text, signature)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{got.Why, got.Surface, got.Language, got.Nonce, got.DeviceKey, got.Request.Reason, strings.ReplaceAll(got.Text, "\n", " ")} {
		if Clean(s, 1000) != s {
			t.Errorf("%q is not clean", s)
		}
	}
	if got.Text != "line\nline<U+001B>]0;title<U+0007>\n" {
		t.Errorf("%q", got.Text)
	}
}

func TestEnding(t *testing.T) {
	key := newKey(t)
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	want := Ending{Number: 7, Visit: visitName, Opened: at, Ended: at.Add(time.Hour), By: "user", Cause: "Stopped.", Shells: 2, Screens: 3, Head: Head{9, hash}, Sealed: true}
	text, signature, err := SignStatement(key, want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := OpenEnding(key.PublicKey(), text, signature); err != nil || *got != want {
		t.Errorf("%+v, %v", got, err)
	}
	want.Screens = 0
	if text, _, err := SignStatement(key, want); err != nil || strings.Contains(string(text), "screens") {
		t.Errorf("without a screen it is not what it was before: %s, %v", text, err)
	}
	if c, err := OpenConsent(key.PublicKey(), text, signature); err == nil {
		t.Errorf("an end card was taken for a consent: %+v", c)
	}
	for name, bad := range map[string]Ending{
		"no visit": {Head: want.Head},
		"no head":  {Visit: visitName},
	} {
		text, signature, err := SignStatement(key, bad)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := OpenEnding(key.PublicKey(), text, signature); err == nil || got != nil {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if _, _, err := SignStatement(key, func() {}); err == nil {
		t.Error("signed what has no encoding")
	}
}

// The device is as hostile as can be: it has signed whatever comes.
func FuzzOpenConsent(f *testing.F) {
	key := newKey(f)
	text, err := json.Marshal(aConsent())
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add(bytes.ReplaceAll(text, []byte("approve"), []byte("none")))
	f.Fuzz(func(t *testing.T, text []byte) {
		signature, err := Sign(key, NamespaceReceipt, text)
		if err != nil {
			t.Fatal(err)
		}
		c, err := OpenConsent(key.PublicKey(), text, signature)
		if err != nil {
			return
		}
		if c.Choice != Approve && len(c.Granted) > 0 || c.Choice == Approve && !c.Until.After(c.Answered) {
			t.Fatalf("%+v was taken", c)
		}
		if s := c.Why + c.Surface + c.Language + c.Nonce + c.Device + c.Request.Reason; Clean(s, len(s)) != s {
			t.Fatalf("%q is not clean", s)
		}
	})
}
