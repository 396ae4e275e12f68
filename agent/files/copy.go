package files

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	wire "accord/wire/files"
)

// The old protocol of scp, which `scp -O` speaks: the source announces each
// file in a line and waits for a zero byte before it sends the file's bytes,
// and for another one behind them.

const (
	lineMost  = 8 << 10 // bytes of a line
	depthMost = 100     // of folders
	globMost  = 1 << 16 // names that one pattern may stand for
)

// errTold is an error that the other side has been told of.
var errTold = errors.New("something could not be copied")

// errSide reports another side that doesn't keep to the protocol, or has gone.
var errSide = errors.New("the other side of scp went away or says something else")

// copier is one side of an scp.
type copier struct {
	area *area
	cmd  wire.Command
	in   *bufio.Reader
	out  *bufio.Writer
	bad  bool // something could not be copied
}

// copyBy does what the command of an scp asks for.
func copyBy(a *area, cmd wire.Command, in io.Reader, out io.Writer) error {
	c := &copier{area: a, cmd: cmd, in: bufio.NewReaderSize(in, 64<<10), out: bufio.NewWriterSize(out, 64<<10)}
	err := c.run()
	if ferr := c.out.Flush(); err == nil {
		err = ferr
	}
	if err == nil && c.bad {
		err = errTold
	}
	return err
}

func (c *copier) run() error {
	if c.cmd.Direction() == wire.Put {
		return c.sink()
	}
	if err := c.await(); err != nil {
		return err
	}
	for i := range c.cmd.Words {
		names, err := c.names(i)
		if err != nil {
			c.fail(err)
			continue
		}
		for _, name := range names {
			if err := c.send(name, 0); err != nil {
				return err
			}
		}
	}
	return nil
}

// fail tells the other side, in a line that it shows to its person.
func (c *copier) fail(err error) {
	c.bad = true
	text := strings.Map(func(r rune) rune {
		if r < ' ' {
			return '?'
		}
		return r
	}, sentence(err))
	fmt.Fprintf(c.out, "\x01scp: %s\n", text) // an error of the writer is seen when it is flushed
}

// await waits for the other side's yes. A no to one file is not the end.
func (c *copier) await() error {
	if err := c.out.Flush(); err != nil {
		return err
	}
	b, err := c.in.ReadByte()
	if err != nil || b == 0 {
		return err
	}
	line, err := c.line()
	switch {
	case err != nil:
		return err
	case b == 1:
		c.bad = true
		return errTold
	}
	return fmt.Errorf("%w: %.200q", errSide, line)
}

func (c *copier) line() (string, error) {
	var b strings.Builder
	for {
		part, err := c.in.ReadSlice('\n')
		b.Write(part)
		switch {
		case b.Len() > lineMost:
			return "", errSide
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil:
			return "", err
		}
		return strings.TrimSuffix(b.String(), "\n"), nil
	}
}

// path is what a word of the command means.
func (c *copier) path(word string) string {
	if word == "~" || strings.HasPrefix(word, "~/") {
		word = expand(word, c.area.start)
	}
	return c.area.full(word)
}

// names are the files that the i-th word stands for: as in a shell, itself
// where a pattern matches nothing.
func (c *copier) names(i int) ([]string, error) {
	word, pattern := c.cmd.Words[i], c.cmd.Patterns[i]
	if !strings.ContainsAny(strings.ReplaceAll(pattern, `\\`, ""), "*?[") || escapedOnly(pattern) {
		return []string{c.path(word)}, nil
	}
	if pattern = c.path(pattern); !fs.ValidPath(strings.TrimPrefix(pattern, "/")) {
		return nil, fmt.Errorf("%s: no such file", word)
	}
	found := []string{"/"}
	for _, part := range strings.Split(strings.TrimPrefix(pattern, "/"), "/") {
		var next []string
		for _, dir := range found {
			more, err := c.match(dir, part)
			if err != nil {
				return nil, err
			}
			if next = append(next, more...); len(next) > globMost {
				return nil, fmt.Errorf("%s: it stands for too many files", word)
			}
		}
		found = next
	}
	if len(found) == 0 {
		return []string{c.path(word)}, nil
	}
	return found, nil
}

// escapedOnly says that all that is special in a pattern has a \ before it.
func escapedOnly(pattern string) bool {
	for i := 0; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case '*', '?', '[':
			return false
		}
	}
	return true
}

