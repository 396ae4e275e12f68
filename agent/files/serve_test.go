package files

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	wire "accord/wire/files"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func both() []wire.Direction { return []wire.Direction{wire.Get, wire.Put} }

// client speaks SFTP with a task that is served in this process. Nothing of it
// is left when the test ends, files included.
func client(t *testing.T, task Task) *sftp.Client {
	t.Helper()
	inR, inW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		err := task.serve(inR, outW)
		_, _ = inR.Close(), outW.Close()
		served <- err
	}()
	c, err := sftp.NewClientPipe(outR, inW)
	if err != nil {
		t.Fatal(err, <-served)
	}
	t.Cleanup(func() {
		_ = c.Close()
		_, _ = inW.Close(), outR.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return c
}

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// denied expects an error that is a no, whatever its words.
func denied(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil {
		t.Errorf("%s: it was done", what)
	}
}

func TestWholeFileSystem(t *testing.T) {
	dir := t.TempDir()
	c := client(t, Task{Granted: both(), Read: []string{"/"}, Write: []string{"/"}, Home: dir})
	if got, err := c.Getwd(); err != nil || got != dir {
		t.Errorf("%q, %v", got, err)
	}
	f, err := c.Create("a") // relative paths begin at home
	if err != nil {
		t.Fatal(err)
	}
	big := bytes.Repeat([]byte("0123456789"), 100_000)
	if _, err := f.ReadFrom(bytes.NewReader(big)); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Chmod(0o640), f.Close(), c.Rename("a", "b"), c.Mkdir("d"), c.Symlink("../b", "d/l"), c.Link("b", "d/h"), c.Truncate("d/h", 5)); err != nil {
		t.Fatal(err)
	}
	at := time.Unix(1_000_000_000, 0)
	if err := c.Chtimes("b", at, at); err != nil {
		t.Error(err)
	}
	text, err := os.ReadFile(filepath.Join(dir, "d", "l"))
	if err != nil || string(text) != "01234" {
		t.Errorf("%q, %v", text, err)
	}
	if info, err := c.Stat(dir + "/b"); err != nil || info.Mode().Perm() != 0o640 || !info.ModTime().Equal(at) {
		t.Errorf("%v, %v", info, err)
	}
	if l, err := c.ReadLink("d/l"); err != nil || l != "../b" {
		t.Errorf("%q, %v", l, err)
	}
	if info, err := c.Lstat("d/l"); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("%v, %v", info, err)
	}
	if _, err := c.StatVFS("/"); err != nil {
		t.Error(err)
	}
	denied(t, "rename onto a file", c.Rename("d/l", "b"))
	if err := c.PosixRename("d/h", "b"); err != nil {
		t.Error(err)
	}
	denied(t, "rmdir of what is full", c.RemoveDirectory("d"))
	denied(t, "rmdir of a file", c.RemoveDirectory("b"))
	if err := errors.Join(c.Remove("d/l"), c.Remove("d/h"), c.RemoveDirectory("d"), c.Remove("b")); err != nil {
		t.Error(err)
	}
	if _, err := c.Open("b"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// A file gets the permissions that its client asks for as it opens it, but for
// what the umask takes, and appending opens like writing does.
func TestPermissions(t *testing.T) {
	dir := t.TempDir()
	c := client(t, Task{Granted: both(), Read: []string{"/"}, Write: []string{"/"}, Home: dir})
	f, err := c.OpenFile("a", os.O_WRONLY|os.O_CREATE|os.O_APPEND)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	s := &server{area: &area{start: dir, write: []root{{"/", whole{}}}}}
	r := sftp.NewRequest("Put", dir+"/x")
	r.Flags, r.Attrs = 2|8, []byte{0, 0, 0o201, 0o355} // 0100755: a file that can be run
	w, err := s.OpenFile(r)
	if err != nil {
		t.Fatal(err)
	}
	if c, ok := w.(io.Closer); !ok || c.Close() != nil {
		t.Error("not closed")
	}
	if info, err := os.Stat(dir + "/x"); err != nil || info.Mode().Perm()&0o700 != 0o700 {
		t.Errorf("%v, %v", info, err)
	}
	r = sftp.NewRequest("Setstat", dir+"/x")
	r.Flags = 15
	if err := s.Filecmd(r); err == nil {
		t.Error("attributes that aren't there were set")
	}
}

// A pipe that nobody writes to would hold up all that follows, a device could do
// anything.
func TestSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mkfifo(dir+"/pipe", 0o600); err != nil {
		t.Fatal(err)
	}
	c := client(t, Task{Granted: both(), Read: []string{"/"}, Write: []string{"/"}, Home: dir})
	for _, name := range []string{"pipe", "/dev/zero", "/dev/tty", "."} {
		f, err := c.Open(name)
		if err == nil {
			_ = f.Close()
		}
		denied(t, "read "+name, err)
		f, err = c.OpenFile(name, os.O_WRONLY)
		if err == nil {
			_ = f.Close()
		}
		denied(t, "write "+name, err)
	}
}

