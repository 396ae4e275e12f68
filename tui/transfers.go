package tui

import (
	"fmt"
	"strings"
)

// Transfer is a file that is copied. The name is clean.
type Transfer struct {
	Name  string
	Put   bool  // onto the device
	Bytes int64 // so far
	Size  int64 // of all of it; negative: not known
	Done  bool
	Part  bool // it ended, and not all of it went
}

// Copied counts files that were copied, whole or in part.
type Copied struct {
	Got, Put           int
	GotBytes, PutBytes int64
}

// transfers tell what a visit copies, and what it has copied so far.
func (p *Phrases) transfers(v Visit) []string {
	lines := make([]string, 0, len(v.Transfers)+1)
	for _, t := range v.Transfers {
		lines = append(lines, p.transfer(t))
	}
	if v.Copied.Got+v.Copied.Put > 0 {
		lines = append(lines, p.Say("FilesSoFar", "Files", p.copied(v.Copied)))
	}
	return lines
}

// transfer tells of one file: which way, its name, how far it is.
func (p *Phrases) transfer(t Transfer) string {
	key, far := "TransferGet", p.size(t.Bytes)
	if t.Put {
		key = "TransferPut"
	}
	switch {
	case t.Done && t.Part:
		far = p.Say("TransferPart", "Bytes", far)
	case t.Done:
		far = p.Say("TransferDone", "Bytes", far)
	case t.Size > 0:
		far = p.Say("TransferOf", "Bytes", far, "Size", p.size(t.Size), "Percent", min(100, int(float64(t.Bytes)/float64(t.Size)*100)))
	}
	return p.Say(key, "Name", t.Name, "Far", far)
}

// copied counts files: those that were fetched, then those that were sent.
func (p *Phrases) copied(c Copied) string {
	var list []string
	if c.Got > 0 {
		list = append(list, p.Say("FilesGot", "Count", c.Got, "Size", p.size(c.GotBytes)))
	}
	if c.Put > 0 {
		list = append(list, p.Say("FilesPut", "Count", c.Put, "Size", p.size(c.PutBytes)))
	}
	return strings.Join(list, ", ")
}

// size writes a number of bytes with three digits at most, in powers of 1000.
func (p *Phrases) size(n int64) string {
	if n < 1000 {
		return p.Say("SizeBytes", "N", n)
	}
	f, unit := float64(n), ""
	for _, unit = range []string{"SizeKB", "SizeMB", "SizeGB", "SizeTB"} {
		if f /= 1000; f < 999.5 || unit == "SizeTB" {
			break
		}
	}
	format := "%.0f"
	if f < 9.95 {
		format = "%.1f"
	}
	return p.Say(unit, "N", p.decimal(fmt.Sprintf(format, f)))
}

// decimal writes a number with the mark of the language.
func (p *Phrases) decimal(n string) string { return strings.Replace(n, ".", p.Say("DecimalMark"), 1) }
