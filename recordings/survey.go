package recordings

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"time"
)

// Problem is something in a recording that is not as it was written.
type Problem struct {
	File string
	// From and To are the bytes it is about: From is the first, To the one
	// after the last. Both are 0 where the whole file is meant.
	From, To int64
	// After and Before bound the time at which those bytes were written, where
	// it is known.
	After, Before time.Time
	// What is a sentence without a subject: "was changed".
	What string
}

// String is the problem as a sentence.
func (p Problem) String() string {
	s := p.File
	if p.To > 0 {
		s += fmt.Sprintf(", bytes %d to %d", p.From, p.To-1)
	}
	switch {
	case !p.After.IsZero() && !p.Before.IsZero():
		s += fmt.Sprintf(", written between %s and %s", p.After.Format(time.RFC3339Nano), p.Before.Format(time.RFC3339Nano))
	case !p.Before.IsZero():
		s += fmt.Sprintf(", written before %s", p.Before.Format(time.RFC3339Nano))
	}
	return s + ": " + p.What
}

const (
	whatChanged = "was changed"
	whatCut     = "is missing: the file was cut"
	whatMissing = "is missing"
	whatAdded   = "was added"
	whatLink    = "does not match what the next line says of it"
)

// maxProblems bounds what is told of one recording.
const maxProblems = 1000

// covered is what the chain says of one file.
type covered struct {
	size  int64
	whole hash.Hash // over the bytes found on disk up to size
	bad   bool      // they are not what was written, or not all of them are there
}

// survey is what a walk along the chain found.
type survey struct {
	dir   folder
	files map[string]*covered // all that the chain covers but visit.json
	first sum                 // of visit.json in its first form

	head     Head
	at       int64     // where the last line starts
	size     int64     // of the whole lines
	whole    hash.Hash // over them
	torn     int64     // bytes of an unfinished line that follows
	bad      bool      // lines are missing before this one: it is taken as it is
	time     time.Time // of the last line
	verified int64     // bytes that are as they were written

	problems []Problem
	handles  map[string]*os.File
	buf      []byte
}

// survey walks along the chain and compares it with the files. The error is
// about a folder that can't be read; all else is a problem in the result.
// visit, if not nil, is called with each line's head.
func (d folder) survey(visit func(Head)) (*survey, error) {
	s := &survey{dir: d, files: make(map[string]*covered), whole: sha256.New(),
		handles: make(map[string]*os.File), buf: make([]byte, 128<<10)}
	defer s.closeHandles()
	f, err := d.open(chainFile)
	if errors.Is(err, fs.ErrNotExist) {
		s.add(Problem{File: chainFile, What: whatMissing})
		return s, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	return s, s.walk(bufio.NewReaderSize(f, 64<<10), info.Size(), visit)
}

// walk reads the chain, of a length in bytes, line by line.
func (s *survey) walk(r *bufio.Reader, length int64, visit func(Head)) error {
	for {
		line, err := readLine(r)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			s.add(Problem{File: chainFile, From: s.size, To: max(length, s.size+1), What: "is not understood: " + err.Error()})
			return nil
		}
		l, err := decodeLink(line)
		if err != nil {
			if _, more := r.Peek(1); more != nil {
				s.torn = int64(len(line)) // a crash can leave that, so it is no problem yet
				return nil
			}
			s.add(Problem{File: chainFile, From: s.size, To: s.size + int64(len(line)), What: "is not understood: " + err.Error()})
			s.bad = true
		} else if err := s.step(l); err != nil {
			return err
		}
		s.pass(line, l.Seq)
		if visit != nil && err == nil {
			visit(s.head)
		}
	}
}

// pass moves behind a line.
func (s *survey) pass(line []byte, seq uint64) {
	s.at = s.size
	s.size += int64(len(line))
	s.whole.Write(line)
	s.head = Head{seq, sha256.Sum256(line)}
}

