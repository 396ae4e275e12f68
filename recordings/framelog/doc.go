// Package framelog keeps what a screen showed, losslessly, in a file that only
// grows and that a crash can cut anywhere.
//
// A [Writer] is handed what has changed in a [rfb.Screen] and when; a [Reader]
// gives the picture of any time back through a [Player]. Neither knows a file
// system, a clock or a visit. docs/recording-format.md has the format:
//
//	FILE   := HEADER CHUNK* [INDEX]
//	HEADER := 89 'S' 'F' 'L' 0D 0A 1A 0A | u16 version | u16 flags | u32 metaLen | meta JSON | u32 crc32c
//	CHUNK  := 'CHNK' | u32 seq | u32 t0 | u16 w | u16 h | u32 flags | [32] prevHash
//	          BLOCK*                                   one zstd frame, cut at flushes
//	          'CEND' | u32 seq | u32 t1 | u32 nBlocks | u32 rawBytes | u32 nFrames | u32 nInput | [32] hash
//	BLOCK  := 'B' | u8 flags | u16 0 | u32 len | u32 tLast | u32 crc32c(payload) | payload
//	INDEX  := 'INDX' | u32 n | n x { u64 off, u32 t0, u32 t1, u16 w, u16 h, u32 flags, [32] hash } | u32 crc | u64 indexOff | 'SFLEND\r\n'
//
// Numbers are little-endian, times milliseconds since the start of the file. A
// chunk stands alone: it begins with the whole picture. So a reader goes to any
// time through the nearest chunk, and damage costs at most the rest of one.
//
// The writer and every reader hold the same picture after the same record. That
// makes copies worth keeping as operations, and unchanged tiles free.
package framelog
