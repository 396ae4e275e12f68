package wire

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

// replayOf reads a replay into memory.
func replayOf(stream []byte) (map[string]string, error) {
	files := make(map[string]string)
	err := ReadReplay(bytes.NewReader(stream), func(name string, file io.Reader) error {
		text, err := io.ReadAll(file)
		files[name] = string(text)
		return err
	})
	return files, err
}

func sampleReplay(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	for name, text := range map[string]string{"visit.json": "{}", "001.cast": strings.Repeat("x", 100_000), "seal": ""} {
		if err := WriteReplayFile(&b, name, int64(len(text)), strings.NewReader(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := WriteReplayEnd(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReplay(t *testing.T) {
	whole := sampleReplay(t)
	files, err := replayOf(whole)
	if err != nil || len(files) != 3 || files["visit.json"] != "{}" || len(files["001.cast"]) != 100_000 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	// Wherever it is cut, it is seen to be.
	for _, n := range []int{0, 1, 5, 20, len(whole) / 2, len(whole) - 1} {
		if _, err := replayOf(whole[:n]); err == nil {
			t.Errorf("cut at %d it passes", n)
		}
	}
	if err := WriteReplayFile(io.Discard, "../key", 0, strings.NewReader("")); err == nil {
		t.Error("a file of another folder was sent")
	}
}

func TestReplayRefuses(t *testing.T) {
	file := func(name string, size uint64) []byte {
		b := append([]byte{byte(len(name))}, name...)
		for i := 7; i >= 0; i-- {
			b = append(b, byte(size>>(8*i)))
		}
		return b
	}
	for name, stream := range map[string][]byte{
		"a path":     append(file("../key", 0), 0),
		"reserve":    append(file("reserve", 0), 0),
		"two of one": append(append(file("seal", 0), file("seal", 0)...), 0),
		"too large":  file("001.cast", MaxReplay+1),
		"negative":   file("001.cast", 1<<63),
	} {
		if files, err := replayOf(stream); err == nil {
			t.Errorf("%s: %v", name, files)
		}
	}
}

func FuzzReadReplay(f *testing.F) {
	f.Add([]byte{0})
	f.Add([]byte("\x04seal\x00\x00\x00\x00\x00\x00\x00\x02{}\x00"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		files, err := replayOf(stream)
		for name := range files {
			if err == nil && !ReplayFile(name) {
				t.Errorf("took %q", name)
			}
		}
	})
}
