package tui

import (
	"strings"
	"testing"
)

// copyingVisit is one in which files go both ways.
func copyingVisit() Visit {
	v := sampleVisit()
	v.Capabilities = []string{"files.get", "files.put"}
	v.Transfers = []Transfer{
		{Name: "/home/anna/report.pdf", Bytes: 450_000, Size: 1_000_000},
		{Name: "/srv/image.iso", Put: true, Bytes: 12_345_678_901, Size: -1},
	}
	v.Copied = Copied{Got: 12, GotBytes: 3_140_000, Put: 1, PutBytes: 999}
	return v
}

func TestTransfersAreSaid(t *testing.T) {
	for lang, want := range map[string][]string{
		"en": {"fetches /home/anna/report.pdf: 450 kB of 1.0 MB (45 %)", "sends /srv/image.iso: 12 GB", "Files so far: 12 fetched (3.1 MB), 1 sent (999 bytes)"},
		"fr": {"prend /home/anna/report.pdf\u00a0: 450 ko sur 1,0 Mo (45\u00a0%)", "dépose /srv/image.iso\u00a0: 12 Go", "12 pris (3,1 Mo), 1 déposés (999 octets)"},
	} {
		ph := PhrasesFor(lang)
		got := strings.Join(ph.transfers(copyingVisit()), "\n")
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: %q lacks %q", lang, got, w)
			}
		}
		card := sampleCard()
		if strings.Contains(card.Text(ph), ph.Say("LabelFiles")) {
			t.Errorf("%s: a card without files names them", lang)
		}
		card.Copied = copyingVisit().Copied
		if !strings.Contains(card.Text(ph), ph.copied(card.Copied)) {
			t.Errorf("%s: %s", lang, card.Text(ph))
		}
	}
	ph := PhrasesFor("en")
	for said, f := range map[string]Transfer{
		"← fetches f: 5 bytes, all of it":       {Name: "f", Bytes: 5, Size: 5, Done: true},
		"→ sends f: 0 bytes, not all of it":     {Name: "f", Put: true, Done: true, Part: true, Size: -1},
		"← fetches f: 2.0 kB of 1.0 kB (100 %)": {Name: "f", Bytes: 2000, Size: 1000}, // a device that lies
	} {
		if got := ph.transfer(f); got != said {
			t.Errorf("got %q, want %q", got, said)
		}
	}
	for n, want := range map[int64]string{0: "0 bytes", 999: "999 bytes", 1000: "1.0 kB", 9_949: "9.9 kB", 9_999: "10 kB", 999_499: "999 kB", 999_600: "1.0 MB", 1 << 62: "4611686 TB"} {
		if got := ph.size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
