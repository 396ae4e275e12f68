package recordings

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"accord/recordings/rfb"
)

// childProcess runs this test binary again in a role.
func childProcess(t *testing.T, role, dir string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe, "-test.run=^$")
	cmd.Env = append(os.Environ(), "RECORDINGS_CHILD="+role, "RECORDINGS_DIR="+dir)
	cmd.Stderr = os.Stderr
	return cmd
}

// childKilled records without end and forwards to stdout what was recorded.
func childKilled() {
	l, err := Open(Config{Dir: os.Getenv("RECORDINGS_DIR")}, testSign)
	exitOn(err)
	r, err := l.Create(testVisit(visitNumber(1)))
	exitOn(err)
	s, err := r.Shell(ptyInfo)
	exitOn(err)
	random := rand.New(rand.NewPCG(1, 2))
	for {
		p := randomOutput(random, 1+random.IntN(100_000))
		exitOn(s.Output(p))
		if _, err := os.Stdout.Write(p); err != nil {
			return
		}
	}
}

// childFilmed records a screen without end, and tells of each picture once the
// gate lets the next one pass.
func childFilmed() {
	l, err := Open(Config{Dir: os.Getenv("RECORDINGS_DIR")}, testSign)
	exitOn(err)
	r, err := l.Create(testVisit(visitNumber(1)))
	exitOn(err)
	frame, err := rfb.NewFrame(300, 200)
	exitOn(err)
	s := rfb.NewScreen()
	f, err := r.Frames(FramesInfo{Rate: 20}, s)
	exitOn(err)
	random := rand.New(rand.NewPCG(5, 6))
	for i := 0; ; i++ {
		exitOn(f.Gate(context.Background()))
		area := image.Rect(random.IntN(150), random.IntN(100), 160+random.IntN(140), 110+random.IntN(90))
		frame.Fill(area, byte(i), byte(random.Uint32()), byte(random.Uint32()))
		s.Commit(frame, rfb.Damage{Rects: []image.Rectangle{area}})
		if _, err := fmt.Println(i); err != nil {
			return
		}
		<-time.After(time.Millisecond) // as a screen paints
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// randomOutput mixes text, UTF-8 and bytes that are none.
func randomOutput(random *rand.Rand, n int) []byte {
	words := []string{"plain text ", "\x1b[1;31m", "\r\n", "möchte ", "日本語", "🙂", "\xff\xfe", "\xe2\x82", "\uFFFD", "\x00\x01", "\u009b31m", `"\`}
	var b []byte
	for len(b) < n {
		if random.IntN(4) == 0 {
			b = append(b, byte(random.Uint32()))
		} else {
			b = append(b, words[random.IntN(len(words))]...)
		}
	}
	return b[:n]
}

// TestKill is promise P2: after kill -9 every forwarded byte is in a prefix
// that verifies, and the recording is closed as interrupted.
func TestKill(t *testing.T) {
	for _, n := range []int64{1, 300_000, 3_000_000} {
		t.Run(fmt.Sprint(n), func(t *testing.T) { killAfter(t, n) })
	}
}

func killAfter(t *testing.T, n int64) {
	root := t.TempDir()
	cmd := childProcess(t, "killed", root)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	var forwarded bytes.Buffer
	_, err = io.CopyN(&forwarded, out, n)
	must(t, err)
	must(t, cmd.Process.Kill())
	_, err = io.Copy(&forwarded, out) // what was on its way
	must(t, err)
	_ = cmd.Wait()

	dir := dirOf(root, visitNumber(1))
	wantOK(t, dir, StateOpen)
	l := openLibrary(t, root)
	done, err := l.Recover(context.Background())
	must(t, err)
	if len(done) != 1 || done[0].Err != nil || done[0].Dir != dir || done[0].End.State != StateInterrupted {
		t.Fatalf("recovered %+v", done)
	}
	wantOK(t, dir, StateInterrupted, done[0].Head)
	got := bytesOf(t, filepath.Join(dir, "001.cast"), Stdout)
	if !bytes.HasPrefix(got, forwarded.Bytes()) {
		t.Errorf("%d bytes were forwarded, the recording's %d do not start with them", forwarded.Len(), len(got))
	}
}

// TestPowerCut is promise P3: whatever of the bytes behind the last line of the
// chain is lost or garbled, and wherever the chain's own next line is cut, the
// recording is closed and verifies, and every head that was told of holds.
func TestPowerCut(t *testing.T) {
	source := t.TempDir()
	heads := crashed(t, source)
	id := visitNumber(1)
	links, err := os.ReadFile(filepath.Join(dirOf(source, id), chainFile))
	must(t, err)
	rapid.Check(t, func(rt *rapid.T) {
		root, err := os.MkdirTemp(t.TempDir(), "cut")
		must(t, err)
		copyTree(t, source, root)
		dir := dirOf(root, id)
		keep := rapid.IntRange(1, bytes.Count(links, []byte("\n"))).Draw(rt, "lines")
		cutFolder(t, rt, dir, links, keep)
		l := openLibrary(t, root)
		defer l.Close()
		done, err := l.Recover(context.Background())
		must(t, err)
		if len(done) != 1 || done[0].Err != nil {
			rt.Fatalf("recovered %+v", done)
		}
		wantOK(t, dir, StateInterrupted, append(heads[:keep:keep], done[0].Head)...)
		if keep > 1 { // before that the cast's header may be lost
			eventsOf(t, filepath.Join(dir, "001.cast"))
		}
		for _, err := range ReadTimeline(dir) {
			must(t, err)
		}
	})
}

// crashed leaves a recording of several flushes unsealed, and gives its heads.
func crashed(t *testing.T, root string) []Head {
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	heads := []Head{r.Head()}
	s := shell(t, r, ptyInfo)
	random := rand.New(rand.NewPCG(3, 4))
	for range 6 {
		must(t, s.Output(randomOutput(random, 3000)))
		must(t, r.Event("tick", nil))
		heads = append(heads, waitHead(t, r, heads[len(heads)-1].Seq))
	}
	must(t, l.Close())
	return heads
}

// cutFolder cuts the folder back to a number of lines of its chain, and what
// is behind them anywhere.
func cutFolder(t *testing.T, rt *rapid.T, dir string, links []byte, keep int) {
	synced := make(map[string]int64)
	end := 0
	for range keep {
		n := bytes.IndexByte(links[end:], '\n') + 1
		l, err := decodeLink(links[end : end+n])
		must(t, err)
		for _, e := range l.Files {
			synced[e.Name] = e.Size
		}
		end += n
	}
	next := bytes.IndexByte(links[end:], '\n') + 1
	half := rapid.IntRange(0, max(next-1, 0)).Draw(rt, "half line")
	must(t, os.Truncate(filepath.Join(dir, chainFile), int64(end+half)))
	for _, name := range []string{timelineFile, "001.cast"} {
		path := filepath.Join(dir, name)
		info, err := os.Stat(path)
		must(t, err)
		size := synced[name] + rapid.Int64Range(0, info.Size()-synced[name]).Draw(rt, name)
		must(t, os.Truncate(path, size))
		if name == "001.cast" && synced[name] == 0 && size == 0 {
			must(t, os.Remove(path))
		}
		if zeros := rapid.SampledFrom([]int64{0, 0, 1, 4096}).Draw(rt, "zeros"); zeros > 0 && size > 0 {
			must(t, os.Truncate(path, size+zeros))
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "001.cast")); err != nil {
		must(t, os.WriteFile(filepath.Join(dir, "001.cast"), []byte(`{"version":2,"width":80,"height":24}`+"\n"), 0o600))
	}
}

// TestRecoverAfterEnd closes what a crash left between the last flush and the
// seal: the visit had ended, so the recording is complete.
func TestRecoverAfterEnd(t *testing.T) {
	for _, left := range []string{"", visitFile + fresh, sealFile + fresh, reserveFile} {
		root := t.TempDir()
		l := openLibrary(t, root)
		r := create(t, l, visitNumber(1))
		must(t, shell(t, r, ptyInfo).Output([]byte("x")))
		head := seal(t, r)
		dir := dirOf(root, r.ID())
		must(t, os.Remove(filepath.Join(dir, sealFile)))
		if left != "" {
			must(t, os.WriteFile(filepath.Join(dir, left), []byte("half"), 0o600))
		}
		if report := verify(t, dir); report.OK() || report.Problems[0].File != sealFile {
			t.Errorf("without its seal: %+v", report)
		}
		done, err := l.Recover(context.Background())
		must(t, err)
		if len(done) != 1 || done[0].Err != nil || done[0].Head != head {
			t.Fatalf("recovered %+v", done)
		}
		wantOK(t, dir, StateComplete, head)
	}
}

// TestRecoverLeavesTheLiving closes nothing that runs, nothing that is sealed,
// and what never opened goes away.
func TestRecoverLeavesTheLiving(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	seal(t, create(t, l, visitNumber(2)))
	hidden := filepath.Join(filepath.Dir(dirOf(root, r.ID())), hiddenPrefix+visitNumber(3))
	must(t, os.Mkdir(hidden, 0o700))
	done, err := l.Recover(context.Background())
	must(t, err)
	if len(done) != 0 {
		t.Errorf("recovered %+v", done)
	}
	if _, err := os.Stat(hidden); err == nil {
		t.Error("the folder that was not ready is still there")
	}
	must(t, r.Event("tick", nil))
	seal(t, r)
	wantOK(t, dirOf(root, r.ID()), StateComplete)
}

// TestRecoverBad reports a folder that was tampered with by name, leaves it
// alone, and closes the others.
func TestRecoverBad(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, dir string){
		"changed": func(t *testing.T, dir string) { flip(t, filepath.Join(dir, timelineFile), 40) },
		"cut":     func(t *testing.T, dir string) { must(t, os.Truncate(filepath.Join(dir, timelineFile), 10)) },
		"chain":   func(t *testing.T, dir string) { must(t, os.Remove(filepath.Join(dir, chainFile))) },
		"link": func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, timelineFile)))
			must(t, os.Symlink("/etc/passwd", filepath.Join(dir, timelineFile)))
		},
		"fifo": func(t *testing.T, dir string) {
			must(t, os.Remove(filepath.Join(dir, timelineFile)))
			must(t, unix.Mkfifo(filepath.Join(dir, timelineFile), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			l := openLibrary(t, root)
			for i := 1; i <= 3; i++ {
				create(t, l, visitNumber(i))
			}
			must(t, l.Close())
			bad := dirOf(root, visitNumber(2))
			spoil(t, bad)
			l = openLibrary(t, root)
			done, err := l.Recover(context.Background())
			must(t, err)
			if len(done) != 3 {
				t.Fatalf("recovered %+v", done)
			}
			for _, r := range done {
				if (r.Err != nil) != (r.Dir == bad) {
					t.Errorf("%s: %v", r.Dir, r.Err)
				}
			}
			if _, err := os.Stat(filepath.Join(bad, sealFile)); err == nil {
				t.Error("the bad folder was sealed")
			}
		})
	}
}

// TestGrownAfterEnd refuses to seal what somebody wrote behind the end.
func TestGrownAfterEnd(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	must(t, shell(t, r, ptyInfo).Output([]byte("x")))
	seal(t, r)
	dir := dirOf(root, r.ID())
	must(t, os.Remove(filepath.Join(dir, sealFile)))
	appendTo(t, filepath.Join(dir, "001.cast"), `[9.0,"o","never happened"]`+"\n")
	done, err := l.Recover(context.Background())
	must(t, err)
	if len(done) != 1 || done[0].Err == nil {
		t.Errorf("recovered %+v", done)
	}
}

func TestRecoverCancelled(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	create(t, l, visitNumber(1))
	must(t, l.Close())
	l = openLibrary(t, root)
	ctx, cancel := context.WithCancelCause(context.Background())
	why := errors.New("stopped")
	cancel(why)
	if done, err := l.Recover(ctx); !errors.Is(err, why) || len(done) != 0 {
		t.Errorf("%v, %v", done, err)
	}
}

// TestFullDisk mounts a small disk in a child process with mounts of its own,
// so that nothing stays mounted, and fills it while it records. What was
// forwarded is there, the recording closes with the space held back, and the
// next visit is refused. At last the disk is read-only.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	cmd := childProcess(t, "full", dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	if os.Getuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}}
	}
	out, err := cmd.Output()
	if errors.Is(err, errNoNamespace) || bytes.Contains(out, []byte("can't mount")) {
		if os.Getuid() == 0 && os.Getenv("CI") == "true" {
			t.Fatalf("no disk to fill: %v %s", err, out)
		}
		t.Skipf("this user may not mount a disk: %v %s", err, out)
	}
	if err != nil || strings.TrimSpace(string(out)) != "ok" {
		t.Fatalf("%v\n%s", err, out)
	}
}

// errNoNamespace is what clone answers a user who may not have namespaces.
const errNoNamespace = syscall.EPERM

func childFull() {
	dir := os.Getenv("RECORDINGS_DIR")
	must := func(what string, err error) {
		if err != nil {
			fmt.Println(what, err)
			os.Exit(1)
		}
	}
	if err := unix.Mount("none", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		fmt.Println("can't mount", err)
		return
	}
	if err := unix.Mount("none", dir, "tmpfs", 0, "size=4m"); err != nil {
		fmt.Println("can't mount", err)
		return
	}
	l, err := Open(Config{Dir: dir, MinFreeMiB: 2}, testSign)
	must("open", err)
	r, err := l.Create(testVisit(visitNumber(1)))
	must("create", err)
	var forwarded bytes.Buffer
	s, err := r.Shell(ptyInfo)
	must("shell", err)
	failure := fillUp(s, &forwarded)
	if failure == nil || !strings.Contains(failure.Sentence, "disk is full") || !errors.Is(failure, syscall.ENOSPC) {
		fmt.Printf("the disk was full: %v\n", failure)
		return
	}
	<-r.Failed()
	if s.Output([]byte("x")) == nil || r.Event("tick", nil) == nil || r.Err() == nil {
		fmt.Println("a failed recording goes on")
		return
	}
	head, err := r.Seal(End{By: "gateway", Cause: failure.Sentence})
	must("seal", err)
	report, err := Verify(dirOf(dir, r.ID()), testCheck, head)
	must("verify", err)
	if !report.OK() || report.State != StateInterrupted || report.Visit.End.Cause != failure.Sentence {
		fmt.Printf("report %+v\n", report)
		return
	}
	if _, err := l.Create(testVisit(visitNumber(2))); !errors.Is(err, syscall.ENOSPC) {
		fmt.Printf("a visit started on a full disk: %v\n", err)
		return
	}
	c, err := OpenCast(filepath.Join(dirOf(dir, r.ID()), s.Name()))
	must("open the cast", err)
	var got bytes.Buffer
	_, err = c.WriteStream(&got, Stdout)
	must("read the cast", err)
	if !bytes.HasPrefix(got.Bytes(), forwarded.Bytes()) {
		fmt.Println("forwarded bytes are missing")
		return
	}
	must("close", l.Close())
	must("remount", unix.Mount("none", dir, "tmpfs", unix.MS_REMOUNT|unix.MS_RDONLY, ""))
	if _, err := Open(Config{Dir: dir}, testSign); !errors.Is(err, syscall.EROFS) {
		fmt.Printf("a read-only disk was opened: %v\n", err)
		return
	}
	fmt.Println("ok")
}

// fillUp records until it can't.
func fillUp(s *Shell, forwarded *bytes.Buffer) *Failure {
	random := rand.New(rand.NewPCG(5, 6))
	for {
		p := randomOutput(random, 10_000)
		if err := s.Output(p); err != nil {
			f := new(Failure)
			errors.As(err, &f)
			return f
		}
		forwarded.Write(p)
	}
}

// TestWriteFails takes the file away under a shell: any error of the disk ends
// the recording for good, with the same error for everybody.
func TestWriteFails(t *testing.T) {
	l := openLibrary(t, t.TempDir())
	r := create(t, l, visitNumber(1))
	s := shell(t, r, ptyInfo)
	must(t, r.Err())
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	must(t, err)
	s.mu.Lock()
	s.file.f.Close()
	s.file.f = full
	s.mu.Unlock()
	err = s.Output([]byte("x"))
	f := new(Failure)
	if !errors.As(err, &f) || !strings.Contains(f.Sentence, "disk is full") || strings.Contains(f.Sentence, "/") {
		t.Fatalf("%v", err)
	}
	<-r.Failed()
	_, shellErr := r.Shell(ptyInfo)
	for name, err := range map[string]error{
		"Output": s.Output(nil), "Event": r.Event("tick", nil), "Err": r.Err(), "Shell": shellErr, "Close": s.Close(Exit{}),
	} {
		if got := new(Failure); !errors.As(err, &got) || got != f {
			t.Errorf("%s after the failure: %v", name, err)
		}
	}
	if _, err := r.Seal(End{}); err == nil {
		t.Error("a disk that takes nothing took the seal")
	}
}

// TestFlushFails closes the chain's file: the flusher's failure reaches those
// who wait for it and those who write.
func TestFlushFails(t *testing.T) {
	root := t.TempDir()
	l := openLibrary(t, root)
	r := create(t, l, visitNumber(1))
	head := r.Head()
	must(t, r.chain.file.f.Close())
	s := shell(t, r, ptyInfo)
	must(t, s.Output([]byte("x")))
	<-r.Failed()
	if s.Output([]byte("y")) == nil || r.Head() != head {
		t.Error("the recording went on")
	}
	if _, err := r.Seal(End{}); err == nil {
		t.Error("it was sealed without a chain")
	}
	done, err := l.Recover(context.Background())
	must(t, err)
	if len(done) != 1 || done[0].Err != nil {
		t.Fatalf("recovered %+v", done)
	}
	wantOK(t, dirOf(root, r.ID()), StateInterrupted, head)
}

func TestSignFails(t *testing.T) {
	root := t.TempDir()
	why := errors.New("the key is gone")
	l, err := Open(Config{Dir: root}, func([]byte) ([]byte, error) { return nil, why })
	must(t, err)
	r := create(t, l, visitNumber(1))
	if _, err := r.Seal(End{}); !errors.Is(err, why) {
		t.Errorf("sealed: %v", err)
	}
	must(t, l.Close())
	l = openLibrary(t, root)
	done, err := l.Recover(context.Background())
	must(t, err)
	if len(done) != 1 || done[0].Err != nil {
		t.Fatalf("recovered %+v", done)
	}
	wantOK(t, dirOf(root, r.ID()), StateComplete)
}

// TestReadOnly is promise P4 at the start: a folder that can't be written
// opens no library. A file in its way stands for every error that root meets
// too.
func TestReadOnly(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	must(t, os.WriteFile(file, nil, 0o600))
	if _, err := Open(Config{Dir: file}, testSign); err == nil {
		t.Error("a file was opened as a folder")
	}
	if _, err := Open(Config{Dir: "/proc/recordings"}, testSign); err == nil {
		t.Error("a folder in /proc was made")
	}
	if _, err := Open(Config{Dir: "/proc/self"}, testSign); err == nil {
		t.Error("/proc was written to")
	}
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o500))
	l, err := Open(Config{Dir: dir}, testSign)
	if os.Getuid() == 0 {
		must(t, err) // root may write everywhere
		must(t, l.Close())
	} else if err == nil {
		t.Error("a read-only folder was opened")
	}
}

func flip(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	defer f.Close()
	b := make([]byte, 1)
	_, err = f.ReadAt(b, at)
	must(t, err)
	b[0] ^= 1
	_, err = f.WriteAt(b, at)
	must(t, err)
}

func appendTo(t testing.TB, path, text string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	must(t, err)
	defer f.Close()
	w := bufio.NewWriter(f)
	_, err = w.WriteString(text)
	must(t, err)
	must(t, w.Flush())
}
