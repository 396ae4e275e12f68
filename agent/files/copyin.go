package files

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	wire "accord/wire/files"
)

// level is one folder into which an scp puts files.
type level struct {
	dir            string
	mode           os.FileMode
	change, access time.Time // to be set at its end; zero: not
}

// sink takes what the other side sends.
func (c *copier) sink() error {
	target := c.path(c.cmd.Words[0])
	isDir := c.isFolder(target)
	if c.cmd.ToDir && !isDir {
		c.fail(fmt.Errorf("%s: no such folder", target))
		return nil
	}
	if err := c.yes(); err != nil {
		return err
	}
	into := []level{{dir: target}}
	var change, access time.Time
	for {
		line, err := c.line()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil || line == "" {
			return errors.Join(errSide, err)
		}
		here := into[len(into)-1]
		switch line[0] {
		case 1, 2:
			c.bad = true
		case 'T':
			if change, access, err = parseTimes(line); err == nil {
				err = c.yes()
			}
		case 'E':
			if len(into) == 1 {
				return errSide
			}
			into = into[:len(into)-1]
			err = c.leave(here)
		case 'C', 'D':
			if len(into) > depthMost {
				return errSide
			}
			var down *level
			down, err = c.take(line, here.dir, len(into) > 1 || isDir, change, access)
			if down != nil {
				into = append(into, *down)
			}
			change, access = time.Time{}, time.Time{}
		default:
			return errSide
		}
		if err != nil {
			return err
		}
	}
}

func (c *copier) yes() error {
	if err := c.out.WriteByte(0); err != nil {
		return err
	}
	return c.out.Flush()
}

// no tells what can't be done; the other side goes on with the next file.
func (c *copier) no(name string, err error) error {
	c.fail(fmt.Errorf("%s: %w", name, plain(err)))
	return c.out.Flush()
}

func (c *copier) isFolder(full string) bool {
	t, name, err := within(c.area.write, full)
	if err != nil {
		return false
	}
	info, err := t.Stat(name)
	return err == nil && info.IsDir()
}

// take takes a file, or the begin of a folder.
func (c *copier) take(line, dir string, isDir bool, change, access time.Time) (*level, error) {
	mode, size, name, err := wire.ParseCopy(line)
	if err != nil {
		return nil, err
	}
	full := dir
	if isDir {
		full = path.Join(dir, name)
	}
	t, inner, err := within(c.area.write, full)
	if err != nil {
		return nil, c.no(full, err)
	}
	perm := os.FileMode(mode).Perm()
	if line[0] == 'D' {
		if !c.cmd.Recursive {
			return nil, c.no(full, errors.New("a folder comes, and -r was not said"))
		}
		if err := t.Mkdir(inner, 0o700); err != nil && (!errors.Is(err, fs.ErrExist) || !c.isFolder(full)) {
			return nil, c.no(full, err)
		} else if err != nil {
			perm = 0 // it stays as it is
		}
		return &level{full, perm, change, access}, c.yes()
	}
	f, err := openRegular(t, inner, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, perm)
	if err != nil {
		return nil, c.no(full, err)
	}
	if err := c.yes(); err != nil {
		_ = f.Close()
		return nil, err
	}
	return nil, c.receive(t, inner, full, f, size, perm, change, access)
}

// receive takes a file's bytes. Where they can't be written the rest is read
// all the same, since it comes.
func (c *copier) receive(t tree, inner, full string, f *os.File, size int64, perm os.FileMode, change, access time.Time) error {
	body := &io.LimitedReader{R: c.in, N: size}
	_, werr := io.Copy(f, body)
	_, err := io.Copy(io.Discard, body)
	if err == nil && body.N > 0 {
		err = io.ErrUnexpectedEOF
	}
	b := byte(0)
	if err == nil {
		b, err = c.in.ReadByte()
	}
	if err != nil {
		_ = f.Close()
		return errors.Join(errSide, err)
	}
	if b != 0 {
		c.bad = true
		if _, err := c.line(); err != nil {
			_ = f.Close()
			return err
		}
	}
	if c.cmd.Times && werr == nil {
		werr = f.Chmod(perm)
	}
	werr = errors.Join(werr, f.Close())
	if werr == nil && !change.IsZero() {
		werr = t.Chtimes(inner, access, change)
	}
	if werr != nil {
		return c.no(full, werr)
	}
	return c.yes()
}

// leave ends a folder: it gets its own permissions only now, since files had to
// be put into it.
func (c *copier) leave(l level) error {
	t, inner, err := within(c.area.write, l.dir)
	if err == nil && l.mode != 0 {
		mode := l.mode
		if !c.cmd.Times {
			mode &^= 0o022 // as the umask of a visit has it
		}
		err = t.Chmod(inner, mode)
	}
	if err == nil && !l.change.IsZero() {
		err = t.Chtimes(inner, l.access, l.change)
	}
	if err != nil {
		return c.no(l.dir, err)
	}
	return c.yes()
}