// TestNoEscape tries to reach what lies beside the roots.
func TestNoEscape(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/secret", "s")
	put(t, dir+"/in/f", "f")
	put(t, dir+"/out/f", "f")
	put(t, dir+"/inside/f", "f") // begins like a root
	for link, target := range map[string]string{"/in/abs": dir + "/secret", "/in/rel": "../secret", "/in/dir": "..", "/out/abs": dir, "/out/rel": ".."} {
		if err := os.Symlink(target, dir+link); err != nil {
			t.Fatal(err)
		}
	}
	c := client(t, Task{Granted: both(), Read: []string{dir + "/in"}, Write: []string{dir + "/out"}, Home: dir})
	if got, err := c.Getwd(); err != nil || got != dir+"/in" {
		t.Errorf("it begins at %q, %v", got, err)
	}
	for _, path := range []string{
		dir + "/secret", "../secret", "abs", "rel", "dir/secret", dir + "/in/../secret", dir + "/inside/f", dir + "/out/../secret", dir + "/out/rel/secret",
		dir + "/out/abs/secret", dir + "/out/f", "/etc/passwd", dir, "/", "in/dir/secret",
	} {
		if f, err := c.Open(path); err == nil {
			_ = f.Close()
			t.Errorf("%s can be read", path)
		}
	}
	for _, path := range []string{
		dir + "/secret", dir + "/new", dir + "/in/f", dir + "/in/new", dir + "/out/rel/new", dir + "/out/abs/new", dir + "/out/../new", dir + "/inside/new", "/tmp/../" + dir + "/new",
	} {
		if f, err := c.Create(path); err == nil {
			_ = f.Close()
			t.Errorf("%s can be written", path)
		}
		denied(t, "mkdir "+path+"d", c.Mkdir(path+"d"))
		denied(t, "remove "+path, c.Remove(path))
		denied(t, "rename to "+path, c.Rename(dir+"/out/f", path))
		denied(t, "rename from "+path, c.PosixRename(path, dir+"/out/g"))
		denied(t, "link "+path, c.Link(path, dir+"/out/g"))
		denied(t, "link to "+path, c.Link(dir+"/out/f", path))
		denied(t, "chmod "+path, c.Chmod(path, 0o777))
		denied(t, "truncate "+path, c.Truncate(path, 0))
		denied(t, "link at "+path, c.Symlink("f", path+"l"))
	}
	for _, target := range []string{"/etc/passwd", "../secret", "..", "a/../../secret"} {
		denied(t, "link to "+target, c.Symlink(target, dir+"/out/l"))
	}
	for _, path := range []string{dir, "/", dir + "/in/dir", dir + "/out/abs", dir + "/secret", "/etc/passwd"} {
		if list, err := c.ReadDir(path); err == nil {
			t.Errorf("%s: %v", path, list)
		}
	}
	for _, path := range []string{dir + "/secret", "/etc/passwd", dir + "/in/abs", dir + "/out/rel/secret"} {
		if info, err := c.Stat(path); err == nil {
			t.Errorf("%s is seen: %v", path, info)
		}
	}
	if err := errors.Join(c.Symlink("f", dir+"/out/l"), c.Rename(dir+"/out/f", dir+"/out/g"), c.Mkdir(dir+"/out/d")); err != nil {
		t.Error(err)
	}
	if text, err := os.ReadFile(dir + "/secret"); err != nil || string(text) != "s" {
		t.Errorf("%q, %v", text, err)
	}
}