// step compares a line with the one before it and with the files.
func (s *survey) step(l link) error {
	if !s.bad && (l.Seq != s.head.Seq+1 || l.Prev != s.head.Hash) {
		what := whatLink
		if l.Seq != s.head.Seq+1 {
			what = fmt.Sprintf("is followed by line %d of the chain instead of line %d", l.Seq, s.head.Seq+1)
		}
		s.add(Problem{File: chainFile, From: s.at, To: max(s.size, 1), After: s.time, Before: l.Time, What: what})
		s.bad = l.Seq != s.head.Seq+1 // what the missing lines covered is not covered now
	}
	for _, e := range l.Files {
		if e.Name == visitFile {
			if l.Seq != 1 || e.From != 0 {
				s.add(Problem{File: chainFile, From: s.size, To: s.size + 1, What: "covers visit.json a second time"})
			}
			s.first = e.Sum
			continue
		}
		if err := s.compare(e, l.Time); err != nil {
			return err
		}
	}
	s.bad, s.time = false, l.Time
	return nil
}

// compare reads one extent back.
func (s *survey) compare(e extent, at time.Time) error {
	c := s.files[e.Name]
	if c == nil {
		c = &covered{whole: sha256.New()}
		s.files[e.Name] = c
	}
	if e.From != c.size {
		c.bad = true
		if !s.bad {
			s.add(Problem{File: e.Name, From: min(c.size, e.From), To: max(c.size, e.From, 1), Before: at, What: "is not covered by the chain exactly once"})
		}
	}
	c.size = e.Size
	n, part, err := s.digest(e, c.whole)
	p := Problem{File: e.Name, From: e.From, To: e.Size, After: s.time, Before: at, What: whatChanged}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		p.What = whatMissing
	case err != nil:
		p.What = "can't be read: " + err.Error()
	case n < e.Size-e.From:
		p.From, p.What = e.From+n, whatCut
	case part == e.Sum:
		s.verified += n
		return nil
	}
	c.bad = true
	s.add(p)
	return nil
}

// digest hashes an extent as it is on disk, n bytes of it.
func (s *survey) digest(e extent, whole hash.Hash) (n int64, part sum, err error) {
	f, err := s.handle(e.Name)
	if err != nil {
		return 0, part, err
	}
	h := sha256.New()
	section := io.NewSectionReader(f, e.From, e.Size-e.From)
	n, err = io.CopyBuffer(onlyWriter{io.MultiWriter(h, whole)}, onlyReader{section}, s.buf)
	return n, take(h), err
}

// handle keeps a few files open between the lines.
func (s *survey) handle(name string) (*os.File, error) {
	if f := s.handles[name]; f != nil {
		return f, nil
	}
	if len(s.handles) >= 32 {
		s.closeHandles()
	}
	f, err := s.dir.open(name)
	if err == nil {
		s.handles[name] = f
	}
	return f, err
}

func (s *survey) closeHandles() {
	for _, f := range s.handles {
		f.Close()
	}
	clear(s.handles)
}

// add notes a problem. One that goes on where the last of the same file
// stopped makes that one longer.
func (s *survey) add(p Problem) {
	for i := len(s.problems) - 1; i >= 0 && i >= len(s.problems)-32; i-- {
		last := &s.problems[i]
		if last.File == p.File && last.What == p.What && last.To == p.From && p.To > p.From {
			last.To, last.Before = p.To, p.Before
			return
		}
	}
	if len(s.problems) < maxProblems {
		s.problems = append(s.problems, p)
	}
}

// story is what the timeline says about the visit as a whole.
type story struct {
	opened Visit
	end    *End
}

// story reads the timeline's first and last event.
func (d folder) story() (story, error) {
	var st story
	first := true
	for e, err := range d.events() {
		if err != nil {
			return st, err
		}
		if first {
			if e.Kind != KindOpened {
				return st, fmt.Errorf("%s does not start with the opening of the visit", timelineFile)
			}
			if err := decodeStrict(e.Data, &st.opened); err != nil {
				return st, fmt.Errorf("the opening in %s: %w", timelineFile, err)
			}
			if err := st.opened.check(); err != nil {
				return st, err
			}
			first = false
		}
		if st.end != nil {
			return st, fmt.Errorf("%s goes on after the end of the visit", timelineFile)
		}
		if e.Kind == KindEnded {
			st.end = new(End)
			if err := decodeStrict(e.Data, st.end); err != nil {
				return st, fmt.Errorf("the end in %s: %w", timelineFile, err)
			}
		}
	}
	if first {
		return st, fmt.Errorf("%s is empty", timelineFile)
	}
	return st, nil
}
