// Cut keeps the beginning of a capture of a server's messages (an .xfbs file):
// those that came before a number of milliseconds. So were made, from two
// captures of the same minute of a desktop under Xtigervnc 1.12,
//
//	go run ./recordings/rfb/testdata/cut mixed.zrle.xfbs 4460 >recordings/rfb/testdata/desktop.zrle.xfbs
//	go run ./recordings/rfb/testdata/cut mixed.tight.xfbs 4460 >recordings/rfb/testdata/desktop.tight.xfbs
//
// At that moment both showed the same. A file is 'XFBS', the width and height as
// u16, and messages: u32 length, u32 ms since the start, and the bytes, all
// big-endian.
package main

import (
	"encoding/binary"
	"log"
	"os"
	"strconv"
)

func main() {
	file, err := os.ReadFile(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	until, err := strconv.ParseUint(os.Args[2], 10, 32)
	if err != nil {
		log.Fatal(err)
	}
	end := 8
	for end < len(file) && uint64(binary.BigEndian.Uint32(file[end+4:])) < until {
		end += 8 + int(binary.BigEndian.Uint32(file[end:]))
	}
	if _, err := os.Stdout.Write(file[:end]); err != nil {
		log.Fatal(err)
	}
}