// match lists what in a folder fits one part of a pattern.
func (c *copier) match(dir, part string) ([]string, error) {
	if escapedOnly(part) {
		return []string{path.Join(dir, unescape(part))}, nil
	}
	t, name, err := c.area.look(dir)
	if err != nil {
		return nil, err
	}
	f, err := t.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, nil // as a shell does
	}
	defer func() { _ = f.Close() }()
	entries, err := f.ReadDir(-1)
	if err != nil {
		return nil, nil //nolint:nilerr // likewise
	}
	var list []string
	for _, e := range entries {
		fits, err := path.Match(part, e.Name())
		if err != nil {
			return nil, fmt.Errorf("%s: this pattern can't be read", part)
		}
		if fits && (e.Name()[0] != '.' || part[0] == '.') {
			list = append(list, path.Join(dir, e.Name()))
		}
	}
	return list, nil
}

func unescape(part string) string {
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		if part[i] == '\\' && i+1 < len(part) {
			i++
		}
		b.WriteByte(part[i])
	}
	return b.String()
}

// send sends a file, or a folder where that is asked for. An error is the end;
// what can't be read is told and left out.
func (c *copier) send(name string, depth int) error {
	t, inner, err := within(c.area.read, name)
	var info os.FileInfo
	if err == nil {
		info, err = t.Stat(inner)
	}
	switch {
	case err != nil:
	case strings.ContainsAny(path.Base(name), "\n\x00") || name == "/":
		err = errors.New("such a name can't be said in this protocol; use scp without -O")
	case info.IsDir() && !c.cmd.Recursive:
		err = errors.New("it is a folder; copy it with -r")
	case info.IsDir() && depth > depthMost:
		err = errors.New("the folders are too deep")
	case info.IsDir():
		return c.sendFolder(t, inner, name, info, depth)
	case !info.Mode().IsRegular():
		err = errSpecial
	}
	var f *os.File
	if err == nil {
		f, err = openRegular(t, inner, os.O_RDONLY, 0)
	}
	if err != nil {
		c.fail(fmt.Errorf("%s: %w", name, plain(err)))
		return nil
	}
	defer func() { _ = f.Close() }()
	return c.sendFile(f, name)
}

// plain is an error without the path, which is said already.
func plain(err error) error {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err
	}
	return err
}

// announce says a line and waits for the answer; no is a file that the other
// side does not want.
func (c *copier) announce(format string, args ...any) (no bool, err error) {
	fmt.Fprintf(c.out, format, args...)
	err = c.await()
	if errors.Is(err, errTold) {
		return true, nil
	}
	return false, err
}

func (c *copier) times(info os.FileInfo) (no bool, err error) {
	if !c.cmd.Times {
		return false, nil
	}
	at := info.ModTime().Unix()
	return c.announce("T%d 0 %d 0\n", max(at, 0), max(at, 0))
}

func (c *copier) sendFile(f *os.File, name string) error {
	info, err := f.Stat()
	if err != nil {
		c.fail(fmt.Errorf("%s: %w", name, plain(err)))
		return nil
	}
	if no, err := c.times(info); no || err != nil {
		return err
	}
	size := info.Size()
	if no, err := c.announce("C%04o %d %s\n", info.Mode().Perm(), size, path.Base(name)); no || err != nil {
		return err
	}
	n, err := io.CopyN(c.out, f, size)
	if err == nil {
		err = c.out.WriteByte(0)
	} else {
		// The other side counts on all of it.
		if _, werr := io.CopyN(c.out, zeros{}, size-n); werr != nil {
			return werr
		}
		c.fail(fmt.Errorf("%s: it became shorter, or could not be read: %w", name, plain(err)))
		err = nil
	}
	if err != nil {
		return err
	}
	if err := c.await(); !errors.Is(err, errTold) {
		return err
	}
	return nil
}

// zeros reads as zeros.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func (c *copier) sendFolder(t tree, inner, name string, info os.FileInfo, depth int) error {
	f, err := t.OpenFile(inner, os.O_RDONLY, 0)
	if err != nil {
		c.fail(fmt.Errorf("%s: %w", name, plain(err)))
		return nil
	}
	defer func() { _ = f.Close() }()
	if no, err := c.times(info); no || err != nil {
		return err
	}
	if no, err := c.announce("D%04o 0 %s\n", info.Mode().Perm(), path.Base(name)); no || err != nil {
		return err
	}
	for {
		entries, err := f.ReadDir(100)
		for _, e := range entries {
			if err := c.send(path.Join(name, e.Name()), depth+1); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			c.fail(fmt.Errorf("%s: %w", name, plain(err)))
			break
		}
	}
	_, err = c.announce("E\n")
	return err
}

// parseTimes reads the times of what comes next: of its last change and its
// last use, in seconds.
func parseTimes(line string) (change, access time.Time, err error) {
	words := strings.Fields(line[1:])
	if len(words) != 4 {
		return change, access, errSide
	}
	c, err1 := strconv.ParseInt(words[0], 10, 64)
	a, err2 := strconv.ParseInt(words[2], 10, 64)
	if err1 != nil || err2 != nil {
		return change, access, errSide
	}
	return time.Unix(c, 0), time.Unix(a, 0), nil
}
