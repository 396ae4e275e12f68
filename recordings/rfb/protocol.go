package rfb

// Encodings of rectangles (RFC 6143, section 7.7, and the community's registry).
const (
	encRaw      int32 = 0
	encCopyRect int32 = 1
	encHextile  int32 = 5
	encZlib     int32 = 6
	encTight    int32 = 7
	encZRLE     int32 = 16
)

// Pseudo-encodings: what else a client can take, and how it likes its pixels.
const (
	encJPEGQuality0        int32 = -32 // to -23, quality 9
	encDesktopSize         int32 = -223
	encLastRect            int32 = -224
	encPointerPos          int32 = -232
	encVMwarePointerPos    int32 = 0x574d5666 // TigerVNC's way to say the same
	encCursor              int32 = -239
	encXCursor             int32 = -240
	encCompression0        int32 = -256 // to -247, level 9
	encDesktopName         int32 = -307
	encExtendedDesktopSize int32 = -308
)

// Messages of a server (RFC 6143, section 7.6).
const (
	msgFramebufferUpdate   byte = 0
	msgSetColourMapEntries byte = 1
	msgBell                byte = 2
	msgServerCutText       byte = 3
)

// Messages of a client (RFC 6143, section 7.5, and the registry).
const (
	msgSetPixelFormat           byte = 0
	msgSetEncodings             byte = 2
	msgFramebufferUpdateRequest byte = 3
	msgKeyEvent                 byte = 4
	msgPointerEvent             byte = 5
	msgClientCutText            byte = 6
	msgXVP                      byte = 250 // turns the machine off or resets it
	msgSetDesktopSize           byte = 251
	msgQEMU                     byte = 255 // keys by their place, and sound
)

// Security types (RFC 6143, section 7.2, and the registry).
const (
	securityInvalid  byte = 0
	securityNone     byte = 1
	securityVNCAuth  byte = 2
	securityVeNCrypt byte = 19
	securityApple    byte = 30
)

// maxCut bounds a clipboard's text, in bytes; maxName what a server calls its
// screen.
const (
	maxCut  = 64 << 10
	maxName = 256
)

// latin1 is the character set of RFB's clipboard. What it lacks becomes a
// question mark.
func latin1(text string) []byte {
	b := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			r = '?'
		}
		b = append(b, byte(r))
	}
	return b
}

// fromLatin1 is the text of a clipboard in UTF-8.
func fromLatin1(b []byte) []byte {
	text := make([]byte, 0, len(b))
	for _, c := range b {
		if c < 0x80 {
			text = append(text, c)
		} else {
			text = append(text, 0xc0|c>>6, 0x80|c&0x3f)
		}
	}
	return text
}
