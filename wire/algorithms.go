package wire

import (
	"golang.org/x/crypto/ssh"
	"golang.org/x/sys/cpu"
)

// Algorithms are those of every connection, best first. RSA with SHA-1, DSA,
// finite-field exchanges and CBC are never offered.
//
// Where the processor computes AES, chacha20 is left out: a stock client takes
// it whenever it is offered, and it costs a gateway several times the time
// (x/crypto has no assembly for it on amd64). Compat adds the plain
// hmac-sha2 codes and the NIST curves, for clients that know no better.
func Algorithms(compat bool) ssh.Config {
	c := ssh.Config{
		KeyExchanges: []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519},
		Ciphers:      []string{ssh.CipherAES128GCM, ssh.CipherAES256GCM, ssh.CipherAES256CTR, ssh.CipherAES128CTR},
		MACs:         []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM},
	}
	if !hasAES() {
		c.Ciphers = append([]string{ssh.CipherChaCha20Poly1305}, c.Ciphers...)
	}
	if compat {
		c.KeyExchanges = append(c.KeyExchanges, ssh.KeyExchangeECDHP256, ssh.KeyExchangeECDHP384)
		c.MACs = append(c.MACs, ssh.HMACSHA256, ssh.HMACSHA512)
	}
	return c
}

func hasAES() bool {
	return cpu.X86.HasAES && cpu.X86.HasPCLMULQDQ || cpu.ARM64.HasAES && cpu.ARM64.HasPMULL ||
		cpu.S390X.HasAES && cpu.S390X.HasAESGCM
}

// KeyAlgorithms are the host and user keys that either side accepts.
func KeyAlgorithms() []string {
	return []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384,
		ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
}
