package recordings

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Report is what [Verify] found.
type Report struct {
	Visit  Visit // as the timeline tells it; empty when that can't be read
	State  State // StateOpen when there is no seal
	Sealed time.Time
	Head   Head
	// Verified counts the bytes that are proven to be as they were written;
	// Tail those of an open recording that the chain does not cover yet.
	Verified, Tail int64
	Problems       []Problem
}

// OK reports whether nothing was found. An open recording can be OK: it runs,
// or a crash left it for [Library.Recover].
func (r Report) OK() bool { return len(r.Problems) == 0 }

// Verify compares the recording in the folder dir with its chain and seal, and
// the chain with heads that devices hold in their receipts. It names whatever
// was changed, cut, removed or added. The error is about a folder that can't be
// read at all.
//
// What it can't see without a head from a receipt: that somebody with the
// gateway's key made the whole folder anew, or that a recording was cut back to
// an earlier line of its chain together with its seal, which looks like a
// crash. With a head it sees both, for all that was written before that head.
func Verify(dir string, check Check, heads ...Head) (Report, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return Report{}, err
	}
	d, err := openFolder(abs)
	if err != nil {
		return Report{}, fmt.Errorf("open the recording: %w", err)
	}
	defer func() { _ = d.close() }() // it was only read
	v := verifier{dir: d, found: make(map[uint64]Head, len(heads))}
	for _, h := range heads {
		v.found[h.Seq] = Head{}
	}
	v.survey, err = d.survey(v.seen)
	if err != nil {
		return Report{}, fmt.Errorf("read the chain of the recording: %w", err)
	}
	names, err := d.names()
	if err != nil {
		return Report{}, fmt.Errorf("list the recording: %w", err)
	}
	return v.run(filepath.Base(abs), names, check, heads), nil
}

// verifier holds one run of Verify.
type verifier struct {
	*survey
	dir    folder
	found  map[uint64]Head // lines of the chain that receipts tell of
	report Report
}

func (v *verifier) seen(h Head) {
	if _, wanted := v.found[h.Seq]; wanted {
		v.found[h.Seq] = h
	}
}

func (v *verifier) run(base string, names []string, check Check, heads []Head) Report {
	v.report.State = StateOpen
	seal := v.checkSeal(check)
	v.checkStory(base, seal)
	if seal != nil {
		v.checkFiles(seal)
		v.checkNames(names, func(name string) bool {
			return name == sealFile || slices.ContainsFunc(seal.Files, func(f fileSum) bool { return f.Name == name })
		})
	} else {
		v.checkTails(names)
		v.checkNames(names, func(name string) bool {
			return coveredName.MatchString(name) || name == chainFile || name == sealFile || name == reserveFile || strings.HasSuffix(name, fresh)
		})
	}
	v.checkHeads(heads)
	v.report.Head, v.report.Verified, v.report.Problems = v.head, v.verified, v.problems
	return v.report
}

// checkSeal reads the seal; nil means that there is none that can be read.
func (v *verifier) checkSeal(check Check) *sealed {
	if !v.dir.exists(sealFile) {
		return nil
	}
	file, err := v.dir.read(sealFile, maxSeal)
	if err != nil {
		v.add(Problem{File: sealFile, What: "can't be read: " + err.Error()})
		return nil
	}
	s, statement, armored, err := parseSeal(file)
	if err != nil {
		v.add(Problem{File: sealFile, From: 0, To: int64(len(file)), What: "was changed: " + err.Error()})
		return nil
	}
	if err := check(statement, armored); err != nil {
		v.add(Problem{File: sealFile, From: 0, To: int64(len(file)), What: "was changed, or is of another gateway: " + err.Error()})
	}
	v.report.State, v.report.Sealed = s.State, s.Sealed
	return &s
}

// checkStory compares visit.json and the seal with what the timeline says.
func (v *verifier) checkStory(base string, seal *sealed) {
	st, err := v.dir.story()
	if err != nil {
		if v.named(timelineFile) {
			return
		}
		v.add(Problem{File: timelineFile, What: "does not tell the visit: " + err.Error()})
		return
	}
	v.report.Visit = st.opened
	if base != st.opened.ID {
		v.add(Problem{File: base, What: "is the name of the folder, but the recording in it is of the visit " + st.opened.ID})
	}
	text, err := st.opened.encode()
	if (err != nil || sumOf(text) != v.first) && !v.named(chainFile) {
		v.add(Problem{File: timelineFile, What: "opens with a visit that is not the one which the chain begins with"})
	}
	if st.end != nil {
		v.report.Visit = st.opened.with(*st.end)
		text, err = v.report.Visit.encode()
	}
	onDisk, readErr := v.dir.read(visitFile, maxVisit)
	switch {
	case readErr != nil:
		v.add(Problem{File: visitFile, What: "can't be read: " + readErr.Error()})
	case err != nil || !bytes.Equal(onDisk, text) && (seal != nil || sumOf(onDisk) != v.first):
		v.add(Problem{File: visitFile, From: 0, To: int64(max(len(onDisk), 1)), What: "was changed: it does not say what the timeline says"})
	}
	switch {
	case seal == nil && st.end != nil && !v.named(sealFile):
		v.add(Problem{File: sealFile, What: "is missing: the visit has ended, so it was removed, or the gateway crashed just before it and has not been started since"})
	case seal != nil && (st.end == nil || st.end.State != seal.State || seal.Visit != st.opened.ID):
		v.add(Problem{File: sealFile, What: "is not about the end that the timeline tells"})
	}
}

