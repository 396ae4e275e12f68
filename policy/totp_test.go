package policy

import (
	"encoding/base32"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestCodes has the table of RFC 6238, appendix B, for SHA-1; its codes have 8
// digits, of which ours are the last 6.
func TestCodes(t *testing.T) {
	secret := Secret("12345678901234567890")
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := secret.Code(Step(time.Unix(at, 0))); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

func TestParseSecret(t *testing.T) {
	good := base32.StdEncoding.EncodeToString([]byte("12345678901234567890"))
	long := base32.StdEncoding.EncodeToString(make([]byte, 17)) // padded
	for _, c := range []struct{ name, text, want string }{
		{"as made", good + "\n", ""},
		{"small letters in groups", strings.ToLower(good[:4] + " " + good[4:8] + "\t" + good[8:]), ""},
		{"padded", long, ""},
		{"without its padding", strings.TrimRight(long, "="), ""},
		{"empty", "", "0 bytes"},
		{"short", "MFRGG===", "3 bytes"},
		{"long", base32.StdEncoding.EncodeToString(make([]byte, 129)), "129 bytes"},
		{"hex", "3132333435363738393031323334353637383930", "no secret in base32"},
		{"a URI", "otpauth://totp/alice?secret=" + good, "no secret in base32"},
		{"padding in the middle", good + "=A", "no secret in base32"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseSecret(c.text)
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if err != nil && len(c.text) > 20 && strings.Contains(err.Error(), c.text[:20]) {
				t.Errorf("the error says the secret: %v", err)
			}
		})
	}
}

func TestMatch(t *testing.T) {
	secret, now := Secret("12345678901234567890"), time.Unix(1_790_000_000, 0)
	at := Step(now)
	for _, c := range []struct {
		name  string
		typed string
		last  int64
		want  int64
	}{
		{"now", secret.Code(at), 0, at},
		{"with a space", secret.Code(at)[:3] + " " + secret.Code(at)[3:], 0, at},
		{"one early", secret.Code(at + 1), 0, at + 1},
		{"one late", secret.Code(at - 1), 0, at - 1},
		{"two late", secret.Code(at - 2), 0, 0},
		{"two early", secret.Code(at + 2), 0, 0},
		{"used", secret.Code(at), at, 0},
		{"before one that was used", secret.Code(at - 1), at, 0},
		{"after one that was used", secret.Code(at + 1), at, at + 1},
		{"empty", "", 0, 0},
		{"longer", secret.Code(at) + "0", 0, 0},
		{"shorter", secret.Code(at)[:5], 0, 0},
		{"letters", "abcdef", 0, 0},
	} {
		step, ok := secret.Match(c.typed, now, c.last)
		if step != c.want || ok != (c.want != 0) {
			t.Errorf("%s: step %d, %v, want %d", c.name, step-at, ok, c.want-at)
		}
	}
	if _, ok := Secret(nil).Match(Secret(nil).Code(at), now, 0); ok {
		t.Error("no secret has codes")
	}
}

// TestCodeServesOnce: once a step was used, neither its code nor an earlier one
// is taken, whenever it comes.
func TestCodeServesOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := Secret(rapid.SliceOfN(rapid.Byte(), 16, 32).Draw(t, "secret"))
		now := time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "now"), 0)
		last := int64(0)
		for range 8 {
			now = now.Add(time.Duration(rapid.IntRange(-40, 40).Draw(t, "later")) * time.Second)
			if now.Unix() < 60 {
				return
			}
			step, ok := secret.Match(secret.Code(Step(now)+int64(rapid.IntRange(-1, 1).Draw(t, "off"))), now, last)
			if ok && step <= last {
				t.Fatalf("step %d after %d", step, last)
			}
			if ok {
				last = step
			}
		}
	})
}

func FuzzParseSecret(f *testing.F) {
	f.Add("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
	f.Add("=====")
	f.Fuzz(func(t *testing.T, text string) {
		secret, err := ParseSecret(text)
		if err == nil && (len(secret) < 16 || len(secret) > 128) {
			t.Fatalf("%d bytes", len(secret))
		}
	})
}