// What is not granted is not there, whatever the folders say.
func TestGranted(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/f", "f")
	task := Task{Read: []string{dir}, Write: []string{dir}, Home: dir}
	task.Granted = []wire.Direction{wire.Get}
	get := client(t, task)
	denied(t, "remove", get.Remove("f"))
	if _, err := get.Create("g"); err == nil {
		t.Error("created")
	}
	task.Granted = []wire.Direction{wire.Put}
	only := client(t, task)
	if _, err := only.Open("f"); err == nil {
		t.Error("read")
	}
	if _, err := only.OpenFile("f", os.O_RDWR); err == nil {
		t.Error("opened to be read and written")
	}
	if _, err := only.Stat("f"); err != nil {
		t.Error(err) // who writes must see where to
	}
	task.Granted = nil
	if err := task.serve(strings.NewReader(""), nil); err == nil {
		t.Error("nothing is granted, and it is served")
	}
}

// A client that opens and never closes runs into a bound, and nothing is left.
func TestHandles(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/f", "f")
	before, _ := os.ReadDir("/proc/self/fd")
	t.Run("open", func(t *testing.T) {
		c := client(t, Task{Granted: both(), Read: []string{"/"}, Write: []string{"/"}, Home: dir})
		n := 0
		for ; n < 2*openMost; n++ {
			if _, err := c.Open("f"); err != nil {
				break
			}
		}
		if n != openMost {
			t.Errorf("%d files are open", n)
		}
	})
	if after, _ := os.ReadDir("/proc/self/fd"); len(after) > len(before)+2 {
		t.Errorf("%d descriptors, %d before", len(after), len(before))
	}
}

