//go:build ignore

package main

import (
	"fmt"
	"io"
	"os"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func copyFile(to io.WriteCloser, from io.ReadCloser) {
	_, err := io.Copy(to, from)
	check(err)
	check(to.Close())
	check(from.Close())
}

// client PORT USER KEY FILE REMOTE BACK
func main() {
	key, err := os.ReadFile(os.Args[3])
	check(err)
	signer, err := ssh.ParsePrivateKey(key)
	check(err)
	c, err := ssh.Dial("tcp", "127.0.0.1:"+os.Args[1], &ssh.ClientConfig{
		User: os.Args[2], Auth: []ssh.AuthMethod{ssh.PublicKeys(signer)}, HostKeyCallback: ssh.InsecureIgnoreHostKey(),
	})
	check(err)
	s, err := c.NewSession()
	check(err)
	out, err := s.Output("echo there; exit 7")
	if e, ok := err.(*ssh.ExitError); !ok || e.ExitStatus() != 7 || string(out) != "there\n" {
		check(fmt.Errorf("%q, %v", out, err))
	}
	f, err := sftp.NewClient(c)
	check(err)
	from, err := os.Open(os.Args[4])
	check(err)
	to, err := f.Create(os.Args[5])
	check(err)
	copyFile(to, from)
	there, err := f.Open(os.Args[5])
	check(err)
	back, err := os.Create(os.Args[6])
	check(err)
	copyFile(back, there)
}
