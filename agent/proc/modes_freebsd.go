package proc

type flags = uint32 // tcflag_t

// inputUTF8 is IUTF8, which FreeBSD has since version 15; in others the bit means
// nothing.
const inputUTF8 = 0x4000