func TestManyNames(t *testing.T) {
	dir := t.TempDir()
	const many = 20_000
	for i := range many {
		if err := unix.Mknod(fmt.Sprintf("%s/%d", dir, i), unix.S_IFREG|0o600, 0); err != nil {
			t.Fatal(err)
		}
	}
	odd := []string{"\x1b[2J", "a\nb", "caf\xe9", "\u202ex"}
	for _, name := range odd {
		put(t, filepath.Join(dir, name), "x")
	}
	c := client(t, Task{Granted: both(), Read: []string{dir}, Home: dir})
	list, err := c.ReadDir(dir)
	if err != nil || len(list) != many+len(odd) {
		t.Fatalf("%d names, %v", len(list), err)
	}
	for _, name := range odd {
		if !slices.ContainsFunc(list, func(i os.FileInfo) bool { return i.Name() == name }) {
			t.Errorf("%q is not listed as it is", name)
		}
		if _, err := c.Stat(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// scp is both sides of `scp -O`, one of them this package's for each.
func scp(t *testing.T, from, to Task) (fromErr, toErr error) {
	t.Helper()
	upR, upW := io.Pipe()
	downR, downW := io.Pipe()
	done := make(chan error, 1)
	go func() {
		err := from.serve(downR, upW)
		_ = upW.Close()
		done <- err
	}()
	toErr = to.serve(upR, downW)
	_ = downW.Close()
	_, _ = io.Copy(io.Discard, upR)
	return <-done, toErr
}

func scpTask(t *testing.T, line string, roots ...string) Task {
	t.Helper()
	c, ok := wire.ParseCommand(line)
	if !ok {
		t.Fatalf("%q is no command", line)
	}
	return Task{Granted: c.Needs, Read: roots, Write: roots, Home: roots[0], Copy: &c}
}

// sums are what is in a folder.
func sums(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		info, err := d.Info()
		if err == nil && !d.IsDir() {
			var text []byte
			text, err = os.ReadFile(path)
			all[name] = fmt.Sprintf("%v %d %x", info.Mode(), info.ModTime().Unix(), sha256.Sum256(text))
		} else if err == nil {
			all[name] = fmt.Sprint(info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCopyTree(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	put(t, a+"/tree/one", "1")
	put(t, a+"/tree/sub/big", strings.Repeat("x", 300_000))
	put(t, a+"/tree/sub/empty", "")
	put(t, a+"/tree/a file \x01", "odd")
	if err := errors.Join(os.Chmod(a+"/tree/sub", 0o750), os.Mkdir(a+"/tree/none", 0o700), os.Chtimes(a+"/tree/one", time.Unix(5, 0), time.Unix(5, 0))); err != nil {
		t.Fatal(err)
	}
	if err1, err2 := scp(t, scpTask(t, "scp -r -p -f tree", a), scpTask(t, "scp -r -p -t .", b)); err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	want, got := sums(t, a+"/tree"), sums(t, b+"/tree")
	for name, sum := range want {
		if got[name] != sum {
			t.Errorf("%q is %s, want %s", name, got[name], sum)
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

func TestCopyPattern(t *testing.T) {
	a, b := t.TempDir(), t.TempDir()
	for _, name := range []string{"x.log", "y.log", "z.txt", "*.log", ".h.log"} {
		put(t, a+"/d/"+name, name)
	}
	if err1, err2 := scp(t, scpTask(t, "scp -f d/?.log 'd/*.log'", a), scpTask(t, "scp -t -d .", b)); err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	if got := sums(t, b); len(got) != 4 { // with the folder; *.log fits ?.log too
		t.Errorf("%v", got)
	}
	err1, err2 := scp(t, scpTask(t, "scp -f d/q* d", a), scpTask(t, "scp -t .", b))
	if !errors.Is(err1, errTold) || !errors.Is(err2, errTold) {
		t.Errorf("%v, %v", err1, err2)
	}
}

// A source that means harm announces names that lead elsewhere, ends of folders
// that did not begin, and more than it sends.
func TestCopyHostileSource(t *testing.T) {
	dir := t.TempDir()
	put(t, dir+"/secret", "s")
	for _, says := range []string{
		"C0644 1 ../secret\nx\x00", "C0644 1 /tmp/accord-x\nx\x00", "C0644 1 ..\nx\x00", "C0644 -1 f\n", "C0644 99999999999999999999 f\n", "C9999 1 f\nx\x00",
		"E\n", "D0755 0 a\nE\nE\n", "C0644 5 f\nab", "Tx 0 y 0\n", "hello\n", "\n", strings.Repeat("C", 20_000), "D0755 0 ../a\n", "C0644 1\n", "",
	} {
		task := scpTask(t, "scp -r -p -t in", dir)
		if err := os.MkdirAll(dir+"/in", 0o755); err != nil {
			t.Fatal(err)
		}
		err := task.serve(strings.NewReader(says), nopCloser{io.Discard})
		if err == nil && says != "" {
			t.Errorf("%.40q went well", says)
		}
	}
	if text, err := os.ReadFile(dir + "/secret"); err != nil || string(text) != "s" {
		t.Errorf("%q, %v", text, err)
	}
	for name := range sums(t, dir) {
		if !slices.Contains([]string{".", "secret", "in", "in/f", "in/a"}, name) {
			t.Errorf("%q was made", name)
		}
	}
	// A link in the folder leads nowhere.
	if err := os.Symlink("..", dir+"/in/up"); err != nil {
		t.Fatal(err)
	}
	task := scpTask(t, "scp -t in/up/secret", dir+"/in")
	task.Home = dir
	task.Copy.Words[0] = dir + "/in/up/secret"
	if err := task.serve(strings.NewReader("C0644 1 secret\n"), nopCloser{io.Discard}); err == nil {
		t.Error("it was written through a link")
	}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
