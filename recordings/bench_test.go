package recordings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// samples are what terminals show, 256 KiB each.
func samples() map[string][]byte {
	const size = 256 << 10
	log := []byte("2026-11-22T16:45:00Z host kernel: [12345.678901] eth0: link up, 1000 Mbps, \"full\" duplex\r\n")
	colours := []byte("\x1b[38;5;34m┌────────┐\x1b[0m \x1b[1mls\x1b[m möchte \x1b[K\r\n\x1b[12;40H日本語 text")
	binary := make([]byte, size)
	random := rand.New(rand.NewPCG(15, 16))
	for i := range binary {
		binary[i] = byte(random.Uint32())
	}
	return map[string][]byte{
		"plain": bytes.Repeat([]byte("x"), size), "log": bytes.Repeat(log, size/len(log)),
		"screen": bytes.Repeat(colours, size/len(colours)), "binary": binary,
	}
}

// BenchmarkEscape is the writer's inner loop, beside encoding/json.
func BenchmarkEscape(b *testing.B) {
	for name, p := range samples() {
		b.Run(name+"/ours", func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			var dst, raw []byte
			for b.Loop() {
				dst, raw, _ = appendText(dst[:0], raw[:0], p)
			}
		})
		b.Run(name+"/encoding-json", func(b *testing.B) {
			b.SetBytes(int64(len(p)))
			for b.Loop() {
				if _, err := json.Marshal(string(p)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkOutput is all that the relay waits for, flushes running beside it.
func BenchmarkOutput(b *testing.B) {
	for name, p := range samples() {
		for _, size := range []int{16, 4 << 10, 256 << 10} {
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				l := openLibrary(b, b.TempDir())
				r := create(b, l, visitNumber(1))
				s := shell(b, r, ptyInfo)
				p := p[:min(size, len(p))]
				b.SetBytes(int64(len(p)))
				b.ReportAllocs()
				for b.Loop() {
					if err := s.Output(p); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				seal(b, r)
			})
		}
	}
}

// BenchmarkVisit is a whole visit with one line of output.
func BenchmarkVisit(b *testing.B) {
	l := openLibrary(b, b.TempDir())
	for i := 0; b.Loop(); i++ {
		r := create(b, l, visitNumber(i))
		s := shell(b, r, ptyInfo)
		must(b, s.Output([]byte("hello\r\n")))
		must(b, s.Close(Exit{}))
		seal(b, r)
	}
}

// BenchmarkShell is what one command of a running visit costs.
func BenchmarkShell(b *testing.B) {
	l := openLibrary(b, b.TempDir())
	r := create(b, l, visitNumber(1))
	for i := 0; b.Loop(); i++ {
		if i%9000 == 8999 {
			b.StopTimer()
			seal(b, r)
			r = create(b, l, visitNumber(i))
			b.StartTimer()
		}
		s := shell(b, r, ShellInfo{Command: "true"})
		must(b, s.Close(Exit{}))
	}
	b.StopTimer()
	seal(b, r)
}

// BenchmarkRead is a player's way through a cast, and Verify of it.
func BenchmarkRead(b *testing.B) {
	for name, p := range samples() {
		root := b.TempDir()
		l := openLibrary(b, root)
		r := create(b, l, visitNumber(1))
		s := shell(b, r, ptyInfo)
		var size int64
		for ; size < 16<<20; size += int64(len(p)) {
			must(b, s.Output(p))
		}
		must(b, s.Close(Exit{}))
		seal(b, r)
		dir := dirOf(root, r.ID())
		b.Run(name+"/cast", func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				c, err := OpenCast(filepath.Join(dir, s.Name()))
				must(b, err)
				_, err = c.WriteStream(io.Discard, Stdout)
				must(b, err)
				must(b, c.Close())
			}
		})
		b.Run(name+"/verify", func(b *testing.B) {
			b.SetBytes(size)
			for b.Loop() {
				if r := verify(b, dir); !r.OK() {
					b.Fatal(r.Problems)
				}
			}
		})
	}
}

// BenchmarkKeystroke is a keystroke's echo, encoded.
func BenchmarkKeystroke(b *testing.B) {
	var e encoder
	p := []byte("x")
	for b.Loop() {
		e.lines = e.lines[:0]
		e.piece(outStream, 90*time.Minute+time.Microsecond, nil, p)
	}
}
