package wire

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/hiddeco/sshsig"
	"golang.org/x/crypto/ssh"
)

// Namespaces of signed statements (SSHSIG, PROTOCOL.sshsig of OpenSSH), so
// that a signature for one purpose is worth nothing for another.
const (
	NamespaceReceipt = "receipt@accord"
	NamespaceSeal    = "seal@accord"
)

// ErrSignature reports a signature that does not cover the statement in the
// namespace by the key that was expected.
var ErrSignature = errors.New("the signature does not match")

// Sign signs a statement. The result is armored SSHSIG, which
// `ssh-keygen -Y verify` reads.
func Sign(key ssh.Signer, namespace string, statement []byte) ([]byte, error) {
	sig, err := sshsig.Sign(bytes.NewReader(statement), key, sshsig.HashSHA512, namespace)
	if err != nil {
		return nil, fmt.Errorf("sign a statement for %s: %w", namespace, err)
	}
	return sshsig.Armor(sig), nil
}

// Verify checks an armored SSHSIG over a statement by one key. All failures
// are [ErrSignature].
func Verify(key ssh.PublicKey, namespace string, statement, armored []byte) error {
	sig, err := sshsig.Unarmor(armored)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if sig.HashAlgorithm != sshsig.HashSHA512 {
		return fmt.Errorf("%w: hash %s", ErrSignature, sig.HashAlgorithm)
	}
	if err := sshsig.Verify(bytes.NewReader(statement), sig, key, sig.HashAlgorithm, namespace); err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return nil
}

// VerifyAny checks that an armored SSHSIG covers a statement by the key that is
// named in it. That shows that nothing was changed since, not who signed.
func VerifyAny(namespace string, statement, armored []byte) error {
	sig, err := sshsig.Unarmor(armored)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return Verify(sig.PublicKey, namespace, statement, armored)
}

// SignerOf is the key that is named in an armored SSHSIG.
func SignerOf(armored []byte) (ssh.PublicKey, error) {
	sig, err := sshsig.Unarmor(armored)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSignature, err)
	}
	return sig.PublicKey, nil
}