// checkFiles compares the files with the seal's list.
func (v *verifier) checkFiles(seal *sealed) {
	if v.torn > 0 {
		v.add(Problem{File: chainFile, From: v.size, To: v.size + v.torn, What: "is not understood"})
	}
	if v.head.Seq < seal.Seq {
		v.add(Problem{File: chainFile, From: v.size, To: v.size + 1, After: v.time, Before: seal.Sealed,
			What: fmt.Sprintf("is missing: the chain ends at line %d of %d", v.head.Seq, seal.Seq)})
	} else if v.head.Seq != seal.Seq || v.head.Hash != seal.Head {
		v.add(Problem{File: chainFile, From: v.at, To: max(v.size, 1), Before: seal.Sealed, What: "is not the last line that was sealed"})
	}
	for _, f := range seal.Files {
		if v.named(f.Name) {
			continue
		}
		if err := v.checkFile(f, seal.Sealed); err != nil {
			v.add(Problem{File: f.Name, What: "can't be read: " + err.Error()})
		}
	}
}

// checkFile compares a file with the seal. What the chain covers has been read
// already; the rest, and the files that it doesn't cover, are read here.
func (v *verifier) checkFile(f fileSum, sealed time.Time) error {
	if !v.dir.exists(f.Name) {
		v.add(Problem{File: f.Name, From: 0, To: f.Size, Before: sealed, What: whatMissing})
		return nil
	}
	file, err := v.dir.open(f.Name)
	if err != nil {
		return err
	}
	defer file.Close()
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if size > f.Size {
		v.add(Problem{File: f.Name, From: f.Size, To: size, After: sealed, What: whatAdded})
	}
	from, whole := int64(0), sha256.New()
	if c := v.files[f.Name]; c != nil {
		from, whole = c.size, c.whole
	}
	part := io.NewSectionReader(file, from, max(f.Size-from, 0))
	n, err := io.CopyBuffer(onlyWriter{whole}, onlyReader{part}, v.buf)
	if err != nil {
		return err
	}
	if from+n < f.Size {
		v.add(Problem{File: f.Name, From: from + n, To: f.Size, Before: sealed, What: whatCut})
	} else if take(whole) != f.Sum {
		v.add(Problem{File: f.Name, From: min(from, f.Size), To: max(f.Size, 1), After: v.time, Before: sealed, What: "is not what was sealed"})
	}
	return nil
}

// named reports whether a problem of the file is known already.
func (v *verifier) named(file string) bool {
	return slices.ContainsFunc(v.problems, func(p Problem) bool { return p.File == file })
}

// checkTails looks at what an open recording has behind the end of its chain.
func (v *verifier) checkTails(names []string) {
	for _, name := range names {
		if !coveredName.MatchString(name) || name == visitFile {
			continue
		}
		f, err := v.dir.open(name)
		if err != nil {
			v.add(Problem{File: name, What: "can't be read: " + err.Error()})
			continue
		}
		size, err := f.Seek(0, io.SeekEnd)
		f.Close()
		if err != nil {
			v.add(Problem{File: name, What: "can't be read: " + err.Error()})
		}
		if c := v.files[name]; c != nil {
			size -= c.size
		}
		v.report.Tail += max(size, 0)
	}
}

// checkNames names what does not belong into the folder.
func (v *verifier) checkNames(names []string, known func(string) bool) {
	for _, name := range names {
		if !known(name) {
			v.add(Problem{File: name, What: whatAdded + " to the folder"})
		}
	}
}

// checkHeads compares the chain with what devices were told.
func (v *verifier) checkHeads(heads []Head) {
	for _, h := range heads {
		switch got := v.found[h.Seq]; {
		case h.Seq == 0 || got == h:
		case got.Seq == 0:
			v.add(Problem{File: chainFile, From: v.size, To: v.size + 1, After: v.time,
				What: fmt.Sprintf("is missing: a device's receipt tells of line %d, the chain ends at line %d", h.Seq, v.head.Seq)})
		default:
			v.add(Problem{File: chainFile,
				What: fmt.Sprintf("is not the chain of the device's receipt: line %d is another", h.Seq)})
		}
	}
}

// asError joins problems for a log.
func asError(problems []Problem) error {
	errs := make([]error, 0, len(problems))
	for _, p := range problems[:min(len(problems), 10)] {
		errs = append(errs, errors.New(p.String()))
	}
	return errors.Join(errs...)
}
