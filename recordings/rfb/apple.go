package rfb

import (
	"crypto/aes"
	"crypto/md5" // what the protocol asks for, see appleAuth
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"io"
	"math/big"
)

// Bounds of the numbers of Apple's Diffie-Hellman, in bytes. Its servers send 128.
const (
	appleLeast = 64
	appleMost  = 1024
)

// appleField is the room for a name, and for a password, each ended by NUL.
const appleField = 64

// appleAuth tells name and password as Apple's Remote Desktop does (security type
// 30): a Diffie-Hellman exchange whose secret, through MD5, is an AES key of 128
// bits, and both texts in 64 bytes each, encrypted block by block. The server
// proves nothing, so it is for one on this machine.
func appleAuth(conn io.ReadWriter, c Credentials) error {
	if len(c.User) >= appleField || len(c.Password) >= appleField {
		return insecure("user or password are longer than %d bytes", appleField-1)
	}
	var head [4]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return fmt.Errorf("wait for the VNC server's key: %w", err)
	}
	generator, size := binary.BigEndian.Uint16(head[:]), int(binary.BigEndian.Uint16(head[2:]))
	if size < appleLeast || size > appleMost {
		return insecure("its key has %d bytes; %d to %d are known", size, appleLeast, appleMost)
	}
	numbers := make([]byte, 2*size)
	if _, err := io.ReadFull(conn, numbers); err != nil {
		return fmt.Errorf("wait for the VNC server's key: %w", err)
	}
	prime, theirs := new(big.Int).SetBytes(numbers[:size]), new(big.Int).SetBytes(numbers[size:])
	private, err := applePrivate(prime, theirs, int64(generator))
	if err != nil {
		return err
	}
	secret := new(big.Int).Exp(theirs, private, prime).FillBytes(make([]byte, size))
	mine := new(big.Int).Exp(big.NewInt(int64(generator)), private, prime).FillBytes(make([]byte, size))
	sealed, err := appleSeal(secret, c)
	if err != nil {
		return err
	}
	if _, err := conn.Write(append(sealed, mine...)); err != nil {
		return fmt.Errorf("answer the VNC server: %w", err)
	}
	return nil
}

// applePrivate makes our half, for numbers with which a secret can be one.
func applePrivate(prime, theirs *big.Int, generator int64) (*big.Int, error) {
	one := big.NewInt(1)
	last := new(big.Int).Sub(prime, one)
	if prime.BitLen() < 8*appleLeast-8 || prime.Bit(0) == 0 || generator < 2 || theirs.Cmp(one) <= 0 || theirs.Cmp(last) >= 0 {
		return nil, insecure("its numbers make no key")
	}
	private, err := rand.Int(rand.Reader, last)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return private.Add(private, one), nil
}

// appleSeal encrypts name and password. What is behind them is noise.
func appleSeal(secret []byte, c Credentials) ([]byte, error) {
	var text [2 * appleField]byte
	if _, err := rand.Read(text[:]); err != nil {
		return nil, fmt.Errorf("make noise: %w", err)
	}
	copy(text[:], c.User+"\x00")
	copy(text[appleField:], c.Password+"\x00")
	key := md5.Sum(secret)
	block, err := aes.NewCipher(key[:])
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	for at := 0; at < len(text); at += aes.BlockSize {
		block.Encrypt(text[at:], text[at:])
	}
	return text[:], nil
}
